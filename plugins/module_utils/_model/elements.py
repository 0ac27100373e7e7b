# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""XML of domains and of their devices, parsed once in a run.

Libvirt gives the same XML of a domain many times, and a plan has an element once for each place of the domain.
"""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ET

from . import forms

PARSED = 1 << 14
"""How many texts are kept: more than a host's domains and their devices have, and not all that a long run ever saw."""
_DEEPEST = 32


@functools.lru_cache(maxsize=PARSED)
def parse_element(xml: str) -> ET.Element:
    """The element, the same one for all who ask: only copies of it are changed. Raises ET.ParseError."""
    return ET.fromstring(xml)


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
