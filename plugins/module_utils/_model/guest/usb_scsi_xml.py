# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices in a domain's XML."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ..host.nodes.node_device import SCSI, USB
from .sources import device_marks, source_marks

if t.TYPE_CHECKING:
    from ..host.nodes.node_device import NodeDevice, Nodes
    from .domain import DomainLayout

Mark = tuple[t.Any, ...]


# What a guest needs to have for a device: the controller's type, and one that suits.
CONTROLLERS = {
    USB: ("usb", "<controller type='usb' model='qemu-xhci'/>"),
    SCSI: ("scsi", "<controller type='scsi' model='virtio-scsi'/>"),
}


class NodeElement(t.NamedTuple):
    """A `<hostdev>` of a domain: the `mark` that libvirt finds the device by, and the ids it gives of a USB device."""

    mark: Mark
    ids: tuple[str, str] | None
    xml: str
    element: ET.Element


def node_elements(layout: DomainLayout) -> list[NodeElement]:
    """The USB and SCSI devices of the host in a domain's XML."""
    return [hostdev for element in layout.elements() for hostdev in hostdev_elements(element)]


def hostdev_elements(element: ET.Element) -> t.Iterator[NodeElement]:
    if element.tag != "hostdev" or element.get("type") not in ("usb", "scsi"):
        return
    ids = [element.find(f"source/{key}") for key in ("vendor", "product")]
    for mark in source_marks(element):
        yield NodeElement(
            mark,
            None if None in ids else t.cast("tuple[str, str]", tuple(_digits(part) for part in ids)),
            ET.tostring(element, encoding="unicode").strip(),
            element,
        )


def _digits(element: ET.Element | None) -> str:
    text = "" if element is None else element.get("id", "")
    try:
        return f"{int(text, 0):04x}"
    except ValueError:
        return text


def node_xml(node: NodeDevice, *, by_ids: bool) -> str:
    """The `<hostdev>` element that gives the device to a domain.

    A USB device by its ids alone, or by these and its number on its bus: then libvirt refuses another device that has
    the number by now.
    """
    fields = node.fields
    usb = node.capability == USB
    element = ET.Element("hostdev", {"mode": "subsystem", "type": "usb" if usb else "scsi"})
    source = ET.SubElement(element, "source")
    if usb:
        ET.SubElement(source, "vendor", {"id": f"0x{fields['vendor_id']}"})
        ET.SubElement(source, "product", {"id": f"0x{fields['product_id']}"})
        if not by_ids:
            ET.SubElement(source, "address", {"bus": str(fields["bus"]), "device": str(fields["device"])})
    else:
        ET.SubElement(source, "adapter", {"name": f"scsi_host{fields['host']}"})
        place = {"bus": fields["bus"], "target": fields["target"], "unit": fields["lun"]}
        ET.SubElement(source, "address", {key: str(value) for key, value in place.items()})
    return ET.tostring(element, encoding="unicode")


def names_only(element: NodeElement, nodes: Nodes, node: NodeDevice) -> bool:
    """Whether an element leads libvirt to this device and no other."""
    by_ids = element.mark[0] == "usb_ids"
    return element.mark in device_marks(node) and (not by_ids or only_one_with_its_ids(nodes, node))


def only_one_with_its_ids(nodes: Nodes, node: NodeDevice) -> bool:
    """Whether the ids alone tell the USB device from the host's others."""
    ids = ("vendor_id", "product_id")
    return not any(
        other.name != node.name and all(other.fields.get(key) == node.fields.get(key) for key in ids)
        for other in nodes.values()
        if other.capability == USB
    )
