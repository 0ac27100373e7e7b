# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims: what an owner holds, as the record keeps it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .. import forms
from ..address import address_order
from ..host.device import IDENTITY_FORM, Binding, named_vfio
from ..host.nodes.node_kinds import SCSI, USB
from ..requests.guest_options import NO_OPTIONS, SETTINGS_FORM
from ..requests.request import Request
from ..requests.usb_scsi import WAYS
from .places import ATTACH_FORM, TIMES

if t.TYPE_CHECKING:
    from ..requests.constraints import Constraint
    from ..requests.guest_options import GuestOptions
    from .usb_scsi import NodeHolding

REQUESTED = "requested"
GROUP_MEMBER = "group_member"


def _owner_form(value: object, path: str) -> None:
    """All fields, and that a domain has a UUID and a name is its own label: else nobody would find the claim."""
    _OWNER_FIELDS(value, path)
    owner = t.cast("dict[str, t.Any]", value)
    if owner["kind"] == "domain":
        forms.uuid(owner["id"], f"{path}.id")
    elif owner["label"] != owner["id"]:
        raise forms.wrong(f"{path}.label", owner["label"], f"{forms.shown(owner['id'])}, the name that is its id")


_OWNER_FIELDS = forms.mapping({"kind": forms.one_of("domain", "name"), "id": forms.text, "label": forms.text})


@dataclass(frozen=True)
class Owner:
    """Who holds a claim: `kind` domain with UUID as `id` and name as `label`, or `kind` name with both alike."""

    kind: str
    id: str
    label: str

    FORM: t.ClassVar[forms.Check] = _owner_form

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}"

    def __str__(self) -> str:
        return f"domain {self.label} ({self.id})" if self.kind == "domain" else f"owner {self.label}"

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "id": self.id, "label": self.label}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Owner:
        return cls(data["kind"], data["id"], data["label"])


def _holding_form(value: object, path: str) -> None:
    """All fields, and those that are written only where they say something."""
    _HOLDING_FIELDS(value, path)
    holding = Holding.from_dict(t.cast("dict[str, t.Any]", value))
    forms.same(holding.as_dict(), value, path)
    if named_vfio(holding.original.driver or "") and not holding.adopted:
        driver = holding.original.driver
        raise forms.wrong(f"{path}.original.driver", driver, "another one for a device that was not adopted")
    if holding.stood_before:
        from ..elements import function_form

        for place, xml in holding.stood_before.items():
            function_form(holding.address)(xml, f"{path}.stood_before.{place}")


_HOLDING_FIELDS = forms.mapping(
    {
        "address": forms.address,
        "request": forms.nullable(forms.text),
        "role": forms.one_of(REQUESTED, GROUP_MEMBER),
        "identity": IDENTITY_FORM,
        "original": Binding.FORM,
        "adopted": forms.flag,
        "attach": ATTACH_FORM,
    },
    {
        "managed": forms.flag,
        "one_time_use": forms.flag,
        "vf_settings": SETTINGS_FORM,
        "guest_address": forms.address,
        "moved_from": forms.address,
        **TIMES,
        "stood_before": forms.mapping({}, {"config": forms.text, "live": forms.text}),
    },
)


