# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests for USB and SCSI devices: `usb` by ids, serial and port, `scsi` by adapter, bus, target and lun."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .. import forms
from ..host.nodes.node_kinds import SCSI, USB

if t.TYPE_CHECKING:
    from ..host.nodes.node_device import NodeDevice

WAYS = ("usb", "scsi")
NODE_KEYS = {
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
        "usb": forms.mapping({}, dict.fromkeys(NODE_KEYS["usb"], forms.text)),
        "scsi": forms.mapping(dict.fromkeys(NODE_KEYS["scsi"], forms.number(0))),
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
