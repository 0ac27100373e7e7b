# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims: what an owner holds, as the record keeps it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..address import address_order
from ..host.device import Binding
from ..requests.guest_options import NO_OPTIONS, GuestOptions, parse_guest_options
from .usb_scsi import NodeHolding

REQUESTED = "requested"


GROUP_MEMBER = "group_member"


@dataclass(frozen=True)
class Owner:
    """Who holds a claim: `kind` domain with UUID as `id` and name as `label`, or `kind` name with both alike."""

    kind: str
    id: str
    label: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}"

    def __str__(self) -> str:
        return f"domain {self.label} ({self.id})" if self.kind == "domain" else f"owner {self.label}"

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "id": self.id, "label": self.label}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Owner:
        return cls(str(data["kind"]), str(data["id"]), str(data["label"]))


@dataclass(frozen=True)
class Holding:
    """One device within a claim.

    `request` is the name of the request it serves, None for a group member that only came along. `original` is the
    binding to restore on release. `adopted` says that it was with a VFIO driver before we came: it is left so.
    `attach` are the places of the owner's domain that it was attached to, config and live. `managed` is what the
    allow list says of who binds it, None when it says nothing; `one_time_use` that it must be cleaned once it is free.
    `vf_settings` are those that its PF had of it before we changed them. `guest_address` is where the guest sees it,
    as libvirt chose: there it is put again.
    """

    address: str
    request: str | None
    identity: t.Mapping[str, str | None]
    original: Binding
    adopted: bool = False
    attach: tuple[str, ...] = ()
    managed: bool | None = None
    one_time_use: bool = False
    vf_settings: t.Mapping[str, bool] = field(default_factory=dict)
    guest_address: str | None = None

    @property
    def role(self) -> str:
        return GROUP_MEMBER if self.request is None else REQUESTED

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "address": self.address,
            "request": self.request,
            "role": self.role,
            "identity": dict(self.identity),
            "original": self.original.as_dict(),
            "adopted": self.adopted,
            "attach": list(self.attach),
            **({} if self.managed is None else {"managed": self.managed}),
            **({"one_time_use": True} if self.one_time_use else {}),
            **({"vf_settings": dict(self.vf_settings)} if self.vf_settings else {}),
            **({} if self.guest_address is None else {"guest_address": self.guest_address}),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Holding:
        original = data["original"]
        return cls(
            address=str(data["address"]),
            request=data["request"],
            identity=dict(data["identity"]),
            original=Binding(original["driver"], original["driver_override"]),
            adopted=bool(data["adopted"]),
            attach=tuple(str(place) for place in data["attach"]),
            managed=None if data.get("managed") is None else bool(data["managed"]),
            one_time_use=bool(data.get("one_time_use", False)),
            guest_address=None if data.get("guest_address") is None else str(data["guest_address"]),
            vf_settings={str(name): bool(value) for name, value in data.get("vf_settings", {}).items()},
        )


@dataclass(frozen=True)
class Waiting:
    """A one-time-use device that its last owner gave back, and that nobody gets until it is cleaned."""

    address: str
    owner: Owner
    identity: t.Mapping[str, str | None]

    def as_dict(self) -> dict[str, t.Any]:
        return {"address": self.address, "owner": self.owner.as_dict(), "identity": dict(self.identity)}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Waiting:
        return cls(str(data["address"]), Owner.from_dict(data["owner"]), dict(data["identity"]))


@dataclass(frozen=True)
class Claim:
    """All that one owner holds: its requests by name (as Request.as_dict gives them) and holdings by address.

    `node_devices` are its USB and SCSI devices by libvirt's names.
    """

    owner: Owner
    requests: t.Mapping[str, t.Mapping[str, t.Any]] = field(default_factory=dict)
    holdings: t.Mapping[str, Holding] = field(default_factory=dict)
    node_devices: t.Mapping[str, NodeHolding] = field(default_factory=dict)

    def serving(self, request: str) -> list[str]:
        """Addresses that serve the request, in address order."""
        return sorted(
            (address for address, held in self.holdings.items() if held.request == request), key=address_order
        )

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "owner": self.owner.as_dict(),
            "requests": [dict(request) for _name, request in sorted(self.requests.items())],
            "devices": [self.holdings[address].as_dict() for address in sorted(self.holdings, key=address_order)],
            **(
                {"node_devices": [held.as_dict() for _name, held in sorted(self.node_devices.items())]}
                if self.node_devices
                else {}
            ),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Claim:
        holdings = [Holding.from_dict(device) for device in data["devices"]]
        nodes = [NodeHolding.from_dict(device) for device in data.get("node_devices", ())]
        return cls(
            Owner.from_dict(data["owner"]),
            {str(request["name"]): dict(request) for request in data["requests"]},
            {held.address: held for held in holdings},
            {held.name: held for held in nodes},
        )


def options_of(claim: Claim, address: str) -> GuestOptions:
    """The options of the request that a held device serves."""
    held = claim.holdings.get(address)
    request = None if held is None or held.request is None else claim.requests.get(held.request)
    return NO_OPTIONS if request is None else parse_guest_options(request, f"request {request.get('name')}", 1)
