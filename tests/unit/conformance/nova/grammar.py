# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases of device specs, aliases and requests."""

from __future__ import annotations

import functools
import json
import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests, with_names
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import (
    parse_device_spec,
    parse_device_specs,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.remote_managed import (
    check_remote_managed,
)
from ansible_collections.kvm.hostdev.tests.unit.conformance.nova.hosts import host, our_spec, pci_device

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import DeviceSpec

Outcome = dict[str, t.Any]

_TRUE = "1 t true y yes on".split()
_BOOLEANS = [*_TRUE, *"0 f false n no off".split()]
_KINDS = {
    "invalid_address": "wrong_address_format",
    "invalid_alias": "invalid_alias",
    "unknown_alias": "alias_not_defined",
}
_CHECKED = {"devname": "remote_managed_absent", "remote_managed": "remote_managed_pf"}


class Difference(t.NamedTuple):
    """A rule for cases in which we differ on purpose, and our outcome in them."""

    reason: str
    applies: t.Callable[[t.Any], bool]
    ours: t.Callable[[t.Any], Outcome]


def _kind(error: HostdevError) -> str:
    """The cases' word for an error of ours."""
    if error.code == "invalid_spec" and error.subject.endswith(".devname"):
        return "devname_and_address"
    return _KINDS.get(error.code, error.code)


def refusing(op: t.Callable[[t.Any], Outcome]) -> t.Callable[[t.Any], Outcome]:
    """The op with an error of ours as its outcome."""

    @functools.wraps(op)
    def outcome(case: t.Any) -> Outcome:
        try:
            return op(case)
        except HostdevError as error:
            return {"error": _kind(error)}

    return outcome


@refusing
def parse_spec(case: t.Any) -> Outcome:
    spec = parse_device_spec(our_spec(case["given"]["spec"]), "spec")
    try:
        check_remote_managed(spec, host(case["given"].get("sysfs", {})), "spec")
    except HostdevError as error:
        return {"error": _CHECKED.get(error.subject.rpartition(".")[2], error.code)}
    return {"tags": _nova_tags(spec)}


@refusing
def match_spec(case: t.Any) -> Outcome:
    device = case["when"]["device"]
    there = host(case["given"].get("sysfs", {}), device)
    spec = parse_device_spec(our_spec(case["given"]["spec"]), "spec").resolved(there)
    return {"match": spec.matches(there.devices[device["address"]])}


@refusing
def parse_whitelist(case: t.Any) -> Outcome:
    return {"count": len(parse_device_specs([_our_text(text) for text in case["given"]["entries"]], "device_spec"))}


@refusing
def assignable(case: t.Any) -> Outcome:
    device = case["when"]["device"]
    there = host(case["given"].get("sysfs", {}), device)
    specs = parse_device_specs([our_spec(spec) for spec in case["given"]["specs"]], "device_spec")
    entry = AllowList(specs).resolved(there).entry_of(there.devices[device["address"]])
    return {"spec_index": None if entry is None else entry[0]}


@refusing
def match_properties(case: t.Any) -> Outcome:
    pool = case["given"]["pool"]
    ids = {"address": "0000:01:00.0", "vendor_id": "0000", "product_id": "0000"}
    device = pci_device({**ids, **pool})
    criteria = {"address", "vendor_id", "product_id", "dev_type", "numa_node", "count"}
    label = our_spec({key: value for key, value in pool.items() if key not in criteria})
    tags = parse_device_spec(label, "pool").tags
    specs = parse_device_specs([our_spec(spec) for spec in case["when"]["specs"]], "specs")
    return {"match": any(spec.matches(device) and spec.demands(tags) for spec in specs)}


def aliases(case: t.Any) -> Outcome:
    placed = case["given"].get("config", {}).get("pci_in_placement")
    try:
        our_aliases = parse_aliases([_our_alias(entry, placed) for entry in case["given"]["aliases"]])
    except HostdevError:
        return {"error": "invalid_alias"}
    return {
        "aliases": {
            name: {"numa_policy": alias.numa_policy, "specs": [_nova_spec(spec) for spec in alias.specs]}
            for name, alias in our_aliases.items()
        }
    }


@refusing
def translate(case: t.Any) -> Outcome:
    policy = case["when"].get("numa_policy")
    known = parse_aliases(case["given"]["aliases"])
    entries = t.cast("list[dict[str, t.Any]]", with_names(case["when"]["value"].split(","), "requests"))
    our_requests = parse_requests([{**entry, "numa_policy": policy} for entry in entries], known)
    return {
        "requests": [
            {"alias": entry["alias"], "count": request.count, "numa_policy": request.numa_policy}
            for entry, request in zip(entries, our_requests)
        ]
    }


def _our_text(text: str) -> str:
    """A JSON text with its free tags below `tags`; what is no JSON stays as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps([our_spec(entry) for entry in value] if isinstance(value, list) else our_spec(value))


def _our_alias(entry: t.Any, placed: object) -> t.Any:
    """Where Placement chooses by `resource_class`, a device is asked for by a tag here."""
    if not placed or not isinstance(entry, dict) or "resource_class" not in entry:
        return entry
    return {**entry, "tags": {"placement": entry["resource_class"]}}


def _nova_tags(spec: DeviceSpec) -> Outcome:
    tags = dict(spec.tags)
    if spec.resource_class is not None:
        tags["resource_class"] = spec.resource_class
    if spec.traits:
        tags["traits"] = ",".join(spec.traits)
    return tags


def _nova_spec(spec: DeviceSpec) -> Outcome:
    fields = {**spec.as_dict(), **_nova_tags(spec)}
    fields.pop("tags", None)
    fields.pop("placement", None)
    if "device_type" in fields:
        fields["dev_type"] = fields.pop("device_type")
    return fields


def _any_case(values: t.Mapping[str, t.Any]) -> Outcome:
    return {key: value.lower() if isinstance(value, str) else value for key, value in values.items()}


def _spelled(tags: t.Mapping[str, t.Any]) -> Outcome:
    """The tags in lower case, with the booleans that Nova keeps as they were written as "true" and "false"."""
    words = _any_case(tags)
    for key in {"trusted", "remote_managed"} & words.keys():
        words[key] = "true" if str(words[key]).lower() in _TRUE else "false"
    return words


def _same_aliases(wanted: t.Any, outcome: t.Mapping[str, t.Any]) -> bool:
    """Whether the aliases are those wanted, but for `capability_type`, which says nothing."""

    def bare(aliases: t.Any) -> Outcome:
        return {
            name: [alias["numa_policy"], *({**_any_case(spec), "capability_type": "pci"} for spec in alias["specs"])]
            for name, alias in aliases.items()
        }

    return bare(wanted) == bare(outcome.get("aliases", {}))


def _spec(case: t.Any) -> t.Any:
    spec = case["given"].get("spec")
    return spec if case["when"]["op"].startswith("spec.") and isinstance(spec, dict) else {}


def _refused(case: t.Any, kind: str) -> bool:
    return case["level"] == "must" and case["then"].get("error") == kind


def _has_alternatives(case: t.Any) -> bool:
    """Whether all entries have one name, NUMA policy and device type."""
    entries = [entry for entry in case["given"]["aliases"] if isinstance(entry, dict)]
    common = {(entry.get("name"), entry.get("numa_policy"), entry.get("device_type")) for entry in entries}
    return len(entries) > 1 and len(common) == 1


def _no_boolean(case: t.Any) -> bool:
    values = [_spec(case).get(key) for key in ("trusted", "remote_managed")]
    return any(value is not None and str(value).strip().lower() not in _BOOLEANS for value in values)


def _foreign_fields(case: t.Any) -> bool:
    address = _spec(case).get("address")
    return isinstance(address, dict) and not address.keys() <= {"domain", "bus", "slot", "function"}


OPS = {
    "spec.parse": parse_spec,
    "spec.match": match_spec,
    "whitelist.parse": parse_whitelist,
    "whitelist.assignable": assignable,
    "prop.match": match_properties,
    "alias.parse": aliases,
    "alias.translate": translate,
}

COMPARED: dict[str, t.Callable[[t.Any, t.Mapping[str, t.Any]], bool]] = {
    "tags": lambda wanted, outcome: _spelled(wanted).items() <= _spelled(outcome.get("tags", {})).items(),
    "tags_absent": lambda wanted, outcome: not outcome["tags"].keys() & set(wanted),
    "aliases": _same_aliases,
}

DIFFERENCES = (
    Difference(
        "PCI domains wider than four digits, as those of Intel VMD, are devices like others",
        lambda case: (
            _refused(case, "invalid_spec")
            and bool(re.match("[0-9a-fA-F]{5,8}:[0-9a-fA-F]{2}:", str(_spec(case).get("address"))))
        ),
        lambda _case: {"tags": {}},
    ),
    Difference(
        "one_time_use is kept by the record and needs no Placement service",
        lambda case: _refused(case, "invalid_spec") and str(_spec(case).get("one_time_use")).strip().lower() in _TRUE,
        lambda _case: {"tags": {"one_time_use": "true"}},
    ),
    Difference(
        "without a Placement service interfaces may be named, and aliases have alternatives, in every setting",
        lambda case: (
            _refused(case, "devname_in_placement")
            or (
                _refused(case, "invalid_alias")
                and bool(case["given"].get("config", {}).get("pci_in_placement"))
                and _has_alternatives(case)
            )
        ),
        lambda _case: {},
    ),
    Difference(
        "a key that is none of an address' fields is refused, where Nova passes over it",
        lambda case: "error" not in case["then"] and _foreign_fields(case),
        lambda _case: {"error": "invalid_spec"},
    ),
    Difference(
        "remote_managed and trusted are read as strictly as the other booleans",
        lambda case: "error" not in case["then"] and _no_boolean(case),
        lambda _case: {"error": "invalid_spec"},
    ),
)
