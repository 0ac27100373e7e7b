# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of a host in what a template hands over: gathered, registered, cached, or a list of devices."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.subset import PARTS

from .errors import wrong
from .plain import plain

_GATHER = "gather them first with kvm.hostdev.pci_facts, and give ansible_facts.hostdev"
_OUTER = ("ansible_facts", "hostdev")

Device = dict[str, t.Any]


@dataclass(frozen=True)
class Facts:
    """`parts` of `ansible_facts.hostdev` as plain types; of a list that somebody chose (not `whole`) its devices."""

    parts: t.Mapping[str, t.Any]
    whole: bool = True

    @property
    def devices(self) -> list[Device]:
        """All devices. Raises HostdevError where they were not gathered."""
        if "devices" not in self.parts:
            raise wrong(
                "ansible_facts.hostdev",
                f"found {few(list(self.parts))}, and no devices",
                "the devices of the host",
                "gather them with kvm.hostdev.pci_facts, with devices in its gather_subset",
            )
        return t.cast("list[Device]", self.parts["devices"])

    @property
    def functions(self) -> list[Device]:
        """The PCI functions among the devices."""
        return [device for device in self.devices if is_function(device)]


def is_function(device: Device) -> bool:
    return device.get("capability") == "pci"


def read_facts(value: t.Any) -> Facts:
    """The facts in `ansible_facts.hostdev`, in what holds that (a result, a host's variables), or in a list of devices.

    Raises HostdevError for anything else.
    """
    for key in _OUTER:
        if isinstance(value, t.Mapping) and key in value:
            value = value[key]
    if isinstance(value, t.Mapping) and any(part in value for part in PARTS):
        parts = plain(value)
        if "devices" in parts:
            _check_devices(parts["devices"], "ansible_facts.hostdev.devices")
        return Facts(parts)
    if isinstance(value, t.Sequence) and not isinstance(value, (str, bytes)):
        return Facts({"devices": _check_devices(plain(value), "the devices")}, whole=False)
    raise wrong(
        "the facts", f"found {kind_of(value)}", "ansible_facts.hostdev of a host, or a list of devices", _GATHER
    )


def read_device(value: t.Any) -> Device:
    """One device of the facts. Raises HostdevError for anything else."""
    device = plain(value, "the device") if isinstance(value, t.Mapping) else None
    if device is None or "capability" not in device:
        wanted = "one device of ansible_facts.hostdev.devices"
        raise wrong("the device", f"found {kind_of(value)}", wanted, "choose one with select, selectattr or a loop")
    return t.cast("Device", device)


def told(device: Device, *names: str) -> None:
    """Refuse a function of whose fields these were not all gathered. Raises HostdevError."""
    for name in names:
        if name not in device:
            raise wrong(
                str(device.get("address")),
                f"the facts do not have its {name}",
                name,
                f"gather without the option fields of kvm.hostdev.pci_facts, or with {name} among them",
            )


def kind_of(value: t.Any) -> str:
    """What it is, for people: its type, and of a mapping its keys."""
    if isinstance(value, t.Mapping):
        return f"a mapping with {few(sorted(map(str, value)), 'nothing in it')}"
    if isinstance(value, str):
        return f"the text {str(value)[:40]!r}"
    if value is None:
        return "null"
    return f"a value of type {type(value).__name__}"


def _check_devices(value: t.Any, subject: str) -> t.Any:
    devices = value if isinstance(value, list) else [value]
    for device in devices:
        if (
            not isinstance(device, dict)
            or "capability" not in device
            or (is_function(device) and "address" not in device)
        ):
            wanted = "devices as kvm.hostdev.pci_facts returns them"
            raise wrong(
                subject, f"found {kind_of(device)}", wanted, "give ansible_facts.hostdev, or devices chosen of it"
            )
    return devices
