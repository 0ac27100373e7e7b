# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of a host in what a template hands over: gathered, registered, cached, or a list of devices."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.subset import PARTS

from .errors import wrong
from .plain import plain, type_of
from .schema import FACTS, FUNCTION, NODE, Fields, accepts, astray, needs, wanted

_GATHER = "gather them first with kvm.hostdev.pci_facts, and give ansible_facts.hostdev"
_OF_ALL = ("capability", "name", "used_by", "blockers")
_AS_GATHERED = "give the facts as kvm.hostdev.pci_facts returns them"
OUTER = ("ansible_facts", "hostdev")
"""What a host's variables and results hold the facts in."""

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
    inside = ""
    for key in OUTER:
        if isinstance(value, t.Mapping) and key in value:
            value, inside = value[key], f"{inside}.{key}" if inside else key
    if isinstance(value, t.Mapping) and any(part in value for part in PARTS):
        parts = plain(value)
        check_parts(parts)
        return Facts(parts)
    if isinstance(value, t.Sequence) and not isinstance(value, (str, bytes)):
        devices = plain(value)
        _check_devices(devices, "the devices")
        return Facts({"devices": devices}, whole=False)
    wanted_facts = "ansible_facts.hostdev of a host, or a list of devices"
    raise wrong(inside or "the facts", f"found {kind_of(value)}", wanted_facts, _way_to_facts(value))


def _way_to_facts(value: t.Any) -> str:
    """What leads from what was given to the facts of a host."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        return "make data of the text first, with from_json"
    inner = next(iter(value.values()), None) if isinstance(value, t.Mapping) else None
    if isinstance(inner, t.Mapping) and any(key in inner for key in (*OUTER, "inventory_hostname", "devices")):
        name = next(iter(value))
        return f"give those of one host, such as hostvars['{name}'], or ask of all with kvm.hostdev.rank_hosts"
    if isinstance(value, t.Mapping) and "results" in value:
        return "of a result in a loop give one of its results"
    return _GATHER


def read_device(value: t.Any) -> Device:
    """One device of the facts. Raises HostdevError for anything else."""
    device = plain(value, "the device") if isinstance(value, t.Mapping) else None
    if device is None or "capability" not in device:
        one = "one device of ansible_facts.hostdev.devices"
        raise wrong("the device", f"found {kind_of(value)}", one, "choose one with select, selectattr or a loop")
    _check_device(device)
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


def check_parts(parts: t.Any) -> None:
    """Refuse facts of which a part is no such thing, whoever may look at it. Raises HostdevError."""
    if not isinstance(parts, t.Mapping):
        raise wrong("ansible_facts.hostdev", f"found {kind_of(parts)}", "a mapping", _AS_GATHERED)
    for name in PARTS:
        if name in parts and parts[name] is None:
            raise wrong(f"ansible_facts.hostdev.{name}", "found null", "what was gathered", _AS_GATHERED)
    check(parts, FACTS, "the facts")
    if "devices" in parts:
        _check_devices(parts["devices"], "ansible_facts.hostdev.devices")


def check(values: t.Mapping[str, t.Any], shape: Fields, subject: str) -> None:
    """Refuse values of another kind than the facts have by these names. Raises HostdevError."""
    needed = needs(shape)
    for name, value in values.items():
        if name in shape and not accepts(shape[name], value, needed=name in needed):
            where, part, inner = astray(shape[name], value, name)
            raise wrong(f"{subject}: its {where}", f"found {kind_of(part)}", wanted(inner), _AS_GATHERED)


def kind_of(value: t.Any) -> str:
    """What it is, for people: of a mapping its keys, else its value or type, whatever class Ansible made it of."""
    if isinstance(value, t.Mapping):
        return f"a mapping with {few(sorted(map(str, value)), 'nothing in it')}"
    if isinstance(value, str):
        return f"the text {str(value)[:40]!r}"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return f"a value of type {type_of(value)}"


def _check_devices(devices: t.Any, subject: str) -> None:
    if not isinstance(devices, list):
        raise wrong(subject, f"found {kind_of(devices)}", "a list of devices", _AS_GATHERED)
    for device in devices:
        if not isinstance(device, dict) or "capability" not in device:
            as_gathered = "devices as kvm.hostdev.pci_facts returns them"
            raise wrong(
                subject, f"found {kind_of(device)}", as_gathered, "give ansible_facts.hostdev, or devices chosen of it"
            )
        _check_device(device)


def _check_device(device: Device) -> None:
    """Of other devices libvirt may tell more than is known, and otherwise: what is the same of all is looked at."""
    if is_function(device):
        if not accepts(FUNCTION, device):
            check({"address": None, **device}, FUNCTION, str(device.get("address") or "a PCI function"))
    else:
        check({name: device[name] for name in _OF_ALL if name in device}, NODE, str(device.get("name") or "a device"))
