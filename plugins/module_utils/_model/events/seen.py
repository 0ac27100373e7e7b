# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices were there before: what is new on a host, and what is gone from it.

A device is known by where it sits and its model. It is new for a day after it was first seen, and lost for a day after
it was first missed, so that who was away for an hour learns of both. What was there at the first look is not new.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .. import forms
from ..address import address_order
from ..requests.limits.times import later

if t.TYPE_CHECKING:
    from ..host.device import PciDevice

_REMEMBERED = 86400


@dataclass(frozen=True)
class SeenDevice:
    """A function as it was seen last; `first` is when it was first seen, None for at the first look of all.

    `missed` is when it was first missed, None while it is there. Times are UTC, in ISO 8601 to the second.
    """

    place: str
    address: str
    vendor_id: str
    product_id: str
    class_id: str
    first: str | None = None
    missed: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.place, self.vendor_id, self.product_id

    def as_dict(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in _DEVICE}

    def told(self, since: str | None) -> dict[str, str | None]:
        """As it is in a message."""
        ids = {"address": self.address, "vendor_id": self.vendor_id, "product_id": self.product_id}
        return {**ids, "class": self.class_id, "since": since}


_DEVICE: dict[str, forms.Check] = {
    "place": forms.text,
    "address": forms.address,
    "vendor_id": forms.digits(4),
    "product_id": forms.digits(4),
    "class_id": forms.digits(6),
    "first": forms.nullable(forms.moment),
    "missed": forms.nullable(forms.moment),
}
_FORM = forms.mapping({"schema": forms.number(1), "devices": forms.listed(forms.mapping(_DEVICE))})


@dataclass(frozen=True)
class Seen:
    """All devices that are there or were there within a day."""

    devices: tuple[SeenDevice, ...] = field(default=())

    def lost(self) -> list[dict[str, str | None]]:
        return [device.told(device.missed) for device in self.devices if device.missed is not None]

    def new(self, now: str) -> list[dict[str, str | None]]:
        since = _a_day_before(now)
        there = (device for device in self.devices if device.missed is None and device.first is not None)
        return [device.told(device.first) for device in there if str(device.first) > since]

    def as_dict(self) -> dict[str, t.Any]:
        return {"schema": 1, "devices": [device.as_dict() for device in self.devices]}


def read_seen(data: t.Any) -> Seen | None:
    """What `as_dict` has made; None of anything else, so that a damaged file is begun anew."""
    try:
        _FORM(data, "")
    except forms.DocumentError:
        return None
    return Seen(tuple(SeenDevice(**entry) for entry in data["devices"]))


def look(before: Seen | None, devices: t.Iterable[PciDevice], now: str) -> Seen:
    """What is seen now. `before` is None at the first look. Bridges do not count."""
    known = {} if before is None else {device.key: device for device in before.devices}
    there: dict[tuple[str, str, str], SeenDevice] = {}
    for device in devices:
        if not device.is_bridge:
            seen = SeenDevice(device.stable_path, device.address, device.vendor_id, device.product_id, device.class_id)
            earlier = known.get(seen.key)
            first = (None if before is None else now) if earlier is None else earlier.first
            there[seen.key] = replace(seen, first=first)
    since = _a_day_before(now)
    gone = [replace(device, missed=device.missed or now) for key, device in known.items() if key not in there]
    kept = [device for device in gone if str(device.missed) > since]
    return Seen(tuple(sorted([*there.values(), *kept], key=lambda device: (address_order(device.address), device.key))))


def _a_day_before(now: str) -> str:
    return later(now, -_REMEMBERED)
