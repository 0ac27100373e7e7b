# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who uses a function: the host itself, or a domain. Each use leads to a blocker."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

MEDIATED = "mdev"
BELOW = "below"
DISK, PART = "disk", "part"


@dataclass(frozen=True)
class HostUse:
    """The host itself needs a function: `code` is the blocker code, `detail` names the mount, interface ...

    `path` is the sysfs path of what it needs (a disk, an interface), so that a USB or SCSI device above that is known
    to be in use as well; empty where the function itself is needed. `address` is empty where that is on no function.
    Not `allowable` is a use that no claim may accept, although it may accept others of the code.
    """

    code: str
    address: str
    detail: str
    path: str = ""
    allowable: bool = True


@dataclass(frozen=True)
class DomainUse:
    """A domain refers to a function by `via`; in its definition, live, or both.

    That is hostdev, interface or disk; `MEDIATED` where it has a mediated device that is made on the function, `BELOW`
    where it has another function, which goes when this one does. By `DISK` or `PART` it has what the function carries:
    then `node` is the path of a block device, or what else the domain names (a path in /dev, an interface ...).
    """

    domain: str
    uuid: str
    via: str
    active: bool
    config: bool
    live: bool
    node: str = ""

    @property
    def has_function(self) -> bool:
        """Whether the domain has the function itself."""
        return self.via not in (MEDIATED, BELOW)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "domain": self.domain,
            "uuid": self.uuid,
            "via": self.via,
            "active": self.active,
            "config": self.config,
            "live": self.live,
        }
