# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host as libvirt's test driver takes it (`<node>` with domains and devices), without a sysfs beside it."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain, parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain_uses import uses_by_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_device import NodeDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_xml import mark_hubs, parse_node_device
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.listing import Listing
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import host

CLASS_BRIDGE = "0604"


def read_node_file(text: str) -> tuple[list[NodeDevice], list[Domain]]:
    """The node devices and the domains, these all defined and none running."""
    root = ET.fromstring(text)
    nodes = [parse_node_device(ET.tostring(device, encoding="unicode")) for device in root.findall("device")]
    domains = []
    for domain in root.findall("domain"):
        xml = ET.tostring(domain, encoding="unicode")
        name = domain.findtext("name") or ""
        domains.append(Domain(name, domain.findtext("uuid") or name, parse_layout(xml), None))
    return mark_hubs(nodes), domains


def pci_device(node: NodeDevice, parent: str | None = None) -> PciDevice:
    """The function as far as libvirt tells; the header type is the class's where libvirt does not say it."""
    fields = node.fields
    assert node.address is not None
    class_id = fields.get("class", "000000")
    return PciDevice(
        node.address,
        path=node.path or "",
        stable_path=node.address,
        vendor_id=fields["vendor_id"],
        product_id=fields["product_id"],
        class_id=class_id,
        parent=parent,
        header_type=fields.get("header_type", int(class_id.startswith(CLASS_BRIDGE))),
        driver=node.driver,
        vfio=node.driver == "vfio-pci",
        iommu_group=fields.get("iommu_group"),
        physical_function=fields.get("physical_function"),
        virtual_functions=tuple(fields.get("virtual_functions", ())),
        total_vfs=fields.get("total_vfs", 0),
    )


def listing(nodes: t.Sequence[NodeDevice], domains: t.Sequence[Domain] = (), **host_fields: t.Any) -> Listing:
    addresses = {node.name: node.address for node in nodes}
    functions = [pci_device(node, addresses.get(node.parent)) for node in nodes if node.address is not None]
    inventory = Inventory(host(**host_fields), functions, domain_uses=uses_by_address(domains))
    return Listing(inventory, nodes, Statuses(inventory, Tracker()), domains)
