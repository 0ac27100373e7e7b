# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gathering the facts: one inventory, seen through the record and, where it is there, libvirt."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field

from .._host.libvirt.node_devices import read_node_devices
from .._host.reading.host_facts import read_host
from .._host.reading.module_aliases import ModuleAliases
from .._host.reading.pci import read_devices
from .._host.reading.pci_ids import read_names
from .._host.reading.usb_scsi import read_usb_and_scsi
from .._host.record.lock import LOCK, lock_holder
from .._host.record.record_file import RecordFile
from .._host.sysfs import Tree
from .._host.system import System
from .._model.availability.pools import pools
from .._model.availability.status import Standing
from .._model.errors import HostdevError, one_line
from .._model.host.inventory import Inventory
from .._model.host.node_fields import FIELDS
from .._model.record.schema import Record
from .._model.report.devices import device_report, groups_report, tree_report
from .._model.report.drift import drift
from .._model.report.filters import Filters
from .._model.report.listing import Listing
from .._model.report.subset import PARTS, check_fields, parse_subset, pick
from .._model.requests.device_spec import parse_device_specs
from .._model.snapshot import Snapshot
from .libvirt import Connection, connect

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from .._model.guest.domain import Domain
    from .._model.host.device import PciDevice
    from .._model.host.host_facts import HostFacts
    from .._model.host.node_device import NodeDevice, Nodes


@dataclass(frozen=True)
class Wish:
    """What is to be gathered: `parts` of `_model.subset.PARTS`; `fields` None for all of a device's fields."""

    parts: frozenset[str] = frozenset(PARTS)
    filters: Filters = field(default_factory=Filters)
    fields: tuple[str, ...] | None = None

    @property
    def devices(self) -> bool:
        return bool(self.parts & {"devices", "node_devices"})

    @property
    def needs_libvirt(self) -> bool:
        return bool(self.parts - {"claims", "iommu_groups"})

    @property
    def needs_uses(self) -> bool:
        """Whether it matters who uses which device."""
        return self.devices or bool(self.parts & {"pools", "drift"})

    @property
    def needs_nodes(self) -> bool:
        return bool(self.parts & {"node_devices", "tree"}) or (self.devices and self.filters.need_nodes)


def facts(module: AnsibleModule) -> dict[str, t.Any]:
    """The facts module's work; never changes the host."""
    options = module.params
    wish = _wish(options)
    connection, reason = None, "not asked for (libvirt: none)"
    required = options["libvirt"] == "required"
    if options["libvirt"] != "none" and (wish.needs_libvirt or required):
        connection, reason = connect(module, options["uri"], required=required)
    record = _read_record(module)
    gathered, warnings = gather(Tree(), connection, reason, record, os.environ, wish)
    for warning in warnings:
        module.warn(one_line(warning))
    return {"changed": False, "ansible_facts": {"hostdev": gathered}}


def gather(
    tree: Tree,
    connection: Connection | None,
    reason: str,
    record: Record,
    environ: t.Mapping[str, str],
    wish: Wish,
) -> tuple[dict[str, t.Any], list[str]]:
    """The value of `ansible_facts.hostdev`, and warnings. `reason` says why there is no connection."""
    domains: list[Domain] | None = None
    nodes: list[NodeDevice] = []
    warnings: list[str] = []
    if connection is not None and wish.needs_uses:
        domains = connection.domains.all()
    if connection is not None and wish.needs_nodes:
        nodes, warnings = read_node_devices(connection.handle, connection.error)
    if wish.needs_uses:
        inventory = System(tree, environ=environ).inventory(domains or ())
    else:
        known = wish.parts & {"iommu_groups", "tree"}
        inventory = Inventory(read_host(tree), read_devices(tree) if known else ())
    standing = Standing(inventory, record.tracker)
    listing = Listing(inventory, nodes, standing, domains or ())
    parts: dict[str, t.Callable[[], t.Any]] = {
        "devices": lambda: _devices(tree, listing, inventory, standing, wish),
        "iommu_groups": lambda: groups_report(inventory),
        "tree": lambda: tree_report(listing.parents()),
        "pools": lambda: pools(inventory, filter(standing.claimable, inventory.devices)),
        "claims": lambda: [claim.as_dict() for claim in record.tracker],
        "drift": lambda: drift(
            Snapshot(
                inventory,
                record.tracker,
                None if domains is None else tuple(domains),
                nodes=_held_nodes(tree, record),
            )
        ),
        "host": lambda: _host(inventory.host, connection, reason),
    }
    wanted = wish.parts | {"devices"} if wish.devices else wish.parts
    return {part: made() for part, made in parts.items() if part in wanted}, warnings


