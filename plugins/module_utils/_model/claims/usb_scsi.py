# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A USB or SCSI device within a claim, and whether the device in its place is still the one that was claimed."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .. import forms
from ..host.nodes.node_kinds import SCSI, USB
from .places import ATTACH_FORM, TIMES

if t.TYPE_CHECKING:
    from ..host.nodes.node_device import NodeDevice

_IDENTITY = {
    USB: ("vendor_id", "product_id", "serial"),
    SCSI: ("vendor", "model", "serial", "wwid"),
}

# As read_usb_and_scsi makes them: of the port, and of host, bus, target and logical unit.
_NAMES = {USB: re.compile(r"usb_[0-9]+(?:_[0-9]+)+"), SCSI: re.compile(r"scsi(?:_[0-9]+){4}")}

# By ids that no USB device can have it would pass for gone, and stay in its domain.
_IDS = {"vendor_id": forms.digits(4), "product_id": forms.digits(4)}


def _node_holding_form(value: object, path: str) -> None:
    """All fields; what the name and the identity are like is a matter of the kind of device."""
    _FIELDS(value, path)
    held = t.cast("dict[str, t.Any]", value)
    kind = held["capability"]
    if not _NAMES[kind].fullmatch(held["name"]):
        raise forms.wrong(f"{path}.name", held["name"], f"a name of a device of {kind}")
    wanted = {key: _IDS.get(key, forms.nullable(forms.text)) for key in _IDENTITY[kind]}
    forms.mapping(wanted)(held["identity"], f"{path}.identity")
    if "stood_before" in held:
        _check_stood(held["stood_before"], _TYPES[kind], f"{path}.stood_before")


def _check_stood(stood: dict[str, str], wanted: str, path: str) -> None:
    from ..elements import element_form, parse_element

    if not stood:
        raise forms.wrong(path, stood, "an element, or no such key")
    for place, xml in stood.items():
        element_form("hostdev")(xml, f"{path}.{place}")
        if parse_element(xml).get("type") != wanted:
            raise forms.wrong(f"{path}.{place}", xml, f"a hostdev of type {wanted}")


_TYPES = {USB: "usb", SCSI: "scsi"}


_FIELDS = forms.mapping(
    {
        "name": forms.name,
        "capability": forms.one_of(USB, SCSI),
        "request": forms.text,
        "identity": forms.each(forms.nullable(forms.text)),
        "attach": ATTACH_FORM,
    },
    {"stood_before": forms.mapping({}, {"config": forms.text, "live": forms.text}), **TIMES},
)


@dataclass(frozen=True)
class NodeHolding:
    """One device by libvirt's name, which tells the port or the SCSI address that it was claimed at.

    `capability` is usb_device or scsi, `request` the name of the request it serves. `identity` is what must still be
    true of it; `attach` are the places of the owner's domain that it was attached to, config and live. `stood_before`
    are the elements that these had for it before it was claimed. `since` and `until` are as a Holding has them.
    """

    name: str
    capability: str
    request: str
    identity: t.Mapping[str, str | None]
    attach: tuple[str, ...] = ()
    stood_before: t.Mapping[str, str] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None

    FORM: t.ClassVar[forms.Check] = _node_holding_form

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "name": self.name,
            "capability": self.capability,
            "request": self.request,
            "identity": dict(self.identity),
            "attach": list(self.attach),
            **({"stood_before": dict(self.stood_before)} if self.stood_before else {}),
            **({} if self.since is None else {"since": self.since}),
            **({} if self.until is None else {"until": self.until}),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> NodeHolding:
        return cls(
            data["name"],
            data["capability"],
            data["request"],
            dict(data["identity"]),
            tuple(data["attach"]),
            dict(data.get("stood_before", {})),
            data.get("since"),
            data.get("until"),
        )


def node_identity(node: NodeDevice) -> dict[str, str | None]:
    """What tells the device from another one in the same place."""
    return {key: node.fields.get(key) for key in _IDENTITY[node.capability or ""]}


def node_mismatch(node: NodeDevice, held: NodeHolding) -> str | None:
    """How the device differs from the one that was claimed, None when it is the same.

    All of it counts: unlike a PCI function's serial it can be read while a guest has the device.
    """
    identity = node_identity(node)
    for key, wanted in held.identity.items():
        if identity.get(key) != wanted:
            return f"{key} is {identity.get(key) or 'unknown'}, claimed was {wanted or 'one without'}"
    return None


def held_node(nodes: t.Mapping[str, NodeDevice], held: NodeHolding) -> NodeDevice | None:
    """The device that was claimed, None when it is no longer on the host or another one is in its place."""
    node = nodes.get(held.name)
    return None if node is None or node_mismatch(node, held) is not None else node