@dataclass(frozen=True)
class Holding:
    """One device within a claim.

    `request` is the name of the request it serves, None for a group member that only came along. `original` is the
    binding to restore on release. `adopted` says that it was with a VFIO driver before we came: it is left so.
    `attach` are the places of the owner's domain that it was attached to, config and live. `managed` is what the
    allow list says of who binds it, None when it says nothing; `one_time_use` that it must be cleaned once it is free.
    `vf_settings` are those that its PF had of it before we changed them. `guest_address` is where the guest sees it,
    as libvirt chose: there it is put again. `stood_before` are the elements that the owner's domain had for it before
    it was claimed, by place: a release leaves these there, or puts them back. `moved_from` is the address that the
    owner's definition has of it, where the device was found at another one since: the definition is to follow. `since`
    is when it was claimed, None where an older release did, and `until` when it is due back, see requests.limits.times.
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
    stood_before: t.Mapping[str, str] = field(default_factory=dict)
    moved_from: str | None = None
    since: str | None = None
    until: str | None = None

    FORM: t.ClassVar[forms.Check] = _holding_form

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
            **({"stood_before": dict(self.stood_before)} if self.stood_before else {}),
            **({} if self.moved_from is None else {"moved_from": self.moved_from}),
            **({} if self.since is None else {"since": self.since}),
            **({} if self.until is None else {"until": self.until}),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Holding:
        return cls(
            address=data["address"],
            request=data["request"],
            identity=dict(data["identity"]),
            original=Binding.from_dict(data["original"]),
            adopted=data["adopted"],
            attach=tuple(data["attach"]),
            managed=data.get("managed"),
            one_time_use=data.get("one_time_use", False),
            vf_settings=dict(data.get("vf_settings", {})),
            guest_address=data.get("guest_address"),
            stood_before=dict(data.get("stood_before", {})),
            moved_from=data.get("moved_from"),
            since=data.get("since"),
            until=data.get("until"),
        )


@dataclass(frozen=True)
class Waiting:
    """A one-time-use device that its last owner gave back, and that nobody gets until it is cleaned."""

    address: str
    owner: Owner
    identity: t.Mapping[str, str | None]

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {"address": forms.address, "owner": Owner.FORM, "identity": IDENTITY_FORM}
    )

    def as_dict(self) -> dict[str, t.Any]:
        return {"address": self.address, "owner": self.owner.as_dict(), "identity": dict(self.identity)}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Waiting:
        return cls(data["address"], Owner.from_dict(data["owner"]), dict(data["identity"]))


def _claim_form(value: object, path: str) -> None:
    """All fields, and that each device serves one of the claim's requests, for a device of its kind."""
    _CLAIM_FIELDS(value, path)
    claim = t.cast("dict[str, t.Any]", value)
    for key in ("devices", "node_devices"):
        for index, held in enumerate(claim.get(key, ())):
            _check_request(claim["requests"], held, f"{path}.{key}[{index}].request")
    names = [request["name"] for request in claim["requests"]]
    for index, name in enumerate(claim.get("declared", ())):
        if name not in names:
            raise forms.wrong(f"{path}.declared[{index}]", name, f"a request of the claim ({', '.join(names)})")
    for key in CONSTRAINTS:
        for index, constraint in enumerate(claim.get(key, ())):
            for place, name in enumerate(constraint["requests"]):
                if not _may_name(name, names):
                    wanted = f"a request of the claim ({', '.join(names) or 'there is none'}), or OWNER/REQUEST"
                    raise forms.wrong(f"{path}.{key}[{index}].requests[{place}]", name, wanted)


def _check_request(requests: list[dict[str, t.Any]], held: dict[str, t.Any], path: str) -> None:
    """Refuse a device whose request is not in the claim, or asks for another kind of device."""
    way = {USB: "usb", SCSI: "scsi"}.get(held.get("capability", ""))
    suitable = [request["name"] for request in requests if next((key for key in WAYS if key in request), None) == way]
    if held["request"] is not None and held["request"] not in suitable:
        wanted = f"a request of the claim for a {way.upper()} device" if way else "a request of the claim, or null"
        raise forms.wrong(path, held["request"], f"{wanted} ({', '.join(suitable) or 'there is none'})")


def _node_holding_form(value: object, path: str) -> None:
    from .usb_scsi import NodeHolding

    NodeHolding.FORM(value, path)


def _constraint_form(value: object, path: str) -> None:
    from ..requests.constraints import Constraint

    Constraint.FORM(value, path)


def _may_name(name: str, requests: t.Collection[str]) -> bool:
    """Whether a constraint on record may name a request so: as one of the claim's, or as one of any owner."""
    return name in requests or "/" in name


CONSTRAINTS = ("constraints", "prefer")
_CLAIM_FIELDS = forms.mapping(
    {
        "owner": Owner.FORM,
        "requests": forms.listed(Request.FORM, unique="name"),
        "devices": forms.listed(Holding.FORM, unique="address"),
    },
    {
        "node_devices": forms.listed(_node_holding_form, unique="name", least=1),
        "persist": forms.flag,
        "allow": forms.listed(forms.name),
        "declared": forms.listed(forms.text, least=1),
        "labels": forms.each(forms.text),
        **dict.fromkeys(CONSTRAINTS, forms.listed(_constraint_form, least=1)),
    },
)


