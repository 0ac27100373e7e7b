# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps: transitions of one thing each."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ..host.device import Binding


@dataclass(frozen=True)
class DriverStep:
    """A function's driver and driver_override change."""

    address: str
    before: Binding
    after: Binding

    kind: t.ClassVar[str] = "driver"

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


@dataclass(frozen=True)
class RootPortsStep:
    """The definition of a domain gets pcie-root-port controllers; `before` and `after` are the indexes of all."""

    domain: str
    uuid: str
    before: tuple[int, ...]
    after: tuple[int, ...]

    kind: t.ClassVar[str] = "root_ports"

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
