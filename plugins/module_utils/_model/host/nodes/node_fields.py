# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libvirt's XML says of each capability of a node device, by one table of rules, as plain fields."""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET

from ...address import PciAddress

# A rule reads all elements of one tag into fields. It raises ValueError when they can't be read.
_Rule = t.Callable[[t.Sequence[ET.Element]], dict[str, t.Any]]

# libvirt prints -1, the kernel's word for an unknown speed, as an unsigned number.
_UNKNOWN_SPEED = 0xFFFFFFFF


def stripped_text(element: ET.Element) -> str:
    return (element.text or "").strip()


def _int(text: str) -> int:
    try:
        return int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _decimal(text: str) -> float:
    """Not float() alone: what it takes for nan and inf is no JSON."""
    if not re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text):
        raise ValueError(f"{text!r} is no decimal number")
    return float(text)


def _digits(text: str, width: int = 0) -> str:
    digits = text.lower()
    digits = digits[2:] if digits.startswith("0x") else digits
    if not re.fullmatch("[0-9a-f]+", digits):
        raise ValueError(f"{text!r} is no hexadecimal number")
    return digits.rjust(width, "0")


def _string(name: str) -> _Rule:
    return lambda elements: {name: stripped_text(elements[0])}


def _number(name: str) -> _Rule:
    return lambda elements: {name: _int(stripped_text(elements[0]))}


def _hexadecimal(name: str, width: int = 0) -> _Rule:
    return lambda elements: {name: _digits(stripped_text(elements[0]), width)}


def _flag(name: str) -> _Rule:
    return lambda elements: {name: _int(stripped_text(elements[0])) != 0}


def _attribute_id(name: str) -> _Rule:
    return lambda elements: {name: elements[0].get("id") or stripped_text(elements[0])}


def _identified(name: str) -> _Rule:
    """`<vendor id='0x8086'>Intel Corporation</vendor>` as `vendor_id` and `vendor_name`."""
    return lambda elements: {
        f"{name}_name": stripped_text(elements[0]) or None,
        f"{name}_id": _digits(elements[0].get("id", ""), 4),
    }


def _strings(name: str) -> _Rule:
    """An element that holds nothing but texts."""
    return lambda elements: {name: {_snake(child.tag): stripped_text(child) for child in elements[0]}}


