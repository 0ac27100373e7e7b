# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which node devices, other than PCI functions, a domain's XML takes from the host.

USB and SCSI devices and mediated devices as `<hostdev>`, and disks that name a block device of the host
(https://libvirt.org/formatdomain.html).
"""

from __future__ import annotations

import re
import typing as t

from .disk_nodes import device_nodes

if t.TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from ..host.nodes.node_device import NodeDevice
    from .domain import DomainLayout


class DomainSources:
    """What some domains take; `layouts` are their definitions and live XML. What can't be understood takes nothing.

    `nodes` are paths in /dev of more of their disks: what volumes of storage pools lie on.
    """

    def __init__(self, layouts: t.Iterable[DomainLayout], nodes: t.Iterable[str] = ()) -> None:
        self._taken: set[tuple[t.Any, ...]] = {("block", node) for node in nodes}
        for layout in layouts:
            self._taken.update(("block", node) for node in device_nodes(layout))
            for element in layout.elements():
                self._taken.update(source_marks(element))

    def take(self, device: NodeDevice) -> bool:
        """Whether a domain takes the device, as far as it can be told.

        A domain may name a USB device by its ids alone: then it may take any that has them.
        """
        return any(None not in mark and mark in self._taken for mark in device_marks(device))


def source_marks(element: ET.Element) -> t.Iterator[tuple[t.Any, ...]]:
    """What one of a domain's devices takes, by whichever name it is given there."""
    source = element.find("source")
    if source is None:
        return
    kind = element.get("type")
    address = source.find("address")
    if element.tag == "disk" and kind == "block":
        yield "block", source.get("dev", "")
    elif element.tag != "hostdev":
        return
    elif kind == "usb":
        vendor, product = source.find("vendor"), source.find("product")
        if address is not None and address.get("port"):
            yield "usb_port", f"{address.get('bus')}-{address.get('port')}"
        elif address is not None:
            yield "usb", _number(address.get("bus")), _number(address.get("device"))
        elif vendor is not None and product is not None:
            yield "usb_ids", _number(vendor.get("id")), _number(product.get("id"))
    elif kind == "scsi" and address is not None:
        adapter = source.find("adapter")
        host = re.fullmatch(r"scsi_host(\d{1,18})", adapter.get("name", "")) if adapter is not None else None
        if host is not None:
            yield ("scsi", int(host.group(1)), *(_number(address.get(part)) for part in ("bus", "target", "unit")))
    elif kind == "mdev" and address is not None:
        yield "mdev", address.get("uuid", "").lower()


def device_marks(device: NodeDevice) -> t.Iterator[tuple[t.Any, ...]]:
    """The ways in which a domain may name the device, its number on its bus first."""
    fields = device.fields
    if device.capability == "usb_device":
        yield "usb", fields.get("bus"), fields.get("device")
        yield "usb_port", fields.get("port")
        yield "usb_ids", _hexadecimal(fields.get("vendor_id")), _hexadecimal(fields.get("product_id"))
    elif device.capability == "scsi":
        yield ("scsi", *(fields.get(part) for part in ("host", "bus", "target", "lun")))
    elif device.capability == "mdev" and "uuid" in fields:
        yield "mdev", fields["uuid"].lower()
    elif device.capability == "storage":
        for path in (fields.get("block"), fields.get("devnode"), *fields.get("devlinks", ())):
            if path:
                yield "block", path


def _number(text: str | None) -> int | None:
    try:
        return int(text or "0", 0)
    except ValueError:
        return None


def _hexadecimal(digits: str | None) -> int | None:
    return None if digits is None else int(digits, 16)
