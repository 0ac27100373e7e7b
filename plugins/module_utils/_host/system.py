# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host with all that is read of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._model.guest.domain_uses import uses_by_address
from .._model.host.inventory import Inventory
from .reading.host_facts import read_host
from .reading.pci import read_devices

if t.TYPE_CHECKING:
    from .._model.guest.domain import Domain
    from .._model.host.device import PciDevice
    from .._model.host.uses import DomainUse, HostUse
    from .libvirt.domains import Domains
    from .sysfs import Tree


@dataclass
class System:
    """`domains` is None without libvirt, `environ` the process's."""

    tree: Tree
    domains: Domains | None = None
    environ: t.Mapping[str, str] = field(default_factory=dict)

    def inventory(self, domains: t.Sequence[Domain] | None = None, *, details: bool = False) -> Inventory:
        """All functions as they are now, with `details` where these are to be shown.

        `domains` saves asking libvirt again for what was just read.
        """
        if domains is None:
            domains = self.domains.all() if self.domains is not None else ()
        devices = read_devices(self.tree, details=details)
        uses = uses_by_address(domains)
        with_guests = {address for address, domain_uses in uses.items() if any(use.live for use in domain_uses)}
        return Inventory(
            read_host(self.tree),
            devices,
            host_uses=self._host_uses(devices, with_guests),
            domain_uses=uses,
            disk_uses=self._disk_uses(domains),
        )

    def _disk_uses(self, domains: t.Sequence[Domain]) -> t.Iterator[tuple[str, DomainUse]]:
        """Which domains have a disk on which function; nothing is read before the first is asked for."""
        if not domains:
            return
        from .usage.domain_disks import disk_uses

        yield from disk_uses(self.tree, domains)

    def _host_uses(self, devices: t.Sequence[PciDevice], with_guests: t.Collection[str]) -> t.Iterator[HostUse]:
        """Who uses what on the host; nothing is read before the first is asked for."""
        from .usage.kernel_routes import read_routing
        from .usage.management import management_uses
        from .usage.network import network_uses
        from .usage.processes import process_uses
        from .usage.storage import storage_uses

        yield from storage_uses(self.tree)
        yield from network_uses(self.tree, read_routing(self.tree), self.environ)
        yield from management_uses(self.tree, devices)
        yield from process_uses(self.tree, with_guests)
