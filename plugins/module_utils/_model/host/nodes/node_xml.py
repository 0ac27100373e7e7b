# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Libvirt's node devices, from their XML (https://libvirt.org/formatnode.html).

What a capability holds beyond the fields known here is kept as text.
"""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from ...address import PciAddress
from .node_device import NodeDevice
from .node_fields import capability_fields, nested_fields, stripped_text

_USB_CLASS_HUB = 9
# The Linux Foundation's ids of root hubs for USB 1.1, 2.0 and 3.x; its other ids are gadgets (drivers/usb/core/hcd.c).
_ROOT_HUBS = frozenset({("1d6b", "0001"), ("1d6b", "0002"), ("1d6b", "0003")})


def _is_number(value: object) -> bool:
    # An empty element that is not known reads as true, which Python takes for a number.
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{4}", value) is not None


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


# What devices are found by, and so must be of the form that is known.
_FORMS: dict[str, dict[str, t.Callable[[object], bool]]] = {
    "pci": dict.fromkeys(("domain", "bus", "slot", "function", "iommu_group"), _is_number),
    "usb_device": {"bus": _is_number, "device": _is_number, "vendor_id": _is_id, "product_id": _is_id},
    "scsi": dict.fromkeys(("host", "bus", "target", "lun"), _is_number),
    "mdev": {"uuid": _is_text, "iommu_group": _is_number},
    "storage": {"block": _is_text},
}
_FORMS_OF_ALL: dict[str, t.Callable[[object], bool]] = {"devnode": _is_text, "devlinks": _are_texts}


def parse_node_device(text: str) -> NodeDevice:
    """Read one `<device>`.

    Never raises: what can't be read is left out and named in `warning`. The name is empty when even that was not
    there.
    """
    problems: list[str] = []
    element = _element(text, problems)
    if element is None or element.tag != "device":
        return NodeDevice("", warning="; ".join(problems) or "its XML is no <device>")
    name = (element.findtext("name") or "").strip()
    fields: dict[str, t.Any] = {}
    for devnode in element.findall("devnode"):
        if devnode.get("type") == "dev":
            fields["devnode"] = stripped_text(devnode)
        else:
            fields.setdefault("devlinks", []).append(stripped_text(devnode))
    capabilities = element.findall("capability")
    kind = capabilities[0].get("type") if capabilities else None
    if kind is None:
        problems.append("it has no capability")
    nested: list[str] = []
    if capabilities:
        fields.update(capability_fields(kind or "", capabilities[0], problems))
        # libvirt nests what belongs together; what stands beside the first is treated alike.
        for inner in [*capabilities[0].findall("capability"), *capabilities[1:]]:
            nested.append(inner.get("type", ""))
            fields.update(nested_fields(nested[-1], inner, problems))
    _drop_misfits(kind or "", fields, problems)
    address = _pci_address(name, fields, problems) if kind == "pci" else None
    return NodeDevice(
        name=name,
        capability=kind,
        parent=(element.findtext("parent") or "").strip() or None,
        path=(element.findtext("path") or "").strip() or None,
        driver=(element.findtext("driver/name") or "").strip() or None,
        capabilities=tuple(nested),
        fields=fields,
        address=address,
        warning="; ".join(problems) or None,
    )


def mark_hubs(devices: t.Iterable[NodeDevice]) -> list[NodeDevice]:
    """The same devices, USB devices among them with `hub` and `root_hub`.

    libvirt's XML of a USB device has no class: its interfaces, which are devices of their own, tell a hub.
    """
    devices = list(devices)
    hubs = {
        device.parent
        for device in devices
        if device.capability == "usb" and device.fields.get("class") == _USB_CLASS_HUB
    }
    return [_marked(device, device.name in hubs) if device.capability == "usb_device" else device for device in devices]


def _marked(device: NodeDevice, hub: bool) -> NodeDevice:
    root = (device.fields.get("vendor_id"), device.fields.get("product_id")) in _ROOT_HUBS or (
        re.fullmatch(r"usb\d+", (device.path or "").rpartition("/")[2]) is not None
    )
    return replace(device, fields={**device.fields, "hub": hub or root, "root_hub": root})


def _drop_misfits(kind: str, fields: dict[str, t.Any], problems: list[str]) -> None:
    """Leave out what has the name of a known field and another form: an element or capability that is new to us."""
    for key, fits in {**_FORMS_OF_ALL, **_FORMS.get(kind, {})}.items():
        if key in fields and not fits(fields[key]):
            problems.append(f"{key} is not of the form that is known")
            del fields[key]


def _element(text: str, problems: list[str]) -> ET.Element | None:
    """The root element; of broken XML what came before the break."""
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        problems.append(f"its XML is broken: {error}")
    parser: t.Any = ET.XMLPullParser(["start"])
    parser.feed(text)
    try:
        _event, root = next(parser.read_events())
    except (StopIteration, ET.ParseError):
        return None
    return t.cast(ET.Element, root)


def _pci_address(name: str, fields: t.Mapping[str, t.Any], problems: list[str]) -> str | None:
    """The function's address, by its parts or else by its name."""
    parts = [fields.get(part, -1) for part in ("domain", "bus", "slot", "function")]
    if all(0 <= part <= limit for part, limit in zip(parts, (0xFFFFFFFF, 0xFF, 0x1F, 7))):
        return str(PciAddress(*parts))
    if all(part in fields for part in ("domain", "bus", "slot", "function")):
        problems.append("its parts make no PCI address: " + ", ".join(map(str, parts)))
    try:
        return str(PciAddress.parse(name))
    except ValueError:
        return None
