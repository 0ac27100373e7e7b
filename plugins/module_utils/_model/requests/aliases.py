# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Aliases: what requests may ask for, under a name. Entries of one name are alternatives.

The rules are those of OpenStack Nova's aliases, which may have further criteria here.
"""

from __future__ import annotations

import re
import typing as t

from ..errors import HostdevError
from ..host.device import TYPE_VDPA
from ..values import check_keys, from_json
from .numa_policy import LEGACY, parse_numa_policy
from .request import Alias
from .specs.device_spec import parse_device_spec

if t.TYPE_CHECKING:
    from .specs.device_spec import DeviceSpec

_IDS = ("vendor_id", "product_id")
# Each of these says enough without ids.
_ENOUGH = (
    "class",
    "subsystem_vendor_id",
    "subsystem_product_id",
    "serial",
    "stable_path",
    "driver",
    "pcie_root",
    "pcie_switch",
    "slot",
    "iommu_group_size",
    "total_vfs",
    "memory",
    "link_speed",
    "link_width",
    "tags",
)
_SPEC_KEYS = (*_IDS, *_ENOUGH, "device_type", "numa_node", "live_migratable", "resource_class", "traits")
KEYS = ("name", "numa_policy", "capability_type", *_SPEC_KEYS, "first_available")
_LONGEST_NAME = 256


def parse_aliases(value: object, path: str = "aliases") -> dict[str, Alias]:
    """Read `[{name: a100, vendor_id: ..., ...}, ...]`, where a text is JSON of one entry.

    Raises HostdevError: invalid_alias, or invalid_spec for the value of a criterion.
    """
    if not isinstance(value, (list, tuple)):
        raise _invalid(path, value, "a list of aliases")
    aliases: dict[str, Alias] = {}
    for index, entry in enumerate(value):
        where = f"{path}[{index}]"
        read = from_json(entry)
        if not isinstance(read, t.Mapping):
            raise _invalid(where, entry, "a mapping with a name and criteria of a device spec")
        check_keys(read, KEYS, where, "invalid_alias")
        name = _name(read.get("name"), f"{where}.name")
        policy = parse_numa_policy(read.get("numa_policy"), f"{where}.numa_policy", "invalid_alias") or LEGACY
        if read.get("first_available") is not None or (name in aliases and aliases[name].first_available):
            aliases[name] = _first_available(read, policy, where, again=name in aliases)
            continue
        _check_criteria(read, where)
        spec = parse_device_spec({key: read[key] for key in _SPEC_KEYS if key in read}, where)
        before = aliases.get(name)
        if before is not None:
            _check_alike(spec, policy, before, where)
        aliases[name] = Alias((*(before.specs if before is not None else ()), spec), policy)
    return aliases


def _first_available(entry: t.Mapping[str, t.Any], policy: str, path: str, *, again: bool) -> Alias:
    """An alias of alternatives, which are all in its one entry."""
    if again:
        raise _invalid(path, entry["name"], "a name that no other entry has, since first_available has all there is")
    others = [key for key in _SPEC_KEYS if entry.get(key) is not None]
    if others:
        raise _invalid(f"{path}.{others[0]}", entry[others[0]], f"no {others[0]} beside first_available")
    from .specs.alternatives import parse_alternatives

    first = parse_alternatives(entry["first_available"], f"{path}.first_available", "invalid_alias")
    return Alias(tuple(spec for specs in first for spec in specs), policy, first)


def _name(value: object, path: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= _LONGEST_NAME:
        raise _invalid(path, value, f"a name of 1 to {_LONGEST_NAME} characters")
    return value.strip()


def _check_criteria(entry: t.Mapping[str, object], path: str) -> None:
    given = {key for key in entry if key == "driver" or entry[key] not in (None, "", {}, [])}
    for key in given.intersection(_IDS):
        value = entry[key]
        if not isinstance(value, str) or not re.fullmatch("[0-9a-fA-F]{4}", value):
            error = _invalid(f"{path}.{key}", value, 'exactly four hexadecimal digits in quotes, such as "8086"')
            if isinstance(value, str):
                raise error
            from ..unquoted import with_quotes

            raise with_quotes(error, value, (4,))
    if not given.issuperset(_IDS) and given.isdisjoint(_ENOUGH):
        named = " and ".join(sorted(given - {"name"})) or "no criterion"
        raise _invalid(path, named, "vendor_id and product_id, or one of " + ", ".join(_ENOUGH))
    if entry.get("device_type") == TYPE_VDPA:
        raise _invalid(f"{path}.device_type", TYPE_VDPA, "type-PCI, type-PF or type-VF")
    if entry.get("capability_type") not in (None, "pci"):
        raise _invalid(f"{path}.capability_type", entry["capability_type"], "pci")


def _check_alike(spec: DeviceSpec, policy: str, before: Alias, path: str) -> None:
    if policy != before.numa_policy:
        raise _invalid(f"{path}.numa_policy", policy, f"{before.numa_policy}, as in the entry before of the same name")
    device_type = before.specs[0].device_type
    if spec.device_type != device_type:
        wanted = f"{device_type or 'none'}, as in the entry before of the same name"
        raise _invalid(f"{path}.device_type", spec.device_type, wanted)


def _invalid(path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError("invalid_alias", subject=path, found=f"found {value!r}", wanted=wanted)
