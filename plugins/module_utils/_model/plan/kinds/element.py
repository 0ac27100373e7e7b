# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of all devices that enter and leave domains have in common."""

from __future__ import annotations

import copy
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from ... import forms
from ...elements import element_form as xml_form
from ...elements import parse_element
from ...guest.domain import LIVE, PLACES
from .commands import virsh
from .host_now import place_missing
from .step import Step

if t.TYPE_CHECKING:
    from ...guest.domain import Assigned, DomainLayout
    from ...guest.usb_scsi_xml import NodeElement
    from .host_now import HostNow

_E = t.TypeVar("_E", bound="ElementStep")


def element_form(
    kind: str, address: forms.Check, is_of: t.Callable[[ET.Element, str], bool], *tags: str
) -> forms.Check:
    """Of a step that puts an element into a domain or takes it out; `is_of` whether one is that of an address."""
    xml = forms.nullable(xml_form(*tags))
    fields = forms.mapping(
        {
            "kind": forms.one_of(kind),
            "address": address,
            "domain": forms.text,
            "uuid": forms.uuid,
            "place": forms.one_of(*PLACES),
            "before": xml,
            "after": xml,
        }
    )

    def check(value: object, path: str) -> None:
        fields(value, path)
        step = t.cast("dict[str, t.Any]", value)
        if (step["before"] is None) == (step["after"] is None):
            raise forms.wrong(f"{path}.after", step["after"], "an element before or after the step, and not both")
        end = "before" if step["after"] is None else "after"
        if not is_of(parse_element(step[end]), step["address"]):
            raise forms.wrong(f"{path}.{end}", step[end], f"an element that gives {step['address']} to the domain")

    return check


@dataclass(frozen=True)
class ElementStep(Step):
    """A device's element enters or leaves one place of a domain: its definition (config) or its running self (live).

    `before` and `after` are the XML of the element in the domain, None where there is none.
    """

    address: str
    domain: str
    uuid: str
    place: str
    before: str | None
    after: str | None

    has_guest_address: t.ClassVar[bool] = False
    """Whether the guest sees the device at a PCI address of its own."""

    @property
    def element(self) -> ET.Element:
        """The element that enters or leaves; only copies of it are changed. Raises ET.ParseError."""
        return parse_element(self.after or self.before or "")

    @property
    def attaches(self) -> bool:
        return self.after is not None

    @property
    def needs_device(self) -> bool:
        return self.attaches

    @property
    def takes_after_reboot(self) -> bool:
        return self.place == LIVE and self.attaches

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "domain": self.domain,
            "uuid": self.uuid,
            "place": self.place,
            "before": self.before,
            "after": self.after,
        }

    @classmethod
    def from_dict(cls: type[_E], data: t.Mapping[str, t.Any]) -> _E:
        return cls(data["address"], data["domain"], data["uuid"], data["place"], data["before"], data["after"])

    def element_in(self, layout: DomainLayout) -> Assigned | NodeElement | None:
        """The element in a domain's XML that the step puts there or takes away, None where it is not there."""
        raise NotImplementedError

    def is_for(self, element: ET.Element) -> bool:
        """Whether it is the element that the step puts into a domain or takes away."""
        raise NotImplementedError

    def command(self) -> str:
        action = "attach-device" if self.after else "detach-device"
        return virsh(action, self.uuid, self.after or self.before or "", self.place)

    def foretell(self, devices: ET.Element) -> None:
        if self.after is not None:
            devices.append(copy.deepcopy(self.element))
            return
        for element in list(devices):
            if self.is_for(element):
                devices.remove(element)

    def missing(self, now: HostNow) -> str | None:
        if not self.attaches or not now.has_libvirt:
            return None
        return self.device_missing(now) or place_missing(now, self.uuid, self.domain, self.place)

    def device_missing(self, now: HostNow) -> str | None:
        """Why the device can't be put into a domain any more, None when it can."""
        return None

    def __str__(self) -> str:
        action = "attach" if self.after else "detach"
        return f"{action} {self.address}, {self.place} of domain {self.domain}"
