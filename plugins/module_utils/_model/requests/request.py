# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests: what an owner wants, each under a name; and aliases as requests name them."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .. import forms
from ..address import normalize_address
from ..errors import HostdevError
from ..host.device import TYPE_PF, TYPE_VDPA
from ..values import check_keys, is_unicode, number
from .guest_options import GUEST_KEYS, NO_OPTIONS, GuestOptions
from .numa_policy import LEGACY, POLICIES, parse_numa_policy
from .specs.device_spec import DeviceSpec, parse_device_specs
from .usb_scsi import WAYS, UsbScsiCriteria

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from .specs.allow_list import AllowList

_WAYS = ("address", "specs", "alias", "first_available", *WAYS)
KEYS = ("name", "count", *_WAYS, "numa_policy", *GUEST_KEYS)


@dataclass(frozen=True)
class Alias:
    """What a device must fit, one of `specs`, and the NUMA policy of requests that don't say one.

    `first_available` are alternatives, as a request has them.
    """

    specs: tuple[DeviceSpec, ...]
    numa_policy: str = LEGACY
    first_available: tuple[tuple[DeviceSpec, ...], ...] = ()


Aliases = t.Mapping[str, Alias]


@dataclass(frozen=True)
class Request:
    """`count` devices that fit any of `specs`, the one device at `address`, or `node`, a USB or SCSI device.

    `guest` is how the guest gets them. `first_available` are alternatives, of which one serves the whole request, an
    earlier one where it can; `specs` are then those of all of them.
    """

    name: str
    count: int = 1
    specs: tuple[DeviceSpec, ...] = ()
    address: str | None = None
    numa_policy: str = LEGACY
    guest: GuestOptions = NO_OPTIONS
    node: UsbScsiCriteria | None = None
    first_available: tuple[tuple[DeviceSpec, ...], ...] = ()

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {"name": forms.text},
        {
            "count": forms.number(1),
            "specs": forms.listed(DeviceSpec.FORM),
            "first_available": forms.listed(forms.listed(DeviceSpec.FORM, least=1), least=2),
            "address": forms.address,
            "numa_policy": forms.one_of(*POLICIES),
            **GuestOptions.FORMS,
            **UsbScsiCriteria.FORMS,
        },
    )

    def with_count(self, count: int) -> Request:
        """The same request for another number of devices; 0 while none of them is left."""
        return replace(self, count=count)

    def resolved(self, inventory: Inventory, held: t.Collection[str] = ()) -> Request:
        """The same request with each spec resolved, see DeviceSpec."""
        first = tuple(tuple(spec.resolved(inventory, held) for spec in specs) for specs in self.first_available)
        specs = _all(first) if first else tuple(spec.resolved(inventory, held) for spec in self.specs)
        return replace(self, specs=specs, first_available=first)

    def alternative(self, number: int) -> Request:
        """The same request with the specs of one of its alternatives alone, from 0 on."""
        return replace(self, specs=self.first_available[number], first_available=())

    @property
    def alternatives(self) -> tuple[Request, ...]:
        """The request once for each of its alternatives, in their order; itself without any."""
        return tuple(map(self.alternative, range(len(self.first_available)))) or (self,)

    def wants(self, device: PciDevice, allow_list: AllowList) -> bool:
        """Whether the device fits and the allow list permits it."""
        tags = allow_list.tags_of(device)
        if tags is None:
            return False
        if self.address is not None:
            return self.address == device.address
        return self.fits(device, tags)

    def fits(self, device: PciDevice, tags: t.Mapping[str, t.Any]) -> bool:
        """Whether one of the specs fits a device that the allow list gives these tags."""
        if self.first_available:
            return any(one.fits(device, tags) for one in self.alternatives)
        return any(
            spec.matches(device)
            and spec.demands(tags, device.device_type)
            and (spec.names(device) or self.asks_for(device, tags) or self._asks_by_ids(spec, device, tags))
            for spec in self.specs
        )

    def asks_for(self, device: PciDevice, tags: t.Mapping[str, t.Any]) -> bool:
        """Whether the request asks for what is only taken when it is asked for, as in Nova.

        That is a PF, which would take all of its VFs away from others, a VF that carries a vDPA device, and a device
        that a SmartNIC manages. A PF that a spec asks for by its ids, which Nova does not take, is told by `fits`.
        """
        kind = device.device_type
        if kind in (TYPE_PF, TYPE_VDPA) and all(spec.device_type != kind for spec in self.specs):
            return False
        return self._may_be_managed(tags)

    def _asks_by_ids(self, spec: DeviceSpec, device: PciDevice, tags: t.Mapping[str, t.Any]) -> bool:
        return device.address in spec.whole_pfs and self._may_be_managed(tags)

    def _may_be_managed(self, tags: t.Mapping[str, t.Any]) -> bool:
        return tags.get("remote_managed") != "true" or any(spec.remote_managed for spec in self.specs)

    @property
    def needs_details(self) -> bool:
        """Whether a spec is about details of functions, see DeviceSpec."""
        return any(spec.needs_details for spec in self.specs)

    def describe(self) -> str:
        """What is wanted, in one line."""
        if self.node is not None:
            return self.node.describe()
        if self.address is not None:
            return f"the device at {self.address}"
        specs = ", else with ".join(
            " or ".join(spec.describe() for spec in specs) for specs in self.first_available or (self.specs,)
        )
        first = ", first" if self.first_available else ""
        policy = f", NUMA policy {self.numa_policy}" if self.numa_policy != LEGACY else ""
        return f"{self.count} device{'s' if self.count > 1 else ''}{first} with {specs}{policy}"

    def as_dict(self) -> dict[str, t.Any]:
        """The form that the record keeps."""
        if self.node is not None:
            return {"name": self.name, **self.node.as_dict()}
        written: dict[str, t.Any] = {"name": self.name}
        if self.address is not None:
            written["address"] = self.address
        elif self.first_available:
            first = [[spec.as_dict() for spec in specs] for specs in self.first_available]
            written.update(count=self.count, first_available=first)
        else:
            written.update(count=self.count, specs=[spec.as_dict() for spec in self.specs])
        if self.numa_policy != LEGACY:
            written["numa_policy"] = self.numa_policy
        written.update(self.guest.as_dict())
        return written

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any], path: str = "request") -> Request:
        """The request that as_dict wrote; `path` is its place in a document.

        Raises DocumentError for a value that no request has, and for one that would be written otherwise.
        """
        # A part of what was released is on record with the count 1 also where an address says as much.
        given = {key: value for key, value in data.items() if (key, value) != ("count", 1) or "address" not in data}
        try:
            request = _parse_request(given, {}, path)
        except HostdevError as error:
            raise forms.DocumentError(error.subject, error.found, error.wanted) from error
        forms.same(request.as_dict(), given, path)
        return request


