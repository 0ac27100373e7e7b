# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of many hosts as small as a page can read them: each value is there once, and named by its number.

A value is a scalar, `[0, number, ...]` for a list, or `[shape, number, ...]` for a mapping, whose keys are
`shapes[shape - 1]`. A device is six such mappings, so that what is the same of many devices is there once: what the
page shows of it at a glance, what it is, where it is, below what, how it stands, and the rest.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .. import states
from ..claimed import UNKNOWN, Claimed, claimed_of
from ..kinds import KINDS
from ..models import model_kind, node
from ..node_devices import NodeDevice, node_devices
from ..together import together_of

_IS = frozenset(
    "vendor_id vendor_name product_id product_name subsystem_vendor_id subsystem_product_id subsystem_name revision "
    "class class_name device_type header_type bars rom link reset_methods d3cold_allowed total_vfs candidate_drivers "
    "vfio_driver capability boot_vga".split()
)
_WHERE = frozenset(
    "address name path stable_path slot iommu_group physical_function virtual_functions num_vfs affected".split()
)
_BELOW = frozenset("parent numa_node socket pcie_root pcie_switch pcie_switches".split())
_STANDS = frozenset("driver driver_override used_by status owner claimable blockers".split())
_PART_OF = {key: part for part, keys in enumerate((_IS, _WHERE, _BELOW, _STANDS), 1) for key in keys}
_REST = 5


def encode(hosts: Mapping[str, t.Any], generated: str) -> dict[str, t.Any]:
    """What the page's script reads: `generated`, `kinds`, `shapes`, `values` and `hosts`.

    A host is `[name, facts, devices, behind]`: `facts` is the number of its `host` and `drift`, or null for a host
    without facts; a device is six numbers; `behind` are USB and SCSI devices, each three: the address of the PCI
    function that it hangs on, what is shown at a glance, and all of it.
    """
    table = _Table()
    encoded = [[str(name), *_host(table, hosts[name])] for name in sorted(hosts, key=str)]
    shapes, values, numbers = table.by_frequency()
    for entry in encoded:
        entry[1] = None if entry[1] is None else numbers[entry[1]]
        entry[2] = [[numbers[part] for part in device] for device in entry[2]]
        entry[3] = [[numbers[part] for part in device] for device in entry[3]]
    return {"generated": str(generated), "kinds": KINDS, "shapes": shapes, "values": values, "hosts": encoded}


def _host(table: _Table, facts: t.Any) -> list[t.Any]:
    if not isinstance(facts, Mapping) or not isinstance(facts.get("devices"), Sequence):
        return [None, [], []]
    asked, times = together_of(facts), claimed_of(facts)
    devices = [
        _device(table, device, asked.get(device["address"], []), times.get(str(device["address"]), UNKNOWN))
        for device in facts["devices"]
        if device.get("capability") == "pci" and device.get("address")
    ]
    behind = [list(map(table.number, (of.above, _node_glance(of), of.device))) for of in node_devices(facts)]
    whole = {**(facts.get("host") or {}), "drift": facts.get("drift")}
    return [table.number(whole), devices, behind]


def _device(table: _Table, device: states.Device, together: t.Sequence[str], claimed: Claimed) -> list[int]:
    parts: list[dict[str, t.Any]] = [{**_glance(device), "together": together}, {}, {}, {}, {}, {}]
    for key, value in device.items():
        parts[_PART_OF.get(key, _REST)][key] = value
    parts[_PART_OF["owner"]].update(claimed.told())
    return [table.number(part) for part in parts]


def _glance(device: states.Device) -> dict[str, t.Any]:
    """What fleet and drawing show, so that they need not look at anything else."""
    function = states.is_function(device)
    state = states.state(device) if function else None
    owner = device.get("owner") or {}
    return {
        "role": "function" if function else "bridge",
        "state": state,
        "label": states.label(device),
        "ids": states.ids(device),
        "vendor": device.get("vendor_name"),
        "kind": model_kind(device),
        "class": device.get("class_name"),
        "vf": bool(device.get("physical_function")),
        "node": node(device),
        "owner": owner.get("label") if state == states.HELD else None,
        "why": _why(device) if state in (states.KEPT, states.ASIDE) else [],
    }


def _node_glance(of: NodeDevice) -> dict[str, t.Any]:
    device = of.device
    name = device.get("product_name") or device.get("model") or device.get("capability")
    return {
        "role": "node",
        "state": of.state,
        "label": name,
        "owner": of.owner,
        "why": [] if of.code is None else [of.code],
        "detail": of.detail,
    }


def _why(device: states.Device) -> list[str]:
    """Why nobody may have it: the codes of its blockers, its own before those of its group; else its status."""
    codes = [str(blocker.get("code")) for blocker in device.get("blockers") or ()]
    first = sorted(dict.fromkeys(codes), key=lambda code: (code != "set_aside", code.startswith("group_")))
    return first or [str(device.get("status") or "not claimable")]


class _Table:
    def __init__(self) -> None:
        self._numbers: dict[t.Any, int] = {}
        self._values: list[t.Any] = []
        self._uses: list[int] = []
        self._shapes: dict[tuple[str, ...], int] = {}

    def number(self, value: t.Any) -> int:
        """The number of a value, which is put into the table the first time."""
        key: t.Any
        if value.__class__ is str:  # the usual case, and quick
            key = value
        elif value is None or value is True or value is False:
            key = (bool, value)
        elif isinstance(value, int):
            key = (int, int(value))
        elif isinstance(value, str):  # one of Ansible's own
            key = str.__str__(value)
        elif isinstance(value, Mapping):
            shape = self._shapes.setdefault(tuple(map(str, value)), len(self._shapes) + 1)
            key = (shape, *[self.number(item) for item in value.values()])
        elif isinstance(value, Sequence):
            key = (0, *[self.number(item) for item in value])
        else:
            key = str(value)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._values)
            self._values.append(key)
            self._uses.append(0)
        self._uses[number] += 1
        return number

    def by_frequency(self) -> tuple[list[tuple[str, ...]], list[t.Any], list[int]]:
        """Shapes, values, and the new number of each: what is used most has the shortest."""
        order = sorted(range(len(self._values)), key=lambda number: -self._uses[number])
        numbers = [0] * len(order)
        for new, old in enumerate(order):
            numbers[old] = new
        return list(self._shapes), [_plain(self._values[old], numbers) for old in order], numbers


def _plain(key: t.Any, numbers: t.Sequence[int]) -> t.Any:
    if isinstance(key, str):
        return key
    if isinstance(key[0], type):
        return key[1]
    return [key[0], *[numbers[number] for number in key[1:]]]
