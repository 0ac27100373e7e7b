# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gathering the facts: one inventory, seen through the record and, where it is there, libvirt.

What only some hosts or options need is imported where it is needed: a host compiles on each task what that imports.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._host.reading.host_facts import read_host
from .._host.reading.module_aliases import ModuleAliases
from .._host.reading.pci.functions import read_devices
from .._host.reading.pci.ids import read_pci_ids
from .._host.system import System
from .._model.address import nodedev_name
from .._model.availability.pools import pools
from .._model.availability.status import Statuses
from .._model.host.inventory import Inventory
from .._model.host.topology import Topology
from .._model.report.devices import DETAILS, device_report, groups_report, tree_report
from .._model.report.drift import drift
from .._model.report.filters import Filters
from .._model.report.listing import Listing
from .._model.report.subset import PARTS, check_fields, parse_subset, pick
from .._model.snapshot import Snapshot

if t.TYPE_CHECKING:
    from .._host.libvirt.node_devices import NodeDevices
    from .._host.sysfs import Tree
    from .._model.claims.claim import Claim
    from .._model.guest.domain import Domain
    from .._model.host.device import PciDevice
    from .._model.host.host_facts import HostFacts
    from .._model.host.nodes.node_device import NodeDevice, Nodes
    from .._model.record.record import Record
    from .libvirt import Libvirt


@dataclass(frozen=True)
class FactsWish:
    """What is to be gathered: `parts` of `_model.report.subset.PARTS`; `fields` None for all of a device's fields."""

    parts: frozenset[str] = frozenset(PARTS)
    filters: Filters = field(default_factory=Filters)
    fields: tuple[str, ...] | None = None

    @property
    def devices(self) -> bool:
        return bool(self.parts & {"devices", "node_devices"})

    @property
    def needs_details(self) -> bool:
        """Whether details of functions are to be shown, functions chosen by them, or pools counted, which tell some."""
        if "pools" in self.parts:
            return True
        chosen = any(spec.needs_details for spec in self.filters.specs or ())
        return self.devices and (chosen or self.fields is None or not DETAILS.isdisjoint(self.fields))

    @property
    def needs_uses(self) -> bool:
        """Whether it matters who uses which device."""
        return self.devices or bool(self.parts & {"pools", "drift"})

    @property
    def needs_nodes(self) -> bool:
        return bool(self.parts & {"node_devices", "tree"}) or (self.devices and self.filters.need_nodes)


def parse_wish(options: t.Mapping[str, t.Any], now: str = "") -> FactsWish:
    """The options, understood; `now` as `gather` takes it. Raises HostdevError."""
    specs = options["specs"]
    if specs is not None:
        from .._model.requests.specs.device_spec import parse_device_specs

        specs = parse_device_specs(specs, "specs")
        if not specs:
            from .._model.values import invalid

            raise invalid("specs", [], "one device spec or more", "leave specs out (`default(omit)`) for all devices")
    return FactsWish(
        parts=parse_subset(options["gather_subset"]),
        filters=Filters(
            capability=tuple(options["capability"]),
            passthrough=options["passthrough"],
            available=options["available"],
            affected_by=options["affected_by"],
            specs=specs,
            expired_at=now if options["expired"] else None,
        ),
        fields=None if options["fields"] is None else tuple(options["fields"]),
    )


def gather(
    system: System, libvirt: Libvirt | None, reason: str, record: Record, wish: FactsWish, now: str = ""
) -> tuple[dict[str, t.Any], list[str]]:
    """The value of `ansible_facts.hostdev`, and warnings. `reason` says why no libvirt, `now` (UTC) what is overdue."""
    tree = system.tree
    domains: list[Domain] | None = None
    if libvirt is not None and (wish.needs_uses or "host" in wish.parts):
        domains = libvirt.domains.all()
    if wish.needs_uses:
        inventory = system.inventory(domains or (), details=wish.needs_details)
    else:
        known = wish.parts & {"iommu_groups", "tree"}
        inventory = Inventory(read_host(tree), read_devices(tree) if known else ())
    nodes: list[NodeDevice] = []
    warnings: list[str] = []
    listed: frozenset[str] = frozenset()
    if libvirt is not None and wish.needs_nodes:
        nodes, warnings, listed = _nodes(libvirt, inventory, wish)
    statuses, topology = Statuses(inventory, record.tracker), Topology(inventory)
    listing = Listing(inventory, nodes, statuses, domains or (), listed)
    parts: dict[str, t.Callable[[], t.Any]] = {
        "devices": lambda: _devices(tree, listing, statuses, topology, wish),
        "iommu_groups": lambda: groups_report(inventory),
        "tree": lambda: tree_report(listing.parents()),
        "pools": lambda: pools(topology, filter(statuses.claimable, inventory.devices)),
        "claims": lambda: [_claim(claim, now) for claim in record.tracker],
        "drift": lambda: drift(
            Snapshot(
                inventory,
                record.tracker,
                None if domains is None else tuple(domains),
                nodes=_held_nodes(tree, record),
                not_restored=_not_restored(tree, inventory.host.boot_id),
            )
        ),
        "host": lambda: {**_host(inventory.host, libvirt, reason), **_names(domains)},
    }
    wanted = wish.parts | {"devices"} if wish.devices else wish.parts
    return {part: made() for part, made in parts.items() if part in wanted}, warnings