def parse_requests(value: object, aliases: Aliases, path: str = "requests") -> tuple[Request, ...]:
    """Read the requests. Names are unique.

    Each is a mapping with a name, and exactly one of address, specs, alias, usb and scsi; or a text `ALIAS:COUNT`. The
    whole may be Nova's text `ALIAS:COUNT, ALIAS:COUNT ...`. Raises HostdevError: invalid_request, unknown_alias, or
    as parse_device_spec does.
    """
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, (list, tuple)):
        raise _invalid(path, value, "a list of requests")
    entries = with_names(value, path)
    requests = tuple(_parse_request(entry, aliases, f"{path}[{index}]") for index, entry in enumerate(entries))
    seen: set[str] = set()
    for index, request in enumerate(requests):
        if request.name in seen:
            raise _invalid(f"{path}[{index}].name", request.name, "a name that no other request has")
        seen.add(request.name)
    return requests


def with_names(entries: t.Iterable[object], path: str) -> list[object]:
    """The entries with each `ALIAS:COUNT` as a mapping, named for its alias: `nic`, and once more `nic-2`."""
    times: dict[str, int] = {}
    named: list[object] = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, str):
            named.append(entry)
            continue
        match = re.fullmatch(r"\s*([^:]*[^:\s])\s*:\s*([0-9]{1,18})\s*", entry)
        if match is None:
            raise _invalid(f"{path}[{index}]", entry, "an alias and a count, such as a100:2, or a mapping")
        alias, count = match.groups()
        times[alias] = times.get(alias, 0) + 1
        name = alias if times[alias] == 1 else f"{alias}-{times[alias]}"
        named.append({"name": name, "alias": alias, "count": int(count)})
    return named


