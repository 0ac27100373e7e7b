# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of a USB or SCSI device into or out of a domain."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ... import forms
from ...claims.usb_scsi import held_node
from ...guest.sources import device_marks
from ...guest.usb_scsi_xml import Mark, NodeElement, hostdev_elements, node_elements
from .element import ElementStep, element_form

if t.TYPE_CHECKING:
    from ...guest.domain import DomainLayout
    from .host_now import HostNow


def _is_of(element: ET.Element, name: str) -> bool:
    """Whether it names a device of this one's kind, by something that a device can have."""
    marks = [hostdev.mark for hostdev in hostdev_elements(element)]
    return element.get("type") == name.partition("_")[0] and bool(marks) and not {None, -1} & {*marks[0]}


class NodeStep(ElementStep):
    """A USB or SCSI device enters or leaves one place of a domain; `address` is its name as a node device."""

    kind: t.ClassVar[str] = "node"
    makes_way: t.ClassVar[bool] = True
    FORM = element_form("node", forms.name, _is_of, "hostdev")

    @property
    def takes_device(self) -> bool:
        return self.attaches

    @property
    def mark(self) -> Mark | None:
        """What libvirt finds the device by, None when somebody broke the XML in the journal."""
        try:
            hostdev = self.element
        except ET.ParseError:
            return None
        return next((element.mark for element in hostdev_elements(hostdev)), None)

    def element_in(self, layout: DomainLayout) -> NodeElement | None:
        mark = self.mark
        return next((element for element in node_elements(layout) if element.mark == mark), None)

    def is_for(self, element: ET.Element) -> bool:
        mark = self.mark
        return any(hostdev.mark == mark for hostdev in hostdev_elements(element))

    def device_missing(self, now: HostNow) -> str | None:
        nodes = now.nodes()
        node, held = nodes.get(self.address), now.node_holdings.get(self.address)
        if node is None:
            return f"{self.address} is no longer on the host"
        if held is not None and held_node(nodes, held) is None:
            return f"another device is at {self.address} now"
        if self.mark is not None and self.mark not in list(device_marks(node)):
            return f"{self.address} was plugged in anew"
        return None
