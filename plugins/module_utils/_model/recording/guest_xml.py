# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recording has of a domain's XML and of node devices: elements and attributes that are known, and no other.

So no password, key, title, description or file name of a disk can be in it, whatever libvirt's XML has tomorrow.
"""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET

if t.TYPE_CHECKING:
    from .pseudonyms import Same

QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
_FUNCTION = re.compile(
    r"(?<![\w:.-])(?:[0-9a-f]{4,8}:)?[0-9a-f]{1,2}:[01]?[0-9a-f]\.[0-7](?![\w:.])", re.IGNORECASE | re.ASCII
)
_NODE = re.compile(r"/dev/(?:[a-z]+\d*(?:[np]\d+)*|dm-\d+|bus/usb/\d+/\d+|vfio/\w+|nvme\d+n\d+p?\d*)")
_DEVICE_ALIAS = re.compile(r"[a-z][a-z0-9_-]*?\d[\d.-]*")

# Attributes by element, wherever it stands below <domain>; what has none here goes, with all that is below it.
_ATTRIBUTES: dict[str, str] = {
    "domain": "type id",
    "memory": "unit mode nodeset",
    "currentMemory": "unit",
    "vcpu": "placement cpuset current",
    "numatune": "",
    "memnode": "cellid mode nodeset",
    "cputune": "",
    "vcpupin": "vcpu cpuset",
    "cpu": "mode match",
    "numa": "",
    "cell": "id cpus memory unit memAccess",
    "os": "",
    "type": "arch machine",
    "features": "",
    "ioapic": "driver",
    "iommu": "model",
    "devices": "",
    "controller": "type index model ports",
    "hostdev": "mode type managed sgio rawio model display ramfb",
    "interface": "type managed trustGuestRxFilters",
    "disk": "type device rawio sgio",
    "redirdev": "bus type",
    "input": "type bus",
    "graphics": "type",
    "video": "",
    "sound": "model",
    "rng": "model",
    "memballoon": "model",
    "watchdog": "model action",
    "serial": "type",
    "console": "type",
    "channel": "type",
    "filesystem": "type",
    "vsock": "model",
    "tpm": "model",
    "shmem": "role",
    "panic": "model",
    "audio": "id type",
    "hub": "type",
    "smartcard": "mode type",
    "model": "type name heads primary",
    "driver": "name type managed iommu ats queues",
    "target": "dev bus chassis port index chassisNr busNr type node",
    "node": "",
    "boot": "order",
    "rom": "bar enabled",
    "vlan": "trunk",
    "tag": "id nativeMode",
    "link": "state",
    "teaming": "type persistent",
    "vendor": "id",
    "product": "id",
    "adapter": "name",
    "address": "type domain bus slot function multifunction controller target unit port device reg iobase cssid ssid "
    "devno uuid",
    "alias": "name",
    "mac": "address type",
    "source": "dev mode startupPolicy writeFiltering type namespace managed bridge network pool volume portgroup",
}
_TEXTS = frozenset({"memory", "currentMemory", "vcpu", "type", "node"})
_NAMED = frozenset({"bridge", "network", "pool", "volume", "portgroup"})

# Of node devices the texts that are a serial number, those that are none, and those that are left out.
_NODE_SERIALS = frozenset({"serial", "serial_number", "wwn", "wwnn", "wwpn", "fabric_wwn", "uuid"})
_NODE_TEXTS = frozenset(
    "name path devnode parent class domain bus slot function product vendor device number subclass protocol interface "
    "address host unique_id target lun type char block drive_type model size logical_block_size num_blocks "
    "media_available media_size removable parent_addr chardev cssid ssid devno state hardware firmware version "
    "release_date capability driver description link max_vports vports start available_instances deviceAPI "
    "ap-adapter ap-domain".split()
)


def domain_xml(xml: str, names: Same) -> str:
    """A domain's XML as it goes into a recording. Raises xml.etree.ElementTree.ParseError of what is none."""
    domain = ET.fromstring(xml)
    root = _element(domain, names)
    identity = [child for child in domain if child.tag in ("name", "uuid")]
    for place, child in enumerate(identity):
        text = (child.text or "").strip()
        told = ET.Element(child.tag)
        told.text = names.name("domain", text) if child.tag == "name" else names.text(text)
        root.insert(place, told)
    addresses = [
        address
        for argument in domain.iterfind(f"{QEMU}commandline/{QEMU}arg")
        for address in _FUNCTION.findall(argument.get("value", ""))
    ]
    if addresses:
        line = ET.SubElement(root, f"{QEMU}commandline")
        for address in addresses:
            ET.SubElement(line, f"{QEMU}arg", {"value": address})
    return ET.tostring(root, encoding="unicode")


