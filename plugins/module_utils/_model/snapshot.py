# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that was read of a host at one moment, for the rules to decide on."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from .claims.claim import Owner
    from .claims.tracker import Tracker
    from .guest.domain import Domain
    from .host.device import Binding, PciDevice
    from .host.inventory import Inventory
    from .host.nodes.node_device import NodeDevice
    from .host.vf_state import VfState


def _unknown(_device: PciDevice) -> None:
    return None


def _vfio_pci(_device: PciDevice) -> str:
    return "vfio-pci"


@dataclass(frozen=True)
class Snapshot:
    """What was read of a host; nothing in it changes when the host does.

    `tracker` is a copy of the record's. `domains` is None where libvirt could not be asked; `named` is the one of
    them that a claim is for, since libvirt knows a domain by more than one spelling. `nodes` are the USB and SCSI
    devices by name, read only where somebody holds or wants one; `vf_states` what PFs have of those VFs that the
    decision is about, by address, see decision.claim. `vfio_driver` names the VFIO driver for a function: it may look
    that up in the kernel's table of modules, which is large and is not read unless a function is to be bound;
    `host_driver` likewise names the one that the host would choose, None where that can't be told. `before_libvirt`
    tells how a function was before libvirt bound it, None where something else gives it to VFIO at boot. `restarted`
    says that the host was started anew since the record was written; `not_restored` by address why a device was not
    brought back then. `now` is the time of the host's clock, see requests.limits.times; empty where nobody asks.
    """

    inventory: Inventory
    tracker: Tracker
    domains: tuple[Domain, ...] | None = None
    named: Domain | None = None
    nodes: t.Mapping[str, NodeDevice] = field(default_factory=dict)
    vf_states: t.Mapping[str, VfState] = field(default_factory=dict)
    vfio_driver: t.Callable[[PciDevice], str] = _vfio_pci
    host_driver: t.Callable[[PciDevice], str | None] = _unknown
    before_libvirt: t.Callable[[PciDevice], Binding | None] = _unknown
    restarted: bool = False
    not_restored: t.Mapping[str, str] = field(default_factory=dict)
    now: str = ""

    def domain_of(self, owner: Owner) -> Domain | None:
        """The domain that is this owner, None where the owner is none or its domain is gone."""
        return self._by_uuid.get(owner.id) if owner.kind == "domain" else None

    @functools.cached_property
    def _by_uuid(self) -> dict[str, Domain]:
        return {domain.uuid: domain for domain in self.domains or ()}