def _channel(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    return {"channel_dev_addr": {child.tag: _digits(stripped_text(child)) for child in elements[0]}}


def _group(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    return {"iommu_group": _int(elements[0].get("number", ""))}


def _link(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    speed = elements[0].get("speed")
    known = None if speed is None or _int(speed) == _UNKNOWN_SPEED else _int(speed)
    return {"link": {"speed": known, "state": elements[0].get("state")}}


def _features(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    return {"features": [element.get("name", "") for element in elements]}


def _attributes(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    return {"attributes": {element.get("name", ""): element.get("value", "") for element in elements}}


def _numa(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    return {"numa_node": _int(elements[0].get("node", ""))}


def _express(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    """The link as it could be (`cap`) and as it is (`sta`), speed in GT/s."""
    links: dict[str, t.Any] = {}
    for link in elements[0].findall("link"):
        numbers: dict[str, t.Any] = {key: _int(link.get(key, "")) for key in ("port", "width") if key in link.attrib}
        if "speed" in link.attrib:
            numbers["speed"] = _decimal(link.get("speed", ""))
        links[link.get("validity", "")] = numbers
    return {"pci_express": links}


def _members(elements: t.Sequence[ET.Element]) -> dict[str, t.Any]:
    return {"members": {child.get("ref", ""): stripped_text(child) for child in elements[0]}}


_CCW: dict[str, _Rule] = {name: _hexadecimal(name) for name in ("cssid", "ssid", "devno")}
_BLOCKS: dict[str, _Rule] = {name: _number(name) for name in ("size", "logical_block_size", "num_blocks")}

_RULES: dict[str, dict[str, _Rule]] = {
    "system": {"product": _string("product"), "hardware": _strings("hardware"), "firmware": _strings("firmware")},
    "pci": {
        "class": _hexadecimal("class", 6),
        **{name: _number(name) for name in ("domain", "bus", "slot", "function")},
        "product": _identified("product"),
        "vendor": _identified("vendor"),
        "iommuGroup": _group,
        "numa": _numa,
        "pci-express": _express,
    },
    "usb_device": {
        "bus": _number("bus"),
        "device": _number("device"),
        "product": _identified("product"),
        "vendor": _identified("vendor"),
    },
    "usb": {
        **{name: _number(name) for name in ("number", "class", "subclass", "protocol")},
        "description": _string("description"),
    },
    "net": {
        "interface": _string("interface"),
        "address": _string("address"),
        "link": _link,
        "feature": _features,
    },
    "scsi_host": {"host": _number("host"), "unique_id": _number("unique_id")},
    "scsi_target": {"target": _string("target")},
    "scsi": {**{name: _number(name) for name in ("host", "bus", "target", "lun")}, "type": _string("type")},
    "scsi_generic": {"char": _string("char")},
    "storage": {
        **{name: _string(name) for name in ("block", "bus", "drive_type", "model", "vendor", "serial")},
        **_BLOCKS,
    },
    "drm": {"type": _string("type")},
    "mdev": {
        "type": _attribute_id("type"),
        "uuid": _string("uuid"),
        "parent_addr": _string("parent_addr"),
        "iommuGroup": _group,
        "attr": _attributes,
    },
    "vdpa": {"chardev": _string("chardev")},
    "ccw": _CCW,
    "css": {**_CCW, "channel_dev_addr": _channel},
    "ccwgroup": {"state": _string("state"), **_CCW, "members": _members},
    "ap_card": {"ap-adapter": _hexadecimal("ap_adapter")},
    "ap_queue": {"ap-adapter": _hexadecimal("ap_adapter"), "ap-domain": _hexadecimal("ap_domain")},
    "ap_matrix": {},
    # These are nested in another one.
    "fc_host": {name: _hexadecimal(name) for name in ("wwnn", "wwpn", "fabric_wwn")},
    "vport_ops": {"max_vports": _number("max_vports"), "vports": _number("vports")},
    "fc_remote_port": {"rport": _string("rport"), "wwpn": _hexadecimal("wwpn")},
    "removable": {
        "media_available": _flag("media_available"),
        "media_size": _number("media_size"),
        "media_label": _string("media_label"),
        **_BLOCKS,
    },
    "ccwgroup_member": {"group_device": _string("group_device")},
    "qeth_generic": {"card_type": _string("card_type"), "chpid": _hexadecimal("chpid")},
}

_REQUIRED: dict[str, tuple[str, ...]] = {
    "pci": ("domain", "bus", "slot", "function", "product", "vendor"),
    "usb_device": ("bus", "device", "product", "vendor"),
    "usb": ("number", "class"),
    "net": ("interface",),
    "scsi_host": ("host",),
    "scsi_target": ("target",),
    "scsi": ("host", "bus", "target", "lun"),
    "scsi_generic": ("char",),
    "storage": ("block",),
    "mdev": ("type",),
    "ccw": ("devno",),
    "css": ("devno",),
}
"""What libvirt always prints of a capability: a device without it is odd."""

_OTHER_NESTED = ("mdev_types", "vpd", "hotpluggable", "phys_function", "virt_functions", "80203", "80211")
_BRIDGES = {"pci-bridge": 1, "cardbus-bridge": 2}
CAPABILITIES = frozenset({*_RULES, *_OTHER_NESTED, *_BRIDGES})
"""Types that libvirt is known to give, of devices and nested in them."""

FIELDS = frozenset(
    {
        *(
            "name",
            "capability",
            "capabilities",
            "parent",
            "path",
            "driver",
            "address",
            "warning",
            "devnode",
            "devlinks",
        ),
        *("hub", "root_hub", "link_type", "header_type", "physical_function", "virtual_functions", "total_vfs"),
        *("vendor_id", "vendor_name", "product_id", "product_name", "iommu_group", "numa_node", "pci_express"),
        *("features", "attributes", "ap_adapter", "ap_domain", "mdev_types", "vpd", "hotpluggable"),
        *("fc_host", "vport_ops", "fc_remote_port", "removable", "ccwgroup_member", "qeth_generic"),
        *("product", "hardware", "firmware", "class", "domain", "bus", "slot", "function", "device", "number"),
        *("subclass", "protocol", "description", "interface", "link", "host", "unique_id", "target", "lun", "type"),
        *("char", "block", "drive_type", "model", "vendor", "serial", "size", "logical_block_size", "num_blocks"),
        *("uuid", "parent_addr", "chardev", "cssid", "ssid", "devno", "channel_dev_addr", "state", "members"),
    }
)
"""The names of all fields that known capabilities have."""


def capability_fields(kind: str, element: ET.Element, problems: list[str]) -> dict[str, t.Any]:
    """The fields of one capability, without those of capabilities nested in it."""
    rules = _RULES.get(kind, {})
    tagged: dict[str, list[ET.Element]] = {}
    for child in element:
        if child.tag != "capability":
            tagged.setdefault(child.tag, []).append(child)
    fields: dict[str, t.Any] = {}
    if kind not in _RULES:
        fields.update({key: value for key, value in element.attrib.items() if key != "type"})
        if stripped_text(element):
            fields["text"] = stripped_text(element)
    for tag, elements in tagged.items():
        if tag not in rules:
            plain = [_plain(part) for part in elements]
            fields[_snake(tag)] = plain[0] if len(plain) == 1 else plain
            continue
        try:
            fields.update(rules[tag](elements))
        except ValueError as error:
            problems.append(f"<{tag}>: {error}")
    problems.extend(f"<{tag}> is missing" for tag in _REQUIRED.get(kind, ()) if tag not in tagged)
    return fields


def nested_fields(kind: str, element: ET.Element, problems: list[str]) -> dict[str, t.Any]:
    """What a capability nested in another adds to the fields of that."""
    try:
        if kind in ("80203", "80211"):
            return {"link_type": kind}
        if kind in _BRIDGES:
            return {"header_type": _BRIDGES[kind]}
        if kind == "phys_function":
            return {"physical_function": _address(element.find("address"))}
        if kind == "virt_functions":
            functions = [_address(address) for address in element.findall("address")]
            return {"virtual_functions": functions, "total_vfs": _int(element.get("maxCount") or str(len(functions)))}
        if kind == "mdev_types":
            return {"mdev_types": [_mdev_type(mdev_type) for mdev_type in element.findall("type")]}
        if kind == "vpd":
            return {"vpd": _vpd(element)}
    except ValueError as error:
        problems.append(f"<capability type={kind!r}>: {error}")
        return {}
    inner = capability_fields(kind, element, problems)
    deeper: list[str] = []
    for capability in element.findall("capability"):
        deeper.append(capability.get("type", ""))
        inner.update(nested_fields(deeper[-1], capability, problems))
    return {_snake(kind) or "capability": inner if inner or kind in _RULES else True}


def _address(element: ET.Element | None) -> str:
    if element is None:
        raise ValueError("<address> is missing")
    return str(PciAddress(*(_int(element.get(part, "0x0")) for part in ("domain", "bus", "slot", "function"))))


def _mdev_type(element: ET.Element) -> dict[str, t.Any]:
    return {
        "id": element.get("id"),
        "name": element.findtext("name"),
        "device_api": element.findtext("deviceAPI"),
        "available_instances": _int(element.findtext("availableInstances") or "0"),
    }


def _vpd(element: ET.Element) -> dict[str, t.Any]:
    """Vital product data: `name`, and fields by access; those of the vendor and the system by their index."""
    vpd: dict[str, t.Any] = {"name": element.findtext("name")}
    for fields in element.findall("fields"):
        by_name = vpd.setdefault(fields.get("access", ""), {})
        for entry in fields:
            if "index" in entry.attrib:
                by_name.setdefault(f"{entry.tag}s", {})[entry.get("index", "")] = stripped_text(entry)
            else:
                by_name[entry.tag] = stripped_text(entry)
    return vpd


def _plain(element: ET.Element) -> t.Any:
    """An element of no known kind: its text, or a mapping of its attributes and children, repeated ones as a list."""
    if not len(element) and not element.attrib:
        return stripped_text(element)
    plain: dict[str, t.Any] = dict(element.attrib)
    if stripped_text(element):
        plain["text"] = stripped_text(element)
    for child in element:
        key, value = _snake(child.tag), _plain(child)
        if key in plain:
            earlier = plain[key]
            plain[key] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        else:
            plain[key] = value
    return plain


def _snake(text: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).replace("-", "_").lower()
