# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a host for a decision."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import replace

from ..._model.decision.vfs.concerned import vfs_concerned
from ..._model.host.device import NO_DRIVER, Binding
from ..._model.snapshot import Snapshot

if t.TYPE_CHECKING:
    from ..._model.binders.fighter import Fighter
    from ..._model.claims.tracker import Tracker
    from ..._model.guest.domain import Domain
    from ..._model.host.device import PciDevice
    from ..._model.host.nodes.node_device import Nodes
    from ..._model.plan.plan import Change
    from ..._model.requests.request import Request
    from ..libvirt.changes import DomainChanges
    from ..reading.module_aliases import ModuleAliases
    from .host import ChangingHost


def read_snapshot(
    host: ChangingHost,
    tracker: Tracker,
    *,
    domain: str | None = None,
    requests: t.Iterable[Request] = (),
    details: bool = False,
) -> Snapshot:
    """The host as it is now, for an owner's claim or the release of claims.

    Claims in `tracker` get the names that their domains have now. `domain` is the one that a claim is for. USB and SCSI
    devices are read where somebody holds one, or `requests` want one, `details` of functions where specs are about
    them. Raises HostdevError where libvirt does not
    answer, has no such domain, or is of a hypervisor that gets no PCI devices.
    """
    domains = None if host.domains is None else host.domains.all()
    named = None
    if domain is not None and host.domains is not None and domains is not None:
        host.domains.check_hypervisor()
        named = _named(host.domains, domains, domain)
    tracker.relabel({known.uuid: known.name for known in domains or ()})
    inventory = host.inventory(domains or (), details=details)
    wanted = any(request.node is not None for request in requests) or any(claim.node_devices for claim in tracker)
    drivers = _Drivers(host, inventory.host.kernel_release)
    return Snapshot(
        inventory,
        tracker.copy(),
        None if domains is None else tuple(domains),
        named,
        nodes=_usb_and_scsi(host) if wanted else {},
        vfio_driver=drivers.vfio,
        host_driver=drivers.of_host,
        before_libvirt=drivers.before_libvirt,
        now=host.now(),
    )


def with_named(host: ChangingHost, snapshot: Snapshot, domain: str) -> tuple[Snapshot, Domain | None]:
    """The snapshot with a domain, by whichever spelling libvirt knows it; None where libvirt could not be asked.

    Raises HostdevError as read_snapshot does.
    """
    if host.domains is None or snapshot.domains is None:
        return snapshot, None
    host.domains.check_hypervisor()
    domains = list(snapshot.domains)
    named = _named(host.domains, domains, domain)
    return (snapshot if len(domains) == len(snapshot.domains) else replace(snapshot, domains=tuple(domains))), named


def _usb_and_scsi(host: ChangingHost) -> Nodes:
    from ..reading.usb_scsi import read_usb_and_scsi

    return read_usb_and_scsi(host.tree)


class _Drivers:
    """Tells a function's drivers; the kernel's table of modules is read when the first is asked for."""

    def __init__(self, host: ChangingHost, kernel_release: str) -> None:
        self._host, self._kernel_release = host, kernel_release

    def vfio(self, device: PciDevice) -> str:
        return self._aliases.vfio_driver(device)

    def of_host(self, device: PciDevice) -> str | None:
        """A loaded one rather than one that is not."""
        candidates = self._aliases.candidates(device)
        loaded = [name for name in candidates if self._host.tree.exists(f"/sys/bus/pci/drivers/{name}")]
        return next(iter([*loaded, *candidates]), None)

    def before_libvirt(self, device: PciDevice) -> Binding | None:
        """What libvirt leads back to: the kernel's choice, which is none for VFs that are left alone."""
        ids = f"{device.vendor_id}:{device.product_id}"
        if any(fighter.gives_away(device.address, ids) for fighter in self._fighters):
            return None
        pf = device.physical_function
        if pf is not None and self._host.tree.number(f"/sys/bus/pci/devices/{pf}/sriov_drivers_autoprobe") == 0:
            return Binding(None, None)
        driver = self.of_host(device)
        # By this override a release has the kernel choose.
        return Binding(driver, NO_DRIVER if driver is None else None)

    @functools.cached_property
    def _fighters(self) -> tuple[Fighter, ...]:
        return self._host.binders().fighters

    @functools.cached_property
    def _aliases(self) -> ModuleAliases:
        from ..reading.module_aliases import ModuleAliases

        return ModuleAliases(self._host.tree, self._kernel_release)


def with_vf_states(host: ChangingHost, snapshot: Snapshot, change: Change) -> Snapshot:
    """The snapshot with what PFs have of the VFs that a change is about. Raises HostdevError where one can't tell."""
    addresses = vfs_concerned(change)
    if not addresses or host.vf_settings is None:
        return snapshot
    told = host.vf_settings.states(snapshot.inventory, addresses)
    return replace(snapshot, vf_states={address: told[address] for address in addresses if address in told})


def _named(libvirt: DomainChanges, domains: list[Domain], wanted: str) -> Domain:
    """The domain that libvirt knows by this name or UUID. One that has come since `domains` were read joins them."""
    for domain in domains:
        if wanted in (domain.name, domain.uuid):
            return domain
    domain_now = libvirt.find(wanted)
    for domain in domains:
        if domain.uuid == domain_now.uuid:
            return domain
    domains.append(domain_now)
    return domain_now
