# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvirt's node devices as XML: a file for each, or all in one.

Where no function has a driver, IOMMU group or node these are unknown; where some have, the others have none. Reset
methods and port types libvirt never tells.
"""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import is_pci_name
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child, PciDevice

from ..recording import DRIVERS, GROUPS, NODES, UNASSIGNED, WAYS, Recording, flat, function

FORM = "nodedev"
_HEADER_TYPES = {"pci-bridge": 1, "cardbus-bridge": 2}


def is_one(text: str) -> bool:
    return re.search(r"<capability type=['\"]pci['\"]", text) is not None and "<device>" in text


def addresses(text: str) -> list[str]:
    """The PCI functions that a text has."""
    return [_address(capability) for _name, _node, capability in _functions([text])]


def read(name: str, texts: t.Sequence[str]) -> Recording:
    """The functions of one host, whose devices may be in several texts."""
    nodes = [node for text in texts for node in _nodes(text)]
    functions = {named: (node, capability) for named, node, capability in _functions(texts)}
    ways = _Ways({named: (node, _address(capability)) for named, (node, capability) in functions.items()})
    children = _children(nodes, functions)
    members = _members(capability for _node, capability in functions.values())
    groups = {address: group for group, addresses in members.items() for address in addresses}
    devices = [
        _function(ways.path(named), node, capability, children.get(named, ()), groups)
        for named, (node, capability) in functions.items()
    ]
    return replace(flat(name, FORM, devices, {WAYS, *_told(devices)}, {}), members=members)


def _members(capabilities: t.Iterable[ET.Element]) -> dict[int, frozenset[str]]:
    """The members of groups, which libvirt lists with each of them."""
    groups = [group for capability in capabilities for group in capability.findall("iommuGroup")]
    return {
        int(group.get("number", "0")): frozenset(_joined(address.attrib) for address in group.findall("address"))
        for group in groups
        if group.find("address") is not None
    }


def _told(devices: t.Sequence[PciDevice]) -> t.Iterator[str]:
    for told, key in ((DRIVERS, "driver"), (GROUPS, "iommu_group"), (NODES, "numa_node")):
        if any(getattr(device, key) is not None for device in devices):
            yield told


def _nodes(text: str) -> list[ET.Element]:
    """All device elements, whatever is around them; several documents may follow each other."""
    bare = re.sub(r"<\?xml[^>]*\?>|<!DOCTYPE[^>]*>", "", text)
    return list(ET.fromstring(f"<all>{bare}</all>").iter("device"))


def _functions(texts: t.Iterable[str]) -> t.Iterator[tuple[str, ET.Element, ET.Element]]:
    """Name, device and capability of each function whose address is one."""
    for text in texts:
        for node in _nodes(text):
            capability = node.find("capability[@type='pci']")
            if capability is not None and is_pci_name(_address(capability)):
                yield node.findtext("name") or "", node, capability


def _address(capability: ET.Element) -> str:
    """As sysfs spells it, whatever the numbers are."""
    source = {name: capability.findtext(name) or "0" for name in ("domain", "bus", "slot", "function")}
    return _joined(source)


def _joined(numbers: t.Mapping[str, str]) -> str:
    domain, bus, slot, number = (int(numbers[name], 0) for name in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{number:x}"


def _several(capability: ET.Element, kind: str) -> tuple[str, ...]:
    return tuple(_joined(address.attrib) for address in capability.findall(f"capability[@type='{kind}']/address"))


def _function(
    path: str | None,
    node: ET.Element,
    capability: ET.Element,
    children: t.Sequence[Child],
    groups: t.Mapping[str, int],
) -> PciDevice:
    address = _address(capability)
    header = next((kind for name, kind in _HEADER_TYPES.items() if _has(capability, name)), None)
    group, numa = capability.find("iommuGroup"), capability.find("numa")
    vfs = capability.find("capability[@type='virt_functions']")
    listed = _several(capability, "virt_functions")
    return function(
        address,
        path,
        vendor_id=_id(capability, "vendor"),
        product_id=_id(capability, "product"),
        class_id=_digits(capability.findtext("class"), 6) or UNASSIGNED,
        driver=node.findtext("driver/name"),
        iommu_group=groups.get(address) if group is None else int(group.get("number", "0")),
        numa_node=None if numa is None else int(numa.get("node", "0")),
        physical_function=next(iter(_several(capability, "phys_function")), None),
        virtual_functions=listed,
        total_vfs=0 if vfs is None else int(vfs.get("maxCount", len(listed))),
        children=tuple(children),
        **({} if header is None else {"header_type": header}),
    )


def _has(capability: ET.Element, kind: str) -> bool:
    return capability.find(f"capability[@type='{kind}']") is not None


def _id(capability: ET.Element, name: str) -> str:
    element = capability.find(name)
    return _digits(None if element is None else element.get("id"), 4) or "0000"


def _digits(text: str | None, count: int) -> str | None:
    return None if text is None else f"{int(text, 16):0{count}x}"


def _children(nodes: t.Iterable[ET.Element], functions: t.Collection[str]) -> dict[str, list[Child]]:
    """Interfaces directly on functions."""
    children: dict[str, list[Child]] = {}
    for node in nodes:
        interface = node.findtext("capability[@type='net']/interface")
        parent = node.findtext("parent") or ""
        if interface is not None and parent in functions:
            children.setdefault(parent, []).append(Child("net", interface))
    return children


class _Ways:
    """Paths as libvirt tells them, or made from parents where it does not: each bridge is a node device too."""

    def __init__(self, functions: t.Mapping[str, tuple[ET.Element, str]]) -> None:
        self._functions = functions

    def path(self, named: str) -> str | None:
        """None where a parent is missing: then nobody knows what is above it."""
        told = self._functions[named][0].findtext("path") or ""
        return told if told.startswith("/sys/devices/") else self._made(named, frozenset())

    def _made(self, named: str, below: frozenset[str]) -> str | None:
        node, address = self._functions[named]
        parent, root = node.findtext("parent") or "", f"pci{address[:-5]}"
        if parent == "computer":
            return f"/sys/devices/{root}/{address}"
        if parent not in self._functions or parent in below:
            return None
        above = self._made(parent, below | {named})
        # A domain of its own begins with a root bus, as below Intel's VMD.
        same = self._functions[parent][1].rpartition(":")[0][:-3] == address.rpartition(":")[0][:-3]
        return above and f"{above}/{address if same else f'{root}/{address}'}"