def _wish(options: t.Mapping[str, t.Any]) -> Wish:
    """The options, understood. Raises HostdevError."""
    specs = options["specs"]
    return Wish(
        parts=parse_subset(options["gather_subset"]),
        filters=Filters(
            capability=tuple(options["capability"]),
            passthrough=options["passthrough"],
            available=options["available"],
            affected_by=options["affected_by"],
            specs=None if specs is None else parse_device_specs(specs, "specs"),
        ),
        fields=None if options["fields"] is None else tuple(options["fields"]),
    )


def _devices(
    tree: Tree, listing: Listing, inventory: Inventory, standing: Standing, wish: Wish
) -> list[dict[str, t.Any]]:
    """The devices that are asked for, with the fields that are."""
    selected = [
        entry
        for entry in listing.select(wish.filters)
        if ("devices" if entry.address is not None else "node_devices") in wish.parts
    ]
    functions = {entry.address: inventory.devices[entry.address] for entry in selected if entry.address is not None}
    # Which fields there are is seen from any function, also when none is selected.
    sample = next(iter(inventory.devices.values()), None) if wish.fields is not None else None
    names = read_names(tree, [*functions.values(), *([sample] if sample is not None else [])])
    aliases = ModuleAliases(tree, inventory.host.kernel_release)

    def report(device: PciDevice) -> dict[str, t.Any]:
        return device_report(inventory, standing, device, names, aliases)

    found = [
        {**(report(functions[entry.address]) if entry.address is not None else {}), **listing.as_dict(entry)}
        for entry in selected
    ]
    if wish.fields is None:
        return found
    if sample is not None:
        present = {key for entry in listing.entries.values() if entry.address is None for key in entry.as_dict()}
        check_fields(wish.fields, FIELDS | present | report(sample).keys())
    return [pick(device, wish.fields) for device in found]


def _held_nodes(tree: Tree, record: Record) -> Nodes:
    """The USB and SCSI devices, which are only read where somebody holds one."""
    return read_usb_and_scsi(tree) if any(claim.node_devices for claim in record.tracker) else {}


def _host(host: HostFacts, connection: Connection | None, reason: str) -> dict[str, t.Any]:
    return {
        "iommu": host.iommu,
        "iommu_reason": host.iommu_reason,
        "vfio_present": host.vfio_present,
        "vfio_available": host.vfio_available,
        "kernel": host.kernel_release,
        "boot_id": host.boot_id,
        "libvirt": connection is not None,
        "libvirt_reason": reason,
        **(connection.versions() if connection is not None else {}),
    }


def _read_record(module: AnsibleModule) -> Record:
    """The record; one that can't be read is a warning here, so that facts still show the host."""
    file = RecordFile(module.params["facts_path"])
    mode = file.executable()
    if mode is not None:
        module.warn(
            f"{file.path} is executable (mode {mode}), so that fact gathering runs it and fails; the next claim or "
            "release makes it 0644"
        )
    try:
        record = file.read()
    except HostdevError as error:
        module.warn(error.message)
        return Record()
    if record.journal is not None:
        what = f"{record.journal.plan.operation} of {record.journal.plan.after.owner}"
        holder = lock_holder(Tree().local(LOCK))
        if holder is not None:
            module.warn(one_line(f"a {what} is under way ({holder}): devices may change while they are looked at"))
        else:
            module.warn(one_line(f"an interrupted {what} is on record; the next claim or release settles it"))
    return record
