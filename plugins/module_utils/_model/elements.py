# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""XML of domains and of their devices, parsed once in a run.

Libvirt gives the same XML of a domain many times, and a plan has an element once for each place of the domain.
"""

from __future__ import annotations

import copy
import functools
import typing as t
import xml.etree.ElementTree as ET

from . import forms
from .address import PciAddress

PARSED = 1 << 14
"""How many texts are kept: more than a host's domains and their devices have, and not all that a long run ever saw."""
_DEEPEST = 32

# The elements by which a domain takes a function of the host, with the type that they have then.
_FUNCTIONS = {"hostdev": "pci", "interface": "hostdev", "disk": "nvme"}


@functools.lru_cache(maxsize=PARSED)
def parse_element(xml: str) -> ET.Element:
    """The element, the same one for all who ask: only copies of it are changed. Raises ET.ParseError."""
    return ET.fromstring(xml)


def same_xml(one: str, other: str) -> bool:
    """Whether two elements say the same, however they are written."""
    return one == other or ET.canonicalize(one, strip_text=True) == ET.canonicalize(other, strip_text=True)


def assigned_function(element: ET.Element) -> str | None:
    """The address of the host function that one of a domain's devices takes, None when it takes none."""
    return function_source(element)[1]


def function_source(element: ET.Element) -> tuple[str, str | None]:
    """By which kind of element a domain takes a host function (hostdev, interface or disk), and its address."""
    if element.tag not in _FUNCTIONS or element.get("type") != _FUNCTIONS[element.tag]:
        return "", None
    source = element.find("source/address")
    address = None if source is None else pci_address(source)
    return element.tag, None if address is None else str(address)


def pci_address(address: ET.Element) -> PciAddress | None:
    """What an `<address>` says of a place on a PCI bus, None when it says none."""
    if address.get("bus") is None:
        return None
    return PciAddress(*(_number(address.get(part, "0")) for part in ("domain", "bus", "slot", "function")))


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return -1


def sourced(xml: str, address: str) -> str:
    """An element that gives a function to a domain, with another function in its place and all else as it is."""
    element = copy.deepcopy(parse_element(xml))
    place = PciAddress.parse(address)
    for source in element.iterfind("source/address"):
        source.set("domain", f"0x{place.domain:04x}")
        source.set("bus", f"0x{place.bus:02x}")
        source.set("slot", f"0x{place.slot:02x}")
        source.set("function", f"0x{place.function:x}")
    return ET.tostring(element, encoding="unicode").strip()


def function_form(address: str) -> forms.Check:
    """The XML of an element that gives the function of this address to a domain."""
    is_element = element_form(*_FUNCTIONS)

    def check(value: object, path: str) -> None:
        is_element(value, path)
        if not gives(parse_element(t.cast("str", value)), address):
            raise forms.wrong(path, value, f"an element that gives {address} to the domain")

    return check


def gives(element: ET.Element, address: str) -> bool:
    """Whether an element gives the function of this address to a domain."""
    try:
        return assigned_function(element) == address
    except ValueError:
        return False


def element_form(*tags: str) -> forms.Check:
    """The XML of one element with one of these names."""

    def check(value: object, path: str) -> None:
        wanted = "the XML of a " + " or ".join(tags)
        if not isinstance(value, str):
            raise forms.wrong(path, value, wanted)
        try:
            tag = parse_element(value).tag
        except ET.ParseError as error:
            raise forms.DocumentError(path, f"found {forms.shown(value)} ({error})", wanted) from error
        if tag not in tags or not value.startswith(f"<{tag}") or not _is_shallow(parse_element(value)):
            raise forms.wrong(path, value, wanted)

    return check


def _is_shallow(element: ET.Element) -> bool:
    """Whether it is as deep as elements of domains are at most: what copies it goes down by a call for each level."""
    level = [element]
    for _depth in range(_DEEPEST):
        level = [child for parent in level for child in parent]
    return not level
