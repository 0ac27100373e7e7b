# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: what a task's options hold, as YAML gives it."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._model import forms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import PciAddress
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import GUARDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import DEVICE_TYPES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.subset import PARTS, parse_subset
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests import aliases, request
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.guest_options import GUEST_KEYS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.limits import limit
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.numa_policy import POLICIES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs import allow_list, device_spec
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.address_pattern import read_address
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change import arguments
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, pf, vf

from .source import Source
from .target import Target

_ADDRESSES = ("0000:3b:00.0", "3b:00.0", "pci_0000_3b_00_0", "10000:e1:00.0", "0000:3b:02.1", "*:3b:*.0", ":.", ".0")
_FIELDS = ("domain", "bus", "slot", "function")
_EXPRESSIONS = ("0000", "[0-9a-f]{2}", "3[ab]", "(?i)3B", "0|1", "[1-7]", "(", "[", "*", "(?P<x>0)", "a{2,1}")
_WORDS = (
    *_ADDRESSES,
    *_EXPRESSIONS,
    *DEVICE_TYPES,
    *POLICIES,
    "8086",
    "0x10de",
    "0200",
    "true",
    "off",
    "a100",
    "a100:2",
    "10de:20b2",
    "pci",
)
_GUEST_WORDS = (
    "0000:05:00.0",
    "52:54:00:12:34:56",
    "01:00:5e:00:00:01",
    "/rom/x.bin",
    "rom",
    "mlx5_vfio_pci",
    "42",
    "no",
)
_GUEST_PARTS = {"rom": ("bar", "file"), "network": ("mac", "vlan", "trust", "spoof_check")}
_NODE_WORDS = ("0951", "1666", "0x0951", "STICK1", "1-2", "1-2.4", "scsi_host2", "2", "0")
_NODE_PARTS = ("vendor_id", "product_id", "serial", "port", "adapter", "bus", "target", "lun")
_LIMIT_WORDS = (
    *("ci-*", "web1", "[", "team", "vision", "a100", "8086:10ca", "all", "owner", "8h", "8 hours", "1w", "2"),
    *("2026-12-01T18:00:00+01:00", "2026-12-01", "9999-12-31T23:59:59-14:00"),
)
_DEVICES = (
    pf("0000:3b:00.0", "0000:3b:02.1"),
    vf("0000:3b:02.1", "0000:3b:00.0"),
    device("10000:e1:00.0", driver=None, serial="S1", numa_node=1),
)
_ALIASES = aliases.parse_aliases([{"name": "a100", "vendor_id": "10de", "product_id": "20b5"}])


def _address(data: bytes) -> None:
    source = Source(data)
    text = source.value(_ADDRESSES, _FIELDS, 1)
    try:
        address = PciAddress.parse(text)
    except ValueError:
        return
    assert PciAddress.parse(str(address)) == address, text
    assert PciAddress.parse(address.nodedev_name) == address, text


def _spec_address(data: bytes) -> None:
    source = Source(data)
    value = (
        {field: source.text(_EXPRESSIONS) for field in source.some(_FIELDS)}
        if source.chance(2)
        else source.value((*_ADDRESSES, *_EXPRESSIONS), _FIELDS, 1)
    )
    pattern = read_address(value, "spec.address")
    if pattern is not None:
        for function in _DEVICES:
            pattern.covers(function)
            pattern.names(function.address)
        assert read_address(pattern.written, "again") == pattern, value


def _spec(source: Source) -> Any:
    if source.chance(10):
        return source.value(_WORDS, device_spec.KEYS)
    fields = {key: source.value(_WORDS, _FIELDS, 2) for key in source.some(device_spec.KEYS)}
    return json.dumps(fields) if source.chance(8) else fields


def _device_specs(data: bytes) -> None:
    source = Source(data)
    specs = device_spec.parse_device_specs([_spec(source) for _turn in range(1 + source.below(3))], "device_spec")
    for spec in specs:
        written = spec.as_dict()
        json.dumps(written)
        spec.describe()
        assert device_spec.parse_device_spec(written, "again").as_dict() == written or "nan" in str(written)
    for function in _DEVICES:
        tags = allow_list.AllowList(specs).tags_of(function)
        for spec in specs:
            spec.demands(tags or {})
            spec.names(function)
    allow_list.AllowList(specs).idle(_DEVICES)


