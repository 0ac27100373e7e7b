# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices the facts are asked for."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..errors import HostdevError

if t.TYPE_CHECKING:
    from ..requests.specs.device_spec import DeviceSpec


@dataclass(frozen=True)
class Filters:
    """Which devices are asked for; a filter that is not set lets every device through.

    `capability` names types of devices or types nested in them, one of which a device must have. `passthrough` wants
    devices that a guest could be given, `available` those of them that nobody has. `affected_by` is a device's name
    or PCI address, `specs` are device specs of which a PCI function must fit one; tags in them count for nothing.
    `expired_at` is a time by which the device must have been due back.
    """

    capability: tuple[str, ...] = ()
    passthrough: bool = False
    available: bool = False
    affected_by: str | None = None
    specs: tuple[DeviceSpec, ...] | None = None
    expired_at: str | None = None

    def __post_init__(self) -> None:
        """Raises HostdevError with code conflicting_filters."""
        given = [
            name
            for name, value in (
                ("capability", self.capability),
                ("passthrough", self.passthrough),
                ("available", self.available),
                ("specs", self.specs is not None),
                ("expired", self.expired_at is not None),
            )
            if value
        ]
        if self.affected_by is not None and given:
            raise HostdevError(
                "conflicting_filters",
                subject=f"affected_by and {', '.join(given)}",
                found="affected_by asks for all that one device takes along",
                wanted="affected_by without another filter",
                remedy="leave one of them out, and filter the result where both are needed",
            )

    @property
    def need_nodes(self) -> bool:
        """Whether libvirt's node devices are needed for an answer about PCI functions alone."""
        return bool(self.capability or self.available or self.affected_by is not None)
