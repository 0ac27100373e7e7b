# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of the root ports in a domain's definition."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from ... import forms
from ...guest.domain import CONFIG
from ...guest.pci_xml import root_port_element, root_port_xml
from .commands import virsh
from .host_now import place_missing
from .step import Step

if t.TYPE_CHECKING:
    from .host_now import HostNow


def _form(value: object, path: str) -> None:
    """All fields, and that ports are only added, or only taken away."""
    _FIELDS(value, path)
    step = t.cast("dict[str, t.Any]", value)
    before, after = step["before"], step["after"]
    if (
        len({*before}) < len(before)
        or len({*after}) < len(after)
        or not ({*before} <= {*after} or {*after} <= {*before})
    ):
        wanted = "each index once, and all of before, or nothing but of before"
        raise forms.DocumentError(f"{path}.after", f"found {after} after {before}", wanted)


_FIELDS = forms.mapping(
    {
        "kind": forms.one_of("root_ports"),
        "domain": forms.text,
        "uuid": forms.uuid,
        "before": forms.listed(forms.number(0)),
        "after": forms.listed(forms.number(0)),
    }
)


@dataclass(frozen=True)
class RootPortsStep(Step):
    """The definition of a domain gets pcie-root-port controllers; `before` and `after` are the indexes of all."""

    domain: str
    uuid: str
    before: tuple[int, ...]
    after: tuple[int, ...]

    kind: t.ClassVar[str] = "root_ports"
    address = None
    place = CONFIG
    FORM: t.ClassVar[forms.Check] = _form

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "domain": self.domain,
            "uuid": self.uuid,
            "before": list(self.before),
            "after": list(self.after),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> RootPortsStep:
        return cls(data["domain"], data["uuid"], tuple(data["before"]), tuple(data["after"]))

    def command(self) -> str:
        action = "attach-device" if set(self.before) < set(self.after) else "detach-device"
        changed = sorted(set(self.before) ^ set(self.after), reverse=action == "detach-device")
        return "; ".join(virsh(action, self.uuid, root_port_xml(index), CONFIG) for index in changed)

    def foretell(self, devices: ET.Element) -> None:
        devices.extend(root_port_element(index) for index in self.after if index not in self.before)

    def missing(self, now: HostNow) -> str | None:
        return place_missing(now, self.uuid, self.domain, CONFIG) if now.has_libvirt else None

    def __str__(self) -> str:
        return f"root ports in the definition of domain {self.domain}: {len(self.before)} -> {len(self.after)}"
