# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of a PCI function into or out of a domain."""

from __future__ import annotations

import typing as t

from ... import forms
from ...guest.domain import assigned_function
from ...guest.pci_xml import guest_place
from .element import ElementStep, element_form

if t.TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from ...guest.domain import Assigned, DomainLayout


def _is_of(element: ET.Element, address: str) -> bool:
    try:
        return assigned_function(element) == address
    except ValueError:
        return False


class HostdevStep(ElementStep):
    """A function enters or leaves one place of a domain."""

    kind: t.ClassVar[str] = "hostdev"
    has_guest_address: t.ClassVar[bool] = True
    FORM = element_form("hostdev", forms.address, _is_of, "hostdev", "interface", "disk")

    def element_in(self, layout: DomainLayout) -> Assigned | None:
        return layout.assigned.get(self.address)

    def is_for(self, element: ET.Element) -> bool:
        return assigned_function(element) == self.address

    def slots(self, place: str) -> int:
        """Other functions of a slot are behind the port of function 0."""
        if place != self.place or not (guest_place(self.element) or "0").endswith("0"):
            return 0
        return 1 if self.attaches else -1