def _parse_request(entry: object, aliases: Aliases, path: str) -> Request:
    if not isinstance(entry, t.Mapping):
        raise _invalid(path, entry, "a mapping with name and one of " + ", ".join(_WAYS))
    check_keys(entry, KEYS, path, "invalid_request")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip() or not is_unicode(name):
        raise _invalid(f"{path}.name", name, "a name, which tells this request from the owner's others")
    ways = [key for key in _WAYS if entry.get(key) is not None]
    if len(ways) != 1:
        given = " and ".join(ways) or "none of them"
        raise _invalid(path, given, "exactly one of " + ", ".join(_WAYS))
    count = 1
    if entry.get("count") is not None:
        count = number(entry["count"], f"{path}.count", "a number of devices, 1 or more", 1, "invalid_request")
    policy = parse_numa_policy(entry.get("numa_policy"), f"{path}.numa_policy", "invalid_request")
    guest = _guest_options(entry, path, count)
    way = ways[0]
    if way in WAYS:
        _check_unbound(entry, way, path)
        from .usb_scsi_values import parse_usb_scsi_criteria

        return Request(name.strip(), node=parse_usb_scsi_criteria(way, entry[way], f"{path}.{way}"))
    if way == "address":
        address = _address(entry["address"], count, path)
        return Request(name.strip(), address=address, numa_policy=policy or LEGACY, guest=guest)
    asked = alias_named(entry["alias"], aliases, f"{path}.alias") if way == "alias" else _asked(way, entry[way], path)
    return Request(
        name.strip(),
        count,
        asked.specs,
        numa_policy=policy or asked.numa_policy,
        guest=guest,
        first_available=asked.first_available,
    )


def _asked(way: str, value: object, path: str) -> Alias:
    """What is asked for without an alias, as one."""
    if way == "first_available":
        from .specs.alternatives import parse_alternatives

        first = parse_alternatives(value, f"{path}.{way}", "invalid_request")
        return Alias(_all(first), first_available=first)
    specs = parse_device_specs(value, f"{path}.specs")
    if not specs:
        raise _invalid(f"{path}.specs", value, "at least one device spec")
    return Alias(specs)


def _all(alternatives: t.Iterable[tuple[DeviceSpec, ...]]) -> tuple[DeviceSpec, ...]:
    return tuple(spec for specs in alternatives for spec in specs)


def _guest_options(entry: t.Mapping[str, t.Any], path: str, count: int) -> GuestOptions:
    if all(entry.get(key) is None for key in GUEST_KEYS):
        return NO_OPTIONS
    from .guest_values import parse_guest_options

    return parse_guest_options(entry, path, count)


def _check_unbound(entry: t.Mapping[str, t.Any], way: str, path: str) -> None:
    """Refuse beside `usb` or `scsi` what is only said of functions, which are bound."""
    for key in entry:
        if key not in ("name", way) and entry[key] is not None and (key, entry[key]) != ("count", 1):
            raise _invalid(f"{path}.{key}", entry[key], f"no {key}, since {way} names one device that is not bound")


def _address(value: object, count: int, path: str) -> str:
    if count != 1:
        raise _invalid(f"{path}.count", count, "1, since an address names one device")
    try:
        return normalize_address(value)
    except ValueError as error:
        from ..unquoted import address_meant, and_quotes

        wrong = _invalid(f"{path}.address", value, "a PCI address such as 0000:3b:00.0")
        raise and_quotes(wrong, address_meant(value)) from error


def alias_named(value: object, aliases: Aliases, path: str) -> Alias:
    """The alias of this name. Raises HostdevError with code unknown_alias, and the name that may be meant."""
    name = str(value).strip()
    if name not in aliases:
        from ..nearest import did_you_mean, nearest_first

        known = ", ".join(nearest_first(name, aliases)) or "none is defined"
        raise HostdevError(
            "unknown_alias",
            subject=path,
            found=f"found {name!r}",
            wanted=f"an alias from aliases ({known})",
            remedy=did_you_mean(name, aliases, "define it in aliases, or ask by specs"),
        )
    return aliases[name]


def _invalid(path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError("invalid_request", subject=path, found=f"found {value!r}", wanted=wanted)
