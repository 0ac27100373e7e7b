# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""One host with all that is read of it and done to it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._model.inventory import Inventory
from .domains import uses_by_address
from .host import read_host
from .netlink import read_routing
from .network import network_uses
from .pci import read_devices
from .platform import platform_uses
from .processes import process_uses
from .storage import storage_uses

if t.TYPE_CHECKING:
    from .._model.domain import Domain
    from .binding import Binder
    from .domains import Domains
    from .sysfs import Tree
    from .vf_settings import VfSettings


@dataclass
class System:
    """`domains` is None without libvirt; `binder` and `vf_settings` None where nothing is to be changed.

    `environ` is the process's.
    """

    tree: Tree
    domains: Domains | None = None
    binder: Binder | None = None
    environ: t.Mapping[str, str] = field(default_factory=dict)
    vf_settings: VfSettings | None = None

    def inventory(self, domains: t.Sequence[Domain] | None = None, *, details: bool = False) -> Inventory:
        """All functions as they are now, with `details` where these are to be shown.

        `domains` saves asking libvirt again for what was just read.
        """
        if domains is None:
            domains = self.domains.all() if self.domains is not None else ()
        devices = read_devices(self.tree, details=details)
        uses = uses_by_address(domains)
        with_guests = {address for address, ones in uses.items() if any(use.live for use in ones)}
        return Inventory(
            read_host(self.tree),
            devices,
            host_uses=[
                *storage_uses(self.tree),
                *network_uses(self.tree, read_routing(self.tree), self.environ),
                *platform_uses(self.tree, devices),
                *process_uses(self.tree, with_guests),
            ],
            domain_uses=uses,
        )
