# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""XML of domains and of their devices, parsed once in a run.

Libvirt gives the same XML of a domain many times, and a plan has an element once for each place of the domain.
"""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ET

PARSED = 1 << 14
"""How many texts are kept: more than a host's domains and their devices have, and not all that a long run ever saw."""


@functools.lru_cache(maxsize=PARSED)
def parse_element(xml: str) -> ET.Element:
    """The element, the same one for all who ask: only copies of it are changed. Raises ET.ParseError."""
    return ET.fromstring(xml)