def device_xml(xml: str, names: Same) -> str:
    """One of a domain's devices, likewise; the empty text of one that is not known."""
    element = ET.fromstring(xml)
    return ET.tostring(_element(element, names), encoding="unicode") if element.tag in _ATTRIBUTES else ""


def node_device_xml(xml: str, names: Same) -> str:
    """A node device's XML as it goes into a recording. Raises xml.etree.ElementTree.ParseError of what is none."""
    root = ET.fromstring(xml)
    if not names.anonymous:
        return xml
    for element in root.iter():
        for child in list(element):
            if child.tag in ("vendor_field", "system_field", "change_level", "part_number", "manufacture_id"):
                element.remove(child)
    for element in root.iter():
        text = (element.text or "").strip()
        if element.tag in _NODE_SERIALS:
            text = names.serial(text)
        elif element.tag == "interface":
            text = names.interface(text)
        elif element.tag == "devnode" and element.get("type") == "link":
            text = node_path(text, names)
        elif element.tag not in _NODE_TEXTS:
            text = ""
        element.text = names.text(text) if element.tag not in _NODE_SERIALS else text
        element.tail = None
        for name, value in element.attrib.items():
            element.set(name, names.text(value))
    return ET.tostring(root, encoding="unicode")


def serials_of_node_device(xml: str) -> list[str]:
    """The serial numbers, world wide names and the like in a node device's XML."""
    texts = ((element.text or "").strip() for element in ET.fromstring(xml).iter() if element.tag in _NODE_SERIALS)
    return [text for text in texts if text]


def node_path(path: str, names: Same) -> str:
    """A path in /dev, a link with another name; nothing of any other path."""
    if _NODE.fullmatch(path):
        return path
    if not path.startswith("/dev/"):
        return ""
    folder, _slash, link = path.rpartition("/")
    folder = folder if folder == "/dev" or folder.startswith("/dev/disk") else "/dev/links"
    return f"{folder}/{names.name('disk-link', link)}"


def _element(element: ET.Element, names: Same) -> ET.Element:
    """A copy of what is known of an element."""
    known = _ATTRIBUTES[element.tag].split()
    made = ET.Element(element.tag)
    for name, value in element.attrib.items():
        told = _value(element.tag, name, value, names) if name in known else None
        if told is not None:
            made.set(name, told)
    if element.tag in _TEXTS and element.text:
        made.text = element.text.strip()
    made.extend(_element(child, names) for child in element if child.tag in _ATTRIBUTES)
    return made


def _value(tag: str, name: str, value: str, names: Same) -> str | None:
    """An attribute as it is told, None for nothing of it."""
    if tag == "source" and name == "dev":
        return names.interface(value) if "/" not in value else node_path(value, names) or None
    if tag == "source" and name in _NAMED:
        return names.name(name, value)
    if tag == "alias":
        return value if _DEVICE_ALIAS.fullmatch(value) and not value.startswith("ua-") else names.name("alias", value)
    if tag == "target" and name == "dev":
        return value if re.fullmatch(r"[shv]d[a-z]+", value) else None
    if tag == "teaming" and name == "persistent":
        return names.name("alias", value)
    return names.text(value)
