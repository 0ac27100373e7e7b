# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hwloc wrote of a host in words: lstopo's outline, indented, or its XML."""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from .lstopo import Picture, Pictured

_HOST_BRIDGE, _BRIDGE, _DEVICE, _NODE = "HostBridge", "PCIBridge", "PCI", "NUMANode"
_ADDRESS = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")
_NAMES = {"PCIDev": _DEVICE, "PCIBridge": _BRIDGE}


@dataclass
class _Object:
    kind: str
    name: str
    address: str = ""
    number: int | None = None
    below: list[_Object] = field(default_factory=list)

    def nodes(self) -> set[int]:
        own = {self.number} if self.kind == _NODE and self.number is not None else set()
        return own.union(*(one.nodes() for one in self.below))


def outlined(text: str) -> Picture:
    """What an outline or XML tells. Raises ValueError of XML that is broken."""
    top = _of_xml(text) if text.lstrip().startswith("<") else _of_lines(text)
    return Picture(tuple(_devices(top, (), None)), frozenset(top.nodes()))


def _of_lines(text: str) -> _Object:
    """What is indented by more is below; a line is `NUMANode L#0 (P#0 ...)`, `PCI 02:00.0 (...)` or the like."""
    top = _Object("", "top")
    way: list[tuple[int, _Object]] = [(-1, top)]
    for count, line in enumerate(text.splitlines()):
        words = line.split()
        if not words:
            continue
        depth = len(line) - len(line.lstrip())
        address, number = _ADDRESS.search(line), re.search(r"P#(\d+)", line)
        made = _Object(
            _NAMES.get(words[0], words[0]),
            f"line {count + 1}",
            f"{address[1] or '0000'}:{address[2]}" if address else "",
            int(number[1]) if number else None,
        )
        while way[-1][0] >= depth:
            way.pop()
        way[-1][1].below.append(made)
        way.append((depth, made))
    return top


def _of_xml(text: str) -> _Object:
    try:
        root = ET.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", text).encode())
    except ET.ParseError as error:
        raise ValueError(f"no XML of hwloc's: {error}") from None
    top = _Object("", "top")
    _add(top, root)
    return top


def _add(above: _Object, element: ET.Element) -> None:
    for child in element.findall("object"):
        kind = child.get("type", "")
        if kind == "Bridge":
            kind = _HOST_BRIDGE if child.get("bridge_type", "").startswith("0-") else _BRIDGE
        name = child.get("gp_index") or child.get("pci_busid") or child.get("bridge_pci", "")
        number = child.get("os_index", "")
        made = _Object(
            _NAMES.get(kind, kind),
            f"{kind} {name}",
            child.get("pci_busid", "").lower(),
            int(number) if number.isdecimal() else None,
        )
        above.below.append(made)
        _add(made, child)


def _devices(one: _Object, above: tuple[str, ...], node: int | None) -> t.Iterator[Pictured]:
    """A host bridge is near to the only node of what it stands in, if there is only one."""
    nodes = one.nodes()
    for below in one.below:
        if below.kind == _DEVICE and below.address:
            yield Pictured(below.address, above, node, frozenset())
        elif below.kind == _HOST_BRIDGE:
            yield from _devices(below, (below.name,), next(iter(nodes)) if len(nodes) == 1 else None)
        elif below.kind == _BRIDGE:
            yield from _devices(below, (*above, below.name), node)
        else:
            yield from _devices(below, above, node)