def _nodes(libvirt: Libvirt, inventory: Inventory, wish: FactsWish) -> NodeDevices:
    """Libvirt's node devices. Of PCI functions sysfs tells all but the capabilities that may be filtered by."""
    from .._host.libvirt.node_devices import read_node_devices

    known = frozenset() if wish.filters.capability else frozenset(map(nodedev_name, inventory.devices))
    return read_node_devices(libvirt.handle, libvirt.error, known)


def _devices(
    tree: Tree, listing: Listing, statuses: Statuses, topology: Topology, wish: FactsWish
) -> list[dict[str, t.Any]]:
    """The devices that are asked for, with the fields that are."""
    selected = [
        entry
        for entry in listing.select(wish.filters)
        if ("devices" if entry.address is not None else "node_devices") in wish.parts
    ]
    inventory = statuses.inventory
    functions = {entry.address: inventory.devices[entry.address] for entry in selected if entry.address is not None}
    # Which fields there are is seen from any function, also when none is selected.
    sample = next(iter(inventory.devices.values()), None) if wish.fields is not None else None
    names = read_pci_ids(tree, [*functions.values(), *([sample] if sample is not None else [])])
    aliases = ModuleAliases(tree, inventory.host.kernel_release)

    def report(device: PciDevice) -> dict[str, t.Any]:
        return device_report(statuses, topology[device.address], device, names, aliases)

    devices = []
    for entry in selected:
        device = {} if entry.address is None else report(functions[entry.address])
        device.update(listing.as_dict(entry))
        devices.append(device)
    if wish.fields is None:
        return devices
    if sample is not None:
        present = {key for entry in listing.entries.values() if entry.address is None for key in entry.as_dict()}
        from .._model.host.nodes.node_fields import FIELDS

        check_fields(wish.fields, FIELDS | present | report(sample).keys())
    return [pick(device, wish.fields) for device in devices]


def _claim(claim: Claim, now: str) -> dict[str, t.Any]:
    """A claim as it is on record, with what of it is overdue where something is."""
    overdue = claim.overdue(now)
    return {**claim.as_dict(), **({"overdue": list(overdue)} if overdue else {})}


def _held_nodes(tree: Tree, record: Record) -> Nodes:
    """The USB and SCSI devices, which are only read where somebody holds one."""
    if not any(claim.node_devices for claim in record.tracker):
        return {}
    from .._host.reading.usb_scsi import read_usb_and_scsi

    return read_usb_and_scsi(tree)


def _not_restored(tree: Tree, boot_id: str) -> dict[str, str]:
    """What the restore at this start of the host has left; where nothing ever comes back there is no note."""
    if not tree.exists("/run/kvm.hostdev"):
        return {}
    from .._host.reading.restore_note import read_not_restored

    return read_not_restored(tree, boot_id)


def _names(domains: list[Domain] | None) -> dict[str, list[str]]:
    """The names of the domains, which are told where they were read."""
    return {} if domains is None else {"domains": [domain.name for domain in domains]}


def _host(host: HostFacts, libvirt: Libvirt | None, reason: str) -> dict[str, t.Any]:
    return {
        "iommu": host.iommu,
        "iommu_reason": host.iommu_reason,
        "vfio_present": host.vfio_present,
        "vfio_available": host.vfio_available,
        "kernel": host.kernel_release,
        "boot_id": host.boot_id,
        "numa_nodes": [{"id": number, "socket": node.socket} for number, node in sorted(host.numa_nodes.items())],
        "libvirt": libvirt is not None,
        "libvirt_reason": reason,
        **(libvirt.versions() if libvirt is not None else {}),
    }