@dataclass(frozen=True)
class Claim:
    """All that one owner holds: its requests by name and holdings by address.

    `node_devices` are its USB and SCSI devices by libvirt's names. `persist` says that its PCI functions come back when
    the host is started anew; `allow` are then the blocker codes that were accepted of them, as they are then, too.
    `declared` are the requests that were made for the host's data: a purge gives back those of them that it no longer
    names, and no others. `constraints` hold over its devices, those in `prefer` as far as they can. They name its
    requests by their names; those over several owners, which each of them has, name all of them OWNER/REQUEST with the
    owner's id. By its `labels` limits tell it from others.
    """

    owner: Owner
    requests: t.Mapping[str, Request] = field(default_factory=dict)
    holdings: t.Mapping[str, Holding] = field(default_factory=dict)
    node_devices: t.Mapping[str, NodeHolding] = field(default_factory=dict)
    persist: bool = False
    allow: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    constraints: tuple[Constraint, ...] = ()
    prefer: tuple[Constraint, ...] = ()
    labels: t.Mapping[str, str] = field(default_factory=dict)

    FORM: t.ClassVar[forms.Check] = _claim_form

    def serving(self, request: str) -> list[str]:
        """Addresses that serve the request, in address order."""
        return sorted(
            (address for address, held in self.holdings.items() if held.request == request), key=address_order
        )

    def options(self, address: str) -> GuestOptions:
        """How the guest gets a held device: as the request says that it serves."""
        held = self.holdings.get(address)
        request = None if held is None or held.request is None else self.requests.get(held.request)
        return NO_OPTIONS if request is None else request.guest

    def overdue(self, now: str) -> tuple[str, ...]:
        """Addresses and names of the devices that were due back by this time."""
        due = [(name, held.until) for name, held in self.holdings.items()]
        due += [(name, held.until) for name, held in self.node_devices.items()]
        return tuple(name for name, until in due if until is not None and until <= now)

    def as_dict(self) -> dict[str, t.Any]:
        declared = sorted(self.declared & self.requests.keys())
        return {
            "owner": self.owner.as_dict(),
            "requests": [request.as_dict() for _name, request in sorted(self.requests.items())],
            "devices": [self.holdings[address].as_dict() for address in sorted(self.holdings, key=address_order)],
            **(
                {"node_devices": [held.as_dict() for _name, held in sorted(self.node_devices.items())]}
                if self.node_devices
                else {}
            ),
            **({"persist": True} if self.persist else {}),
            **({"allow": sorted(self.allow)} if self.allow else {}),
            **({"declared": declared} if declared else {}),
            **({"labels": dict(sorted(self.labels.items()))} if self.labels else {}),
            **self._constraints(),
        }

    def _constraints(self) -> dict[str, list[dict[str, t.Any]]]:
        """The constraints and wishes whose requests are in the claim, by the key that has them."""
        written = {
            key: [one.as_dict() for one in kept if all(_may_name(name, self.requests) for name in one.requests)]
            for key, kept in zip(CONSTRAINTS, (self.constraints, self.prefer))
        }
        return {key: entries for key, entries in written.items() if entries}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any], path: str = "claim") -> Claim:
        """The claim in a document of its form; `path` is its place there. Raises DocumentError."""
        requests = [
            Request.from_dict(request, f"{path}.requests[{index}]") for index, request in enumerate(data["requests"])
        ]
        holdings = [Holding.from_dict(device) for device in data["devices"]]
        nodes = _node_holdings(data["node_devices"]) if "node_devices" in data else []
        constraints, prefer = (_read_constraints(data[key]) if key in data else () for key in CONSTRAINTS)
        return cls(
            Owner.from_dict(data["owner"]),
            {request.name: request for request in requests},
            {held.address: held for held in holdings},
            {held.name: held for held in nodes},
            data.get("persist", False),
            frozenset(data.get("allow", ())),
            frozenset(data.get("declared", ())),
            constraints,
            prefer,
            dict(data.get("labels", {})),
        )


def _node_holdings(entries: t.Iterable[t.Mapping[str, t.Any]]) -> list[NodeHolding]:
    from .usb_scsi import NodeHolding

    return [NodeHolding.from_dict(entry) for entry in entries]


def _read_constraints(entries: t.Iterable[t.Mapping[str, t.Any]]) -> tuple[Constraint, ...]:
    from ..requests.constraints import Constraint

    return tuple(map(Constraint.from_dict, entries))
