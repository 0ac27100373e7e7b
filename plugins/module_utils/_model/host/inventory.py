# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All PCI functions of a host with the indexes that every question needs: groups, children, users."""

from __future__ import annotations

import bisect
import copy
import functools
import typing as t
from dataclasses import replace

from ..address import address_order
from .uses import BELOW

if t.TYPE_CHECKING:
    from .device import PciDevice
    from .host_facts import HostFacts
    from .uses import DomainUse, HostUse


_Use = t.TypeVar("_Use")


class Inventory:
    """Functions by address, in address order, with what uses them.

    `host_uses` and `domain_uses` may name addresses that are not on the host (a definition that outlived a card).
    Uses of what is on no function are found by their path alone. `host_uses` are taken when the first question is
    about them: where that is a generator, who uses what on the host is not read before, and often not at all.
    `reserved_memory` are regions that the devices of an IOMMU group need mapped as they are, by group.
    Likewise `part_uses`: functions with the domains that have a disk on them, or another part of them. `switches` are
    the upstream ports where somebody has looked already, as in facts; None where the bridges are to be asked.
    """

    def __init__(
        self,
        host: HostFacts,
        devices: t.Iterable[PciDevice],
        *,
        host_uses: t.Iterable[HostUse] = (),
        domain_uses: t.Mapping[str, t.Sequence[DomainUse]] | None = None,
        reserved_memory: t.Mapping[int, str] | None = None,
        part_uses: t.Iterable[tuple[str, DomainUse]] = (),
    ) -> None:
        self.host = host
        self.reserved_memory = reserved_memory or {}
        self.switches: t.Collection[str] | None = None
        self.devices: dict[str, PciDevice] = {
            device.address: device for device in sorted(devices, key=lambda device: address_order(device.address))
        }
        self._host_uses = host_uses
        self._part_uses = part_uses
        self.groups: dict[int, list[str]] = {}
        self._below: dict[str, list[str]] = {}
        for address, device in self.devices.items():
            if device.iommu_group is not None:
                self.groups.setdefault(device.iommu_group, []).append(address)
            if device.parent is not None:
                self._below.setdefault(device.parent, []).append(address)
        # Endpoints with functions below them, such as Intel's VMD with a PCI segment of its own: they take it along.
        carriers = (address for address in self._below if address in self.devices)
        self._carried = {
            address: self.descendants(address) for address in carriers if not self.devices[address].is_bridge
        }
        self.domain_uses: t.Mapping[str, t.Sequence[DomainUse]] = self._with_uses_below(
            domain_uses or {}, lambda use: replace(use, via=BELOW)
        )

    def _with_uses_below(
        self, uses: t.Mapping[str, t.Sequence[_Use]], from_below: t.Callable[[_Use], _Use]
    ) -> t.Mapping[str, t.Sequence[_Use]]:
        """The uses by address, to an endpoint's own added those of all functions below it."""
        carried = {
            address: [*uses.get(address, ()), *(from_below(use) for name in below for use in uses.get(name, ()))]
            for address, below in self._carried.items()
        }
        return {**uses, **{address: several for address, several in carried.items() if several}} if carried else uses

    @functools.cached_property
    def all_host_uses(self) -> list[HostUse]:
        return list(self._host_uses)

    @functools.cached_property
    def all_part_uses(self) -> list[tuple[str, DomainUse]]:
        return list(self._part_uses)

    @functools.cached_property
    def host_uses(self) -> t.Mapping[str, t.Sequence[HostUse]]:
        uses: dict[str, list[HostUse]] = {}
        for use in self.all_host_uses:
            if use.address:
                uses.setdefault(use.address, []).append(use)
        return self._with_uses_below(uses, lambda use: use)

    @functools.cached_property
    def part_uses(self) -> t.Mapping[str, t.Sequence[DomainUse]]:
        uses: dict[str, list[DomainUse]] = {}
        for address, use in self.all_part_uses:
            uses.setdefault(address, []).append(use)
        return self._with_uses_below(uses, lambda use: use)

    @functools.cached_property
    def _by_path(self) -> list[tuple[str, HostUse]]:
        uses = [(f"{use.path}/", use) for use in self.all_host_uses if use.path]
        return sorted(uses, key=lambda pair: pair[0])

    def host_uses_within(self, path: str) -> list[HostUse]:
        """The uses of what is at a sysfs path or below it, in the order of their paths."""
        # "0" is what follows "/" in ASCII.
        first, end = (bisect.bisect_left(self._by_path, (path + bound,)) for bound in "/0")
        return [use for _path, use in self._by_path[first:end]]

    def with_changes(
        self, devices: t.Mapping[str, PciDevice], domain_uses: t.Mapping[str, t.Sequence[DomainUse]]
    ) -> Inventory:
        """The inventory with some functions and uses by domains as they will be; the host uses what it used."""
        changed = copy.copy(self)
        changed._host_uses, changed._part_uses = self.all_host_uses, self.all_part_uses
        changed.devices = {**self.devices, **devices}
        changed.domain_uses = {**self.domain_uses, **domain_uses}
        return changed

    def group_mates(self, address: str) -> list[PciDevice]:
        """The other functions of the same IOMMU group, in address order."""
        group = self.devices[address].iommu_group
        if group is None:
            return []
        return [self.devices[mate] for mate in self.groups[group] if mate != address]

    def descendants(self, address: str) -> list[str]:
        """Addresses of all functions below a bridge, or another function, in address order."""
        addresses: list[str] = []
        pending = list(self._below.get(address, ()))
        while pending:
            below = pending.pop()
            addresses.append(below)
            pending.extend(self._below.get(below, ()))
        return sorted(addresses, key=address_order)

    def carried(self, address: str) -> list[str]:
        """Addresses of all functions below one that is no bridge, and which so go when it does."""
        return self._carried.get(address, [])

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
        elif len(self.groups[group]) == 1 and not device.virtual_functions and not self.carried(device.address):
            return []  # most VFs
        else:
            others = set(self.groups[group])
            others.update(self.carried(device.address))
        for address in [device.address, *others]:
            others.update(self.devices[address].virtual_functions)
        others.discard(device.address)
        return sorted(others, key=address_order)
