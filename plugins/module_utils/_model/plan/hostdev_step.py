# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of a PCI function into or out of a domain."""

from __future__ import annotations

import typing as t

from ..guest.pci_xml import guest_place
from .element_step import ElementStep

if t.TYPE_CHECKING:
    from ..guest.domain import DomainLayout


class HostdevStep(ElementStep):
    """A function enters or leaves one place of a domain."""

    kind: t.ClassVar[str] = "hostdev"
    has_guest_address: t.ClassVar[bool] = True

    def element_in(self, layout: DomainLayout) -> str | None:
        assigned = layout.assigned.get(self.address)
        return None if assigned is None else assigned.xml

    def slots(self, place: str) -> int:
        """Other functions of a slot are behind the port of function 0."""
        if place != self.place or not (guest_place(self.after or self.before or "") or "0").endswith("0"):
            return 0
        return 1 if self.attaches else -1
