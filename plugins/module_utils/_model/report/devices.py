# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory as plain data, in the shape that pci_facts returns."""

from __future__ import annotations

import typing as t

from ..address import nodedev_name
from ..availability.status import Statuses
from ..guards.group import group_viable

if t.TYPE_CHECKING:
    from ..host.device import Bar, PciDevice, PcieLink
    from ..host.inventory import Inventory
    from ..host.topology import Where


DETAILS = frozenset({"revision", "link", "bars", "rom", "d3cold_allowed"})
"""The fields that are made of a function's details."""


class Names(t.Protocol):
    """Names of ids; None for an unknown one."""

    def vendor(self, vendor_id: str) -> str | None: ...

    def product(self, vendor_id: str, product_id: str) -> str | None: ...

    def subsystem(self, device: PciDevice) -> str | None: ...

    def pci_class(self, class_id: str) -> str | None: ...


class Drivers(t.Protocol):
    """What the kernel's modules would drive a function with."""

    def candidates(self, device: PciDevice) -> list[str]: ...

    def vfio_driver(self, device: PciDevice) -> str: ...


def device_report(
    statuses: Statuses, where: Where, device: PciDevice, names: Names, drivers: Drivers
) -> dict[str, t.Any]:
    """One PCI function with everything that is known of it; None for the details that were not read."""
    address = device.address
    details = device.details
    return {
        "address": address,
        "name": nodedev_name(address),
        "capability": "pci",
        "path": device.path,
        "stable_path": device.stable_path,
        "parent": device.parent,
        "vendor_id": device.vendor_id,
        "vendor_name": names.vendor(device.vendor_id),
        "product_id": device.product_id,
        "product_name": names.product(device.vendor_id, device.product_id),
        "subsystem_vendor_id": device.subsystem_vendor_id,
        "subsystem_product_id": device.subsystem_product_id,
        "subsystem_name": names.subsystem(device) or names.vendor(device.subsystem_vendor_id),
        "revision": None if details is None else details.revision,
        "class": device.class_id,
        "class_name": names.pci_class(device.class_id),
        "serial": device.serial or device.pcie_serial,
        "device_type": device.device_type,
        "driver": device.driver,
        "driver_override": device.driver_override,
        "candidate_drivers": drivers.candidates(device),
        "vfio_driver": None if device.is_bridge else drivers.vfio_driver(device),
        "header_type": device.header_type,
        "iommu_group": device.iommu_group,
        "numa_node": device.numa_node,
        **_where(where),
        "link": None if details is None or details.link is None else _link(details.link),
        "bars": None if details is None else [_bar(register) for register in details.bars],
        "rom": None if details is None else details.has_rom,
        "reset_methods": None if device.reset_methods is None else list(device.reset_methods),
        "d3cold_allowed": None if details is None else details.d3cold_allowed,
        "boot_vga": device.boot_vga,
        "physical_function": device.physical_function,
        "virtual_functions": list(device.virtual_functions),
        "total_vfs": device.total_vfs,
        "num_vfs": device.num_vfs,
        "children": [{"kind": child.kind, "name": child.name, **child.attributes} for child in device.children],
        **_availability(statuses, address),
    }


def _availability(statuses: Statuses, address: str) -> dict[str, t.Any]:
    """Who has the function, whether it may be given away, and what goes with it."""
    holder, status, reasons = statuses.holder(address), statuses.status(address), statuses.blockers(address)
    return {
        "used_by": [use.as_dict() for use in statuses.inventory.domain_uses.get(address, ())],
        "status": status,
        "owner": None if holder is None else holder.owner.as_dict(),
        "claimable": status == "available" and not reasons,
        "blockers": [reason.as_dict() for reason in reasons],
        "affected": statuses.inventory.affected(address),
    }


def _where(where: Where) -> dict[str, t.Any]:
    """Below no switch `pcie_switches` is empty; where the way to the function is not known that is None."""
    switches = where.known_switches
    return {
        "pcie_root": where.pcie_root,
        "pcie_switch": where.pcie_switch,
        "pcie_switches": None if switches is None else list(switches),
        "slot": where.slot,
        "socket": where.socket,
    }


def _link(link: PcieLink) -> dict[str, t.Any]:
    return {
        "current_speed": link.current_speed,
        "current_width": link.current_width,
        "max_speed": link.max_speed,
        "max_width": link.max_width,
    }


def _bar(register: Bar) -> dict[str, t.Any]:
    return {
        "index": register.number,
        "size": register.size,
        "io": register.io,
        "is_64bit": register.is_64bit,
        "prefetchable": register.prefetchable,
        "resizable_sizes": list(register.resizable_sizes),
    }


def groups_report(inventory: Inventory) -> list[dict[str, t.Any]]:
    """The IOMMU groups by number, with their members and whether a guest could use each as its drivers are now."""
    return [
        {"id": group, "devices": list(members), "viable": group_viable(inventory, group)}
        for group, members in sorted(inventory.groups.items())
    ]


def tree_report(nodes: t.Mapping[str, str | None]) -> list[dict[str, t.Any]]:
    """Names to parents' names, as nested nodes `{name, children}`; a node whose parent is unknown is a root."""
    made: dict[str, dict[str, t.Any]] = {name: {"name": name, "children": []} for name in nodes}
    roots = []
    for name, parent in nodes.items():
        if parent is not None and parent in made and parent != name:
            made[parent]["children"].append(made[name])
        else:
            roots.append(made[name])
    return roots
