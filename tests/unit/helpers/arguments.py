# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks as pages print them, held against the argument specs of our modules and what they read of the values."""

from __future__ import annotations

import importlib
import typing as t
from unittest import mock

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.kvm.hostdev.plugins.action import pci_report
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.limits.limit import parse_limits
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs

PREFIX = "kvm.hostdev."
_MODULES = "ansible_collections.kvm.hostdev.plugins.modules"
_OF_TYPES: dict[str, t.Any] = {"list": [], "dict": {}, "bool": True, "int": 1, "raw": [], "str": "x", "path": "/x"}
_RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


def tasks(part: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """All tasks of our modules in plays, roles' tasks, blocks, and whatever else is in a document of YAML."""
    if isinstance(part, list):
        for one in part:
            yield from tasks(one)
    elif isinstance(part, dict):
        if any(is_module(key) for key in part) and "hosts" not in part:
            yield part
        for key, value in part.items():
            if key in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
                yield from tasks(value)


def is_module(key: t.Any) -> bool:
    return str(key).startswith(PREFIX)


def faults(task: t.Mapping[str, t.Any]) -> list[str]:
    """What is wrong with the arguments of a task. What is made by a template when it runs is taken for right."""
    found = []
    for module, given in ((key.removeprefix(PREFIX), value or {}) for key, value in task.items() if is_module(key)):
        settings = argument_spec(module)
        spec = settings.pop("argument_spec")
        values = {key: _stand_in(value, spec.get(key, {})) for key, value in given.items()}
        checked = ArgumentSpecValidator(spec, **settings).validate(values)
        found += [f"{module}: {message}" for message in checked.error_messages]
        found += [f"{module}: {message}" for message in _unread(given)]
    return found


def argument_spec(module: str) -> dict[str, t.Any]:
    """What a module says of its arguments to Ansible."""
    if module == "pci_report":
        return {"argument_spec": pci_report._OPTIONS}
    source = importlib.import_module(f"{_MODULES}.{module}")
    with mock.patch.object(source, "Module") as made, mock.patch.object(source, "run"):
        source.main()
    said = made.call_args.kwargs
    return {key: said[key] for key in ("argument_spec", *_RULES) if key in said}


def _stand_in(value: t.Any, spec: t.Mapping[str, t.Any]) -> t.Any:
    """A value of the wanted type where a template makes it."""
    if _templated(value):
        return (
            spec["choices"][0]
            if "choices" in spec and spec.get("type") != "list"
            else _OF_TYPES[spec.get("type", "str")]
        )
    return value


def _templated(value: t.Any) -> bool:
    if isinstance(value, dict):
        return any(map(_templated, value.values()))
    return any(map(_templated, value)) if isinstance(value, list) else "{{" in str(value)


def _unread(given: t.Mapping[str, t.Any]) -> list[str]:
    """Why requests, specs, aliases and limits that are written down can't be read."""
    entries = [given, *(entry for entry in given.get("claims") or () if isinstance(entry, dict))]
    aliases = given.get("aliases", [])
    wrong = []
    for entry in entries:
        for key, read in _READERS.items():
            if key in entry and not _templated(entry[key]) and not _templated(aliases):
                try:
                    read(entry[key], parse_aliases(aliases))
                except HostdevError as error:
                    wrong.append(str(error))
    return wrong


_READERS: dict[str, t.Callable[[t.Any, t.Any], object]] = {
    "requests": parse_requests,
    "limits": parse_limits,
    "aliases": lambda value, _aliases: parse_aliases(value),
    "specs": lambda value, _aliases: parse_device_specs(value, "specs"),
    "device_spec": lambda value, _aliases: parse_device_specs(value, "device_spec"),
}
