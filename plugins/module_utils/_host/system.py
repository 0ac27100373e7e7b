# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host with all that is read of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._model.guest.domain_uses import uses_by_address
from .._model.host.inventory import Inventory
from .reading.host_facts import read_host
from .reading.iommu_groups import reserved_memory
from .reading.pci.functions import read_devices, read_devices_at, read_devices_below

if t.TYPE_CHECKING:
    from .._model.guest.domain import Domain
    from .._model.host.device import PciDevice
    from .._model.host.uses import DomainUse, HostUse
    from .libvirt.domains import Domains
    from .sysfs import Tree
    from .usage.network.kernel.foreign_links import ForeignLink


@dataclass
class System:
    """`domains` is None without libvirt, `environ` the process's."""

    tree: Tree
    domains: Domains | None = None
    environ: t.Mapping[str, str] = field(default_factory=dict)
    # Where the kernel once did not answer in time it is not waited for again, device after device.
    _network_hangs: bool = field(default=False, init=False, repr=False)

    def inventory(self, domains: t.Sequence[Domain] | None = None, *, details: bool = False) -> Inventory:
        """All functions as they are now, with `details` where these are to be shown.

        `domains` saves asking libvirt again for what was just read.
        """
        if domains is None:
            domains = self.domains.all() if self.domains is not None else ()
        return self._inventory(read_devices(self.tree, details=details), domains)

    def inventory_of(self, addresses: t.Collection[str], *, ask_libvirt: bool = True) -> Inventory:
        """These functions and those below them, as far as they are there, with who uses them at this moment.

        That costs as much as the host has mounts, routes, open files and running domains, however many functions it
        has. Raises HostdevError where libvirt does not answer, unless it is not asked: then the uses are the host's.
        """
        domains = self.domains.running() if self.domains is not None and ask_libvirt else ()
        devices = {device.address: device for device in read_devices_at(self.tree, list(addresses))}
        for device in tuple(devices.values()):
            devices.update({below.address: below for below in read_devices_below(self.tree, device)})
        return self._inventory(list(devices.values()), domains)

    def _inventory(self, devices: t.Sequence[PciDevice], domains: t.Sequence[Domain]) -> Inventory:
        uses = uses_by_address(domains, self._mdev_parents(domains))
        with_guests = {address for address, domain_uses in uses.items() if any(use.live for use in domain_uses)}
        return Inventory(
            read_host(self.tree),
            devices,
            host_uses=self._host_uses(devices, with_guests),
            domain_uses=uses,
            reserved_memory=reserved_memory(self.tree, devices),
            part_uses=self._part_uses(domains),
        )

    def _part_uses(self, domains: t.Sequence[Domain]) -> t.Iterator[tuple[str, DomainUse]]:
        """Which domains have what some function carries; nothing is read before the first is asked for."""
        if not domains:
            return
        from .usage.domain_parts import part_uses

        yield from part_uses(self.tree, domains)

    def _mdev_parents(self, domains: t.Iterable[Domain]) -> dict[str, str]:
        """The functions of mediated devices by UUID; nothing is read unless a domain has any."""
        if not any(layout.mdevs for domain in domains for layout in (domain.config, domain.live) if layout is not None):
            return {}
        from .usage.processes.mediated import mdev_parents

        return mdev_parents(self.tree)

    def _host_uses(self, devices: t.Sequence[PciDevice], with_guests: t.Collection[str]) -> t.Iterator[HostUse]:
        """Who uses what on the host; nothing is read before the first is asked for."""
        from .usage.kernel_clients import kernel_client_uses
        from .usage.management import management_uses
        from .usage.network.kernel.network import PATIENCE, NetworkQuestion
        from .usage.network.uses import network_uses, parts_without_interface, without_interface
        from .usage.processes.hung import hung_uses
        from .usage.processes.mediated import mdev_uses
        from .usage.processes.uses import process_uses
        from .usage.storage.uses import storage_uses

        question = NetworkQuestion(self.tree, 0 if self._network_hangs else PATIENCE)
        yield from storage_uses(self.tree)  # meanwhile it is answered
        routing, foreign = question.answer()
        self._network_hangs |= question.hangs
        bare = [device for device in devices if without_interface(self.tree, device)]
        elsewhere = self._in_other_namespaces(bare, foreign, parts_without_interface(self.tree))
        yield from network_uses(self.tree, routing, self.environ, elsewhere)
        yield from elsewhere
        yield from management_uses(self.tree, devices)
        yield from kernel_client_uses(self.tree)
        yield from mdev_uses(self.tree)
        yield from hung_uses(self.tree, devices)
        yield from process_uses(self.tree, with_guests)

    def _in_other_namespaces(
        self, bare: t.Sequence[PciDevice], foreign: t.Sequence[ForeignLink], parts: t.Sequence[str]
    ) -> list[HostUse]:
        """What of the host other network namespaces have; `bare` and `parts` show no interface."""
        if not bare and not foreign and not parts:
            return []
        from .usage.network.namespaces import namespace_uses

        return namespace_uses(self.tree, bare, foreign, parts)
