# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of a PCI function into or out of a domain."""

from __future__ import annotations

import typing as t

from ... import forms
from ...elements import gives
from .element import ElementStep, element_form

if t.TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from ...guest.domain import Assigned, DomainLayout


class HostdevStep(ElementStep):
    """A function enters or leaves one place of a domain."""

    kind: t.ClassVar[str] = "hostdev"
    has_guest_address: t.ClassVar[bool] = True
    FORM = element_form("hostdev", forms.address, gives, "hostdev", "interface", "disk")

    def element_in(self, layout: DomainLayout) -> Assigned | None:
        return layout.assigned.get(self.address)

    def is_for(self, element: ET.Element) -> bool:
        return gives(element, self.address)
