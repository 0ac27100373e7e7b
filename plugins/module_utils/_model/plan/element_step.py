# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of all devices that enter and leave domains have in common."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace

from ..guest.domain import LIVE, parse_layout
from .commands import virsh
from .host_now import place_missing
from .step import Step

if t.TYPE_CHECKING:
    from ..guest.domain import DomainLayout
    from .host_now import HostNow

_E = t.TypeVar("_E", bound="ElementStep")


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
    def attaches(self) -> bool:
        return self.after is not None

    @property
    def needs_device(self) -> bool:
        return self.attaches

    @property
    def takes_after_reboot(self) -> bool:
        return self.place == LIVE and self.attaches

    def inverse(self: _E) -> _E:
        return replace(self, before=self.after, after=self.before)

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

    def element_in(self, layout: DomainLayout) -> str | None:
        """The element in a domain's XML that the step puts there or takes away, None where it is not there."""
        raise NotImplementedError

    def command(self) -> str:
        action = "attach-device" if self.after else "detach-device"
        return virsh(action, self.uuid, self.after or self.before or "", self.place)

    def foretell(self, devices: ET.Element) -> None:
        if self.after is not None:
            devices.append(ET.fromstring(self.after))
            return
        for element in list(devices):
            alone = ET.Element("domain")
            ET.SubElement(alone, "devices").append(element)
            if self.element_in(parse_layout(ET.tostring(alone, encoding="unicode"))) is not None:
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
