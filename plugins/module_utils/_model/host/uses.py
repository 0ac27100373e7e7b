# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who uses a function: the host itself, or a domain. Each use leads to a blocker."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class HostUse:
    """The host itself needs a function: `code` is the blocker code, `detail` names the mount, interface ...

    `path` is the sysfs path of what it needs (a disk, an interface), so that a USB or SCSI device above that is known
    to be in use as well; empty where the function itself is needed. `address` is empty where that is on no function.
    """

    code: str
    address: str
    detail: str
    path: str = ""


@dataclass(frozen=True)
class DomainUse:
    """A domain refers to a function by `via`: hostdev, interface or disk; in its definition, live, or both.

    `node` is the path of a block device that lies on the function, where it is that which the domain names as a disk.
    """

    domain: str
    uuid: str
    via: str
    active: bool
    config: bool
    live: bool
    node: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "domain": self.domain,
            "uuid": self.uuid,
            "via": self.via,
            "active": self.active,
            "config": self.config,
            "live": self.live,
        }
