# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All PCI functions of a host with the indexes that every question needs: groups, children, users."""

from __future__ import annotations

import bisect
import functools
import typing as t

from ..address import address_order

if t.TYPE_CHECKING:
    from .device import PciDevice
    from .host_facts import HostFacts
    from .uses import DomainUse, HostUse


class Inventory:
    """Functions by address, in address order, with what uses them.

    `host_uses` and `domain_uses` may name addresses that are not on the host (a definition that outlived a card).
    Uses of what is on no function are found by their path alone. `host_uses` are taken when the first question is
    about them: where that is a generator, who uses what on the host is not read before, and often not at all.
    Likewise `disk_uses`: functions with the domains that have a disk on them.
    """

    def __init__(
        self,
        host: HostFacts,
        devices: t.Iterable[PciDevice],
        *,
        host_uses: t.Iterable[HostUse] = (),
        domain_uses: t.Mapping[str, t.Sequence[DomainUse]] | None = None,
        disk_uses: t.Iterable[tuple[str, DomainUse]] = (),
    ) -> None:
        self.host = host
        self.devices: dict[str, PciDevice] = {
            device.address: device for device in sorted(devices, key=lambda device: address_order(device.address))
        }
        self.domain_uses: t.Mapping[str, t.Sequence[DomainUse]] = domain_uses or {}
        self._host_uses = host_uses
        self._disk_uses = disk_uses
        self.groups: dict[int, list[str]] = {}
        self._below: dict[str, list[str]] = {}
        for address, device in self.devices.items():
            if device.iommu_group is not None:
                self.groups.setdefault(device.iommu_group, []).append(address)
            if device.parent is not None:
                self._below.setdefault(device.parent, []).append(address)

    @functools.cached_property
    def _all_host_uses(self) -> list[HostUse]:
        return list(self._host_uses)

    @functools.cached_property
    def host_uses(self) -> dict[str, list[HostUse]]:
        uses: dict[str, list[HostUse]] = {}
        for use in self._all_host_uses:
            if use.address:
                uses.setdefault(use.address, []).append(use)
        return uses

    @functools.cached_property
    def disk_uses(self) -> dict[str, list[DomainUse]]:
        uses: dict[str, list[DomainUse]] = {}
        for address, use in self._disk_uses:
            uses.setdefault(address, []).append(use)
        return uses

    @functools.cached_property
    def _by_path(self) -> list[tuple[str, HostUse]]:
        uses = [(f"{use.path}/", use) for use in self._all_host_uses if use.path]
        return sorted(uses, key=lambda pair: pair[0])

    def host_uses_within(self, path: str) -> list[HostUse]:
        """The uses of what is at a sysfs path or below it, in the order of their paths."""
        # "0" is what follows "/" in ASCII.
        first, end = (bisect.bisect_left(self._by_path, (path + bound,)) for bound in "/0")
        return [use for _path, use in self._by_path[first:end]]

    def group_mates(self, address: str) -> list[PciDevice]:
        """The other functions of the same IOMMU group, in address order."""
        group = self.devices[address].iommu_group
        if group is None:
            return []
        return [self.devices[mate] for mate in self.groups[group] if mate != address]

    def descendants(self, address: str) -> list[str]:
        """Addresses of all functions below a bridge, in address order."""
        addresses: list[str] = []
        pending = list(self._below.get(address, ()))
        while pending:
            below = pending.pop()
            addresses.append(below)
            pending.extend(self._below.get(below, ()))
        return sorted(addresses, key=address_order)

    def affected(self, address: str) -> list[str]:
        """What else is touched when the function is given away.

        Addresses of group mates, or of what lies below a function without a group, and of the VFs of a PF among them;
        then, as `kind/name`, the children (interfaces, disks ...) that the function and all of those carry.
        """
        device = self.devices[address]
        functions = self._affected_functions(device)
        if not functions and not device.children:
            return []
        children = [
            f"{child.kind}/{child.name}"
            for function in [address, *functions]
            if function in self.devices
            for child in self.devices[function].children
        ]
        return functions + children

    def _affected_functions(self, device: PciDevice) -> list[str]:
        group = device.iommu_group
        if group is None:
            others = set(self.descendants(device.address))
        elif len(self.groups[group]) == 1 and not device.virtual_functions:
            return []  # most VFs
        else:
            others = set(self.groups[group])
        for address in [device.address, *others]:
            others.update(self.devices[address].virtual_functions)
        others.discard(device.address)
        return sorted(others, key=address_order)
