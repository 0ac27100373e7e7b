# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shell commands for an administrator who must mend what could not be undone."""

from __future__ import annotations

import copy
import shlex
import xml.etree.ElementTree as ET

from ...elements import parse_element


def virsh(action: str, uuid: str, xml: str, place: str) -> str:
    """The command that attaches an element to a place of a domain or detaches it."""
    quoted = shlex.quote(_on_one_line(xml))
    return f"printf %s {quoted} | virsh {action} {shlex.quote(uuid)} /dev/stdin --{shlex.quote(place)}"


def _on_one_line(xml: str) -> str:
    """An element without the white space between its parts; what is no XML as it is."""
    try:
        element = copy.deepcopy(parse_element(xml))
    except ET.ParseError:
        return xml
    for part in element.iter():
        part.text = part.text if (part.text or "").strip() else None
        part.tail = part.tail if (part.tail or "").strip() else None
    return ET.tostring(element, encoding="unicode")
