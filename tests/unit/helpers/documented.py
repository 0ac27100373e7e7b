# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module's RETURN says, held against what it returned: key by key, down to where the keys are data.

`returned` is taken at its word. Without one a key is always there; `success` and `failure` are of the whole result;
anything else is a condition, which no result breaks. Null is only what a description says may be null. What a
description says is `as RV(...)` of a module has the keys of that.
"""

from __future__ import annotations

import functools
import importlib
import re
import typing as t

import yaml

_PLUGINS = "ansible_collections.kvm.hostdev.plugins"
_REFERENCE = re.compile(r"\b(?:[Aa]s|in the form of) RV\((?:kvm\.hostdev\.(\w+)#module:)?([\w.\[\]]+)\)")
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "dict": (dict,),
    "list": (list,),
    "raw": (object,),
}
# Ansible's own, of every module, and what it adds of the file where a result has `dest`.
_OF_ANSIBLE = {"changed", "failed", "diff", "invocation", "warnings", "deprecations", "exception", "msg_to_log"}
_OF_A_FILE = {"uid", "gid", "owner", "group", "mode", "state", "secontext"}

Keys = t.Mapping[str, t.Mapping[str, t.Any]]


@functools.cache
def returns(module: str) -> Keys:
    """The documented return values of a module."""
    documented: Keys = yaml.safe_load(importlib.import_module(f"{_PLUGINS}.modules.{module}").RETURN)
    return documented


def faults(module: str, result: t.Mapping[str, t.Any]) -> list[str]:
    """What a whole result has that RETURN does not say, and lacks that it says, each with its place."""
    documented = returns(module)
    beside = _OF_ANSIBLE | (_OF_A_FILE if "dest" in result else set())
    told = {key: value for key, value in result.items() if key not in beside}
    found = [f"{key} is not documented" for key in told if key not in documented]
    ended = "failure" if result.get("failed") else "success"
    for key, said in documented.items():
        when = said["returned"]
        if key in told:
            found += [f"{key} is returned on {ended}, not {when}"] if when in {"success", "failure"} - {ended} else []
            found += _value(module, said, told[key], key)
        elif when in ("always", ended):
            found.append(f"{key} is missing, which is returned: {when}")
    return found


def paths(keys: Keys, before: str = "") -> t.Iterator[tuple[str, t.Mapping[str, t.Any]]]:
    """Every documented key with its path, such as `owners[].devices[].address`."""
    for key, said in keys.items():
        path = f"{before}{key}"
        yield path, said
        yield from paths(said.get("contains", {}), f"{path}[]." if said["type"] == "list" else f"{path}.")


def sample(said: t.Mapping[str, t.Any]) -> t.Any:
    """The sample, where there is none of the whole that of each part."""
    return said["sample"] if "sample" in said else {key: sample(below) for key, below in said["contains"].items()}


def text(said: t.Mapping[str, t.Any]) -> str:
    description = said["description"]
    return description if isinstance(description, str) else "\n".join(description)


def keys_of(module: str, said: t.Mapping[str, t.Any]) -> tuple[str, Keys] | None:
    """The keys of a documented mapping, or of those in a list, and whose RETURN has them; None where they are data."""
    if "contains" in said:
        return module, said["contains"]
    reference = _REFERENCE.search(text(said))
    if reference is None:
        return None
    whose = reference[1] or module
    return keys_of(whose, dict(paths(returns(whose)))[reference[2]])


def _value(module: str, said: t.Mapping[str, t.Any], value: t.Any, path: str) -> list[str]:
    if value is None:
        return (
            []
            if "null" in text(said).lower() or said["type"] == "raw"
            else [f"{path} is null, which no description says"]
        )
    kind = said["type"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind in ("int", "float")):
        return [f"{path} is {type(value).__name__}, and documented as {kind}"]
    if "choices" in said and value not in said["choices"]:
        return [f"{path} is {value!r}, none of its choices"]
    if kind == "list":
        return [fault for one in value for fault in _element(module, said, one, f"{path}[]")]
    return _mapping(module, said, value, path) if kind == "dict" else []


def _element(module: str, said: t.Mapping[str, t.Any], value: t.Any, path: str) -> list[str]:
    kind = said.get("elements", "raw")
    if not isinstance(value, _TYPES[kind]):
        return [f"{path} is {type(value).__name__}, and documented as {kind}"]
    return _mapping(module, said, value, path) if kind == "dict" else []


def _mapping(module: str, said: t.Mapping[str, t.Any], value: t.Mapping[str, t.Any], path: str) -> list[str]:
    known = keys_of(module, said)
    if known is None:
        return []
    whose, keys = known
    if "libvirt's own fields" in text(said) and value["capability"] != "pci":
        keys = {key: below for key, below in keys.items() if _of_others(below["returned"])}
        value = {key: one for key, one in value.items() if key in keys}
    found = [f"{path}.{key} is not documented" for key in value if key not in keys]
    for key, below in keys.items():
        if key in value:
            found += _value(whose, below, value[key], f"{path}.{key}")
        elif below.get("returned", "always") == "always":
            found.append(f"{path}.{key} is missing")
    return found


def _of_others(returned: str) -> bool:
    """Whether a field of the facts' devices is one of devices that are no PCI functions, and not by libvirt's word."""
    return not returned.startswith("for PCI functions") or "USB" in returned
