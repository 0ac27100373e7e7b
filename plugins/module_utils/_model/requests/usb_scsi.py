# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests for USB and SCSI devices: `usb` by ids, serial and port, `scsi` by adapter, bus, target and lun."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .. import forms
from ..errors import HostdevError
from ..host.node_device import SCSI, USB
from ..values import check_keys, identifier, number, text

if t.TYPE_CHECKING:
    from ..host.node_device import NodeDevice

WAYS = ("usb", "scsi")
_KEYS = {
    "usb": ("vendor_id", "product_id", "serial", "port"),
    "scsi": ("adapter", "bus", "target", "lun"),
}


@dataclass(frozen=True)
class UsbScsiCriteria:
    """What one USB or SCSI device must be: `way` is usb or scsi, `wanted` its fields with their values."""

    way: str
    wanted: tuple[tuple[str, t.Any], ...]

    # Of the key of a request that it is written as, `usb` or `scsi`.
    FORMS: t.ClassVar[t.Mapping[str, forms.Check]] = {
        "usb": forms.mapping({}, dict.fromkeys(_KEYS["usb"], forms.text)),
        "scsi": forms.mapping(dict.fromkeys(_KEYS["scsi"], forms.number(0))),
    }

    @property
    def capability(self) -> str:
        return USB if self.way == "usb" else SCSI

    def fits(self, node: NodeDevice) -> bool:
        return node.capability == self.capability and all(
            node.fields.get("host" if key == "adapter" else key) == value for key, value in self.wanted
        )

    def describe(self) -> str:
        said = ", ".join(f"{key} {value}" for key, value in self.wanted)
        return f"the {self.way.upper()} device with {said}"

    def as_dict(self) -> dict[str, t.Any]:
        return {self.way: dict(self.wanted)}


def parse_usb_scsi_criteria(way: str, value: object, path: str) -> UsbScsiCriteria:
    """Read the value of `usb` or `scsi`. Raises HostdevError with code invalid_request or invalid_spec."""
    if not isinstance(value, t.Mapping):
        raise _invalid(path, value, "a mapping of some of " + ", ".join(_KEYS[way]))
    check_keys(value, _KEYS[way], path, "invalid_request")
    given = {key: value[key] for key in _KEYS[way] if value.get(key) is not None}
    return UsbScsiCriteria(way, tuple((_usb if way == "usb" else _scsi)(given, path).items()))


def _usb(given: t.Mapping[str, object], path: str) -> dict[str, t.Any]:
    ids = [key for key in ("vendor_id", "product_id") if key in given]
    if len(ids) == 1 or (not ids and "port" not in given):
        raise _invalid(path, dict(given), "vendor_id and product_id, or port, or all three")
    fields: dict[str, t.Any] = {}
    for key in ids:
        fields[key] = identifier(given[key], f"{path}.{key}")
        if fields[key] is None:
            raise _invalid(f"{path}.{key}", given[key], 'four hexadecimal digits in quotes, such as "0951"')
    if "serial" in given:
        fields["serial"] = text(given["serial"], f"{path}.serial")
    if "port" in given:
        # The kernel's name of a device: bus, and the ports along the way (drivers/usb/core/usb.c, usb_alloc_dev).
        port = given["port"]
        if not isinstance(port, str) or not re.fullmatch(r"[0-9]+-[0-9]+(\.[0-9]+)*", port.strip()):
            raise _invalid(f"{path}.port", port, 'a port path in quotes, such as "1-2" or "1-2.4"')
        fields["port"] = port.strip()
    return fields


def _scsi(given: t.Mapping[str, object], path: str) -> dict[str, t.Any]:
    for key in ("adapter", "lun"):
        if key not in given:
            raise _invalid(f"{path}.{key}", None, "adapter and lun; bus and target are 0 when not given")
    adapter = given["adapter"]
    if isinstance(adapter, str) and adapter.strip().startswith("scsi_host"):
        adapter = adapter.strip()[len("scsi_host") :]
    wanted = "a SCSI host such as scsi_host2, or its number"
    fields = {"adapter": number(adapter, f"{path}.adapter", wanted, 0, "invalid_request")}
    for key in ("bus", "target", "lun"):
        fields[key] = number(given.get(key, 0), f"{path}.{key}", "a number, 0 or more", 0, "invalid_request")
    return fields


def _invalid(path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError("invalid_request", subject=path, found=f"found {value!r}", wanted=wanted)
