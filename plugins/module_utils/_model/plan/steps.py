# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps: transitions of one thing each."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .. import forms
from ..guest.domain import PLACES
from ..host.device import Binding
from ..requests.guest_options import SETTINGS_FORM


@dataclass(frozen=True)
class DriverStep:
    """A function's driver and driver_override change."""

    address: str
    before: Binding
    after: Binding

    kind: t.ClassVar[str] = "driver"
    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {"kind": forms.one_of("driver"), "address": forms.address, "before": Binding.FORM, "after": Binding.FORM}
    )

    def inverse(self) -> DriverStep:
        return replace(self, before=self.after, after=self.before)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
        }

    def __str__(self) -> str:
        return f"driver of {self.address}: {self.before.driver or 'none'} -> {self.after.driver or 'none'}"


def _element_form(kind: str, address: forms.Check, *tags: str) -> forms.Check:
    """Of a step that puts an element into a domain or takes it out."""
    xml = forms.nullable(forms.element(*tags))
    fields = forms.mapping(
        {
            "kind": forms.one_of(kind),
            "address": address,
            "domain": forms.text,
            "uuid": forms.text,
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

    return check


@dataclass(frozen=True)
class HostdevStep:
    """A function enters or leaves one place of a domain: its definition (config) or its running self (live).

    `before` and `after` are the XML of the element in the domain, None where there is none.
    """

    address: str
    domain: str
    uuid: str
    place: str
    before: str | None
    after: str | None

    kind: t.ClassVar[str] = "hostdev"
    FORM: t.ClassVar[forms.Check] = _element_form("hostdev", forms.address, "hostdev", "interface", "disk")

    def inverse(self) -> HostdevStep:
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

    def __str__(self) -> str:
        action = "attach" if self.after else "detach"
        return f"{action} {self.address}, {self.place} of domain {self.domain}"


@dataclass(frozen=True)
class NodeStep(HostdevStep):
    """A USB or SCSI device enters or leaves one place of a domain; `address` is its name as a node device."""

    kind: t.ClassVar[str] = "node"
    FORM: t.ClassVar[forms.Check] = _element_form("node", forms.name, "hostdev")


@dataclass(frozen=True)
class VfSettingsStep:
    """Settings that a PF has of one of its VFs change: `trust` and `spoof_check`, those of them that are named.

    `index` is the VF's number at its PF. What the driver did not tell is not in `before`, and so is not put back.
    """

    address: str
    pf: str
    index: int
    before: t.Mapping[str, bool]
    after: t.Mapping[str, bool]

    kind: t.ClassVar[str] = "vf_settings"
    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {
            "kind": forms.one_of("vf_settings"),
            "address": forms.address,
            "pf": forms.address,
            "index": forms.number(0),
            "before": SETTINGS_FORM,
            "after": SETTINGS_FORM,
        }
    )

    def inverse(self) -> VfSettingsStep:
        return replace(self, before=self.after, after=self.before)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "pf": self.pf,
            "index": self.index,
            "before": dict(self.before),
            "after": dict(self.after),
        }

    def __str__(self) -> str:
        def words(settings: t.Mapping[str, bool]) -> str:
            return ", ".join(f"{name} {'on' if value else 'off'}" for name, value in settings.items()) or "unknown"

        return f"settings of {self.address}: {words(self.before)} -> {words(self.after)}"


def _root_ports_form(value: object, path: str) -> None:
    """All fields, and that ports are only added, or only taken away."""
    _ROOT_PORTS_FIELDS(value, path)
    step = t.cast("dict[str, t.Any]", value)
    before, after = step["before"], step["after"]
    if (
        len({*before}) < len(before)
        or len({*after}) < len(after)
        or not ({*before} <= {*after} or {*after} <= {*before})
    ):
        wanted = "each index once, and all of before, or nothing but of before"
        raise forms.DocumentError(f"{path}.after", f"found {after} after {before}", wanted)


_ROOT_PORTS_FIELDS = forms.mapping(
    {
        "kind": forms.one_of("root_ports"),
        "domain": forms.text,
        "uuid": forms.text,
        "before": forms.listed(forms.number(0)),
        "after": forms.listed(forms.number(0)),
    }
)


@dataclass(frozen=True)
class RootPortsStep:
    """The definition of a domain gets pcie-root-port controllers; `before` and `after` are the indexes of all."""

    domain: str
    uuid: str
    before: tuple[int, ...]
    after: tuple[int, ...]

    kind: t.ClassVar[str] = "root_ports"
    FORM: t.ClassVar[forms.Check] = _root_ports_form

    def inverse(self) -> RootPortsStep:
        return replace(self, before=self.after, after=self.before)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "domain": self.domain,
            "uuid": self.uuid,
            "before": list(self.before),
            "after": list(self.after),
        }

    def __str__(self) -> str:
        return f"root ports in the definition of domain {self.domain}: {len(self.before)} -> {len(self.after)}"


Step = t.Union[DriverStep, HostdevStep, VfSettingsStep, RootPortsStep, NodeStep]
_KINDS = {kind.kind: kind for kind in (DriverStep, HostdevStep, VfSettingsStep, RootPortsStep, NodeStep)}


def step_form(value: object, path: str) -> None:
    """The form of a step as as_dict writes it, whichever kind it says it is of."""
    kind = forms.part(value, "kind", path)
    forms.one_of(*_KINDS)(kind, f"{path}.kind")
    _KINDS[kind].FORM(value, path)


def step_from_dict(data: t.Mapping[str, t.Any]) -> Step:
    """Read a step as as_dict wrote it into the journal."""
    if data["kind"] == DriverStep.kind:
        return DriverStep(
            data["address"],
            Binding(data["before"]["driver"], data["before"]["driver_override"]),
            Binding(data["after"]["driver"], data["after"]["driver_override"]),
        )
    if data["kind"] == VfSettingsStep.kind:
        return VfSettingsStep(data["address"], data["pf"], data["index"], dict(data["before"]), dict(data["after"]))
    if data["kind"] == RootPortsStep.kind:
        return RootPortsStep(data["domain"], data["uuid"], tuple(data["before"]), tuple(data["after"]))
    made = NodeStep if data["kind"] == NodeStep.kind else HostdevStep
    return made(data["address"], data["domain"], data["uuid"], data["place"], data["before"], data["after"])
