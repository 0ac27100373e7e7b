# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures that hwloc's lstopo drew of a host, as SVG: which devices hang below which bridges, beside which memory.

A box stands for each object, with its class. From a bridge lines lead to the left edges of what is below it. A host
bridge is drawn in the box of the CPUs that it is near to: a package, a group or the whole machine.
"""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET

_DEVICE, _BRIDGE, _HOST_BRIDGE, _NODE = "PCI", "PCIBridge", "HostBridge", "NUMANode"
_CARRIED = {"Net": "02", "Block": "01"}
_PLACES = ("Machine", "Package", "Die", "Group", "Group0")
_ADDRESS = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2})\.([0-7])(?:-([0-7]))?")


class Pictured(t.NamedTuple):
    """A device: the bridges above it, the host bridge first, by their names in the picture; None for no one node.

    `classes` are the base classes of functions that carry what the device does.
    """

    address: str
    above: tuple[str, ...]
    node: int | None
    classes: frozenset[str]


class Picture(t.NamedTuple):
    """The PCI devices that are drawn, and the numbers of all NUMA nodes."""

    devices: tuple[Pictured, ...]
    nodes: frozenset[int]


class _Box(t.NamedTuple):
    name: str
    kind: str
    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height

    def holds(self, x: float, y: float) -> bool:
        return self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height


def pictured(svg: str) -> Picture:
    """What a picture shows. Raises ValueError of what is no XML."""
    try:
        elements = list(ET.fromstring(svg.encode()).iter())
    except ET.ParseError as error:
        raise ValueError(f"no SVG: {error}") from None
    boxes = [_box(element) for element in elements if _is(element, "rect")]
    texts = {_name(element): "".join(element.itertext()) for element in elements if _is(element, "text")}
    parents = _parents(boxes, [element for element in elements if _is(element, "line")])
    devices = [one for box in boxes if box.kind == _DEVICE for one in _devices(box, boxes, texts, parents)]
    numbers = (_node_number(texts, box.name) for box in boxes if box.kind == _NODE)
    return Picture(tuple(devices), frozenset(number for number in numbers if number is not None))


def _devices(
    box: _Box, boxes: t.Sequence[_Box], texts: t.Mapping[str, str], parents: t.Mapping[str, str]
) -> t.Iterator[Pictured]:
    """The functions that a box stands for."""
    above = _chain(parents, box.name)
    host_bridge = next((other for other in boxes if above and other.name == above[0]), None)
    node = None if host_bridge is None else _node(boxes, texts, host_bridge)
    inside = (other.kind for other in boxes if box.holds(other.x, other.y))
    carried = frozenset(_CARRIED[kind] for kind in inside if kind in _CARRIED)
    for address in _addresses(texts.get(box.name, "")):
        yield Pictured(address, above, node, carried)


def _is(element: ET.Element, tag: str) -> bool:
    return element.tag.rpartition("}")[2] == tag and "class" in element.attrib


def _name(element: ET.Element) -> str:
    """Of `PCI_3_rect`, `PCI_3_text` or `PCI_3_line_2`, whose number counts the objects of a class."""
    return re.sub(r"_(?:rect|text|line)(?:_\d+)?$", "", element.get("id", ""))


def _box(element: ET.Element) -> _Box:
    place = [float(element.get(key, "0")) for key in ("x", "y", "width", "height")]
    return _Box(_name(element), element.get("class", ""), *place)


def _parents(boxes: t.Sequence[_Box], lines: t.Sequence[ET.Element]) -> dict[str, str]:
    """The bridge above each device and bridge: the one from which a level line ends at its left edge."""
    below = [box for box in boxes if box.kind in (_DEVICE, _BRIDGE)]
    parents: dict[str, str] = {}
    for line in lines:
        name, (x1, y1, x2, y2) = _name(line), (float(line.get(key, "0")) for key in ("x1", "y1", "x2", "y2"))
        if line.get("class") in (_BRIDGE, _HOST_BRIDGE) and y1 == y2 and x1 < x2:
            for box in below:
                if abs(box.x - x2) < 1 and box.y <= y2 <= box.y + box.height and box.name != name:
                    parents[box.name] = name
    return parents


def _chain(parents: t.Mapping[str, str], name: str) -> tuple[str, ...]:
    chain: list[str] = []
    while name in parents and parents[name] not in chain:
        name = parents[name]
        chain.insert(0, name)
    return tuple(chain)


def _node(boxes: t.Sequence[_Box], texts: t.Mapping[str, str], host_bridge: _Box) -> int | None:
    """The node's number in the smallest box around the host bridge, None where there are several or none."""
    around = [box for box in boxes if box.kind in _PLACES and box.holds(host_bridge.x, host_bridge.y)]
    if not around:
        return None
    place = min(around, key=lambda box: box.area)
    nodes = {box.name for box in boxes if box.kind == _NODE and place.holds(box.x, box.y)}
    return _node_number(texts, nodes.pop()) if len(nodes) == 1 else None


def _node_number(texts: t.Mapping[str, str], name: str) -> int | None:
    found = re.search(r"P#(\d+)", texts.get(name, ""))
    return None if found is None else int(found[1])


def _addresses(text: str) -> list[str]:
    """`PCI 01:00.0`, of domain 0 where the machine has no other; several functions in one box are `01:00.0-3`."""
    found = _ADDRESS.search(text)
    if found is None:
        return []
    first, last = int(found[3]), int(found[4] or found[3])
    return [f"{found[1] or '0000'}:{found[2]}.{number}" for number in range(first, last + 1)]