def _aliases(data: bytes) -> None:
    source = Source(data)
    entries = [
        {"name": source.text(("a100", "nic")), **source.mapping(_WORDS, aliases.KEYS)}
        if source.below(4)
        else source.value(_WORDS, aliases.KEYS)
        for _turn in range(1 + source.below(3))
    ]
    aliases.parse_aliases(source.value(_WORDS, aliases.KEYS) if source.chance(20) else entries)


def _requests(data: bytes) -> None:
    source = Source(data)
    entries: Any = [
        {"name": source.text(("nic", "gpu")), source.pick(("address", "alias", "specs")): source.value(_WORDS)}
        if source.below(3) == 1
        else {"name": source.text(("nic", "gpu")), "specs": [_spec(source)], **source.mapping(_WORDS, request.KEYS)}
        if source.below(3)
        else source.value(_WORDS, request.KEYS)
        for _turn in range(1 + source.below(3))
    ]
    read = request.parse_requests(source.text(_WORDS) if source.chance(20) else entries, _ALIASES)
    for entry in read:
        json.dumps(entry.as_dict())
        entry.describe()
    again = request.parse_requests([item.as_dict() for item in read], {})
    assert [item.as_dict() for item in again] == [item.as_dict() for item in read] or "nan" in str(read)


def _guest_requests(data: bytes) -> None:
    """Requests that are whole but for what they say of the guest, or of a USB or SCSI device."""
    source = Source(data)
    way = source.pick(("address", "usb", "scsi"))
    entry: dict[str, Any] = {"name": "nic"}
    if way == "address":
        entry[way] = "0000:3b:02.1"
        for key in source.some(GUEST_KEYS):
            nested = _GUEST_PARTS.get(key)
            entry[key] = source.mapping(_GUEST_WORDS, nested) if nested else source.value(_GUEST_WORDS)
    else:
        entry[way] = source.mapping(_NODE_WORDS, _NODE_PARTS) if source.below(8) else source.value(_NODE_WORDS)
    (read,) = request.parse_requests([entry], {})
    written = read.as_dict()
    json.dumps(written, allow_nan=False)
    read.describe()
    (again,) = request.parse_requests([written], {})
    assert again == read, written


def _limits(data: bytes) -> None:
    """Limits, and whom each covers; labels of claims are read alike."""
    source = Source(data)
    entries = [
        source.mapping(_LIMIT_WORDS, limit.KEYS) if source.below(8) else source.value(_LIMIT_WORDS, limit.KEYS)
        for _turn in range(1 + source.below(3))
    ]
    for read in limit.parse_limits(source.value(_LIMIT_WORDS) if source.chance(20) else entries, _ALIASES):
        read.written.encode()
        read.covers(("web1", "ci-1"), {"team": "vision"})
        if read.due is not None:
            forms.moment(read.due.of("2026-11-28T08:00:00Z"), "until")


def _arguments(data: bytes) -> None:
    source = Source(data)
    kind = source.below(5)
    if kind == 0:
        arguments.parse_group_members(source.value(("refuse", "claim", *_ADDRESSES), _FIELDS))
    elif kind == 1:
        arguments.parse_allow([source.text((*GUARDS, "all")) for _turn in range(source.below(4))])
    elif kind == 2:
        arguments.parse_numa_cells([source.number() for _turn in range(source.below(4))])
    elif kind == 3:
        arguments.parse_addresses([source.value(_ADDRESSES, (), 1) for _turn in range(source.below(4))], "addresses")
    else:
        parse_subset([source.text((*PARTS, "all", "!all", "!tree")) for _turn in range(source.below(4))])


TARGETS = (
    Target("addresses", _address, share=16),
    Target("addresses of specs", _spec_address, share=15),
    Target("device specs", _device_specs, share=15),
    Target("aliases", _aliases),
    Target("requests", _requests, share=15),
    Target("requests of guests, USB and SCSI", _guest_requests, share=10),
    Target("limits", _limits, share=10),
    Target("other options", _arguments, share=12),
)
