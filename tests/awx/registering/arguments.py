# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments of tasks held against the real argument specs of the modules of awx.awx, without a server.

ansible-lint names the first fault of a task, and passes over tasks with templates; this names all. What a template
gives is not known here, and stands for a value that fits.
"""

from __future__ import annotations

import importlib
import sys
import typing as t
from pathlib import Path

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

_PREFIX = "awx.awx."


class Call(t.NamedTuple):
    """What a task hands to a module, with the defaults that stand around it."""

    task: str
    module: str
    arguments: dict[str, t.Any]


class _Unsafe(str):
    """A text that Ansible hands on as it is."""

    __slots__ = ()


class _Loader(yaml.SafeLoader):
    """With Ansible's tag for such a text."""


def _unsafe(loader: yaml.SafeLoader, node: t.Any) -> _Unsafe:
    return _Unsafe(loader.construct_scalar(node))


_Loader.add_constructor("!unsafe", _unsafe)


class _Asked(BaseException):
    """What a module asks for."""


def calls(file: Path) -> list[Call]:
    """Those of awx.awx in a file of plays or tasks."""
    return list(_calls(yaml.load(file.read_text(encoding="utf-8"), _Loader), {}))


def _calls(part: t.Any, defaults: t.Mapping[str, t.Any]) -> t.Iterator[Call]:
    for task in part if isinstance(part, list) else [part]:
        inner = {**defaults, **task.get("module_defaults", {})}
        for key, value in task.items():
            if key in ("tasks", "block", "rescue", "always", "pre_tasks", "post_tasks"):
                yield from _calls(value, inner)
            elif key.startswith(_PREFIX):
                yield Call(task["name"], key.removeprefix(_PREFIX), {**inner.get(key, {}), **(value or {})})


def faults(call: Call, collections: str) -> list[str]:
    """All that the module would refuse; `collections` is the collections path with awx.awx."""
    module = _module(call.module, collections)
    spec, rules = _asked(module)
    given = {key: _stood_in(value, spec.get(key, {})) for key, value in call.arguments.items()}
    found = ArgumentSpecValidator(spec, **rules).validate(given).error_messages
    return [f"{call.task}: {call.module}: {fault}" for fault in (*found, *_inner_faults(module, call.arguments))]


def _module(name: str, collections: str) -> t.Any:
    if collections not in sys.path:
        sys.path.append(collections)
    return importlib.import_module(f"ansible_collections.awx.awx.plugins.modules.{name}")


def _asked(module: t.Any) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """The argument spec of a module with all that it takes to log in, and its further rules."""
    api = importlib.import_module("ansible_collections.awx.awx.plugins.module_utils.controller_api")

    def asked(_self: t.Any, argument_spec: t.Any = None, **rules: t.Any) -> None:
        raise _Asked(argument_spec, {key: value for key, value in rules.items() if key in _RULES})

    made, api.ControllerModule.__init__ = api.ControllerModule.__init__, asked
    try:
        module.main()
    except _Asked as what:
        spec, rules = what.args
        return {**api.ControllerModule.AUTH_ARGSPEC, **spec}, rules
    finally:
        api.ControllerModule.__init__ = made
    raise AssertionError(f"{module.__name__} makes no ControllerModule")


_RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


def _stood_in(value: t.Any, spec: t.Mapping[str, t.Any]) -> t.Any:
    """A value that fits in place of a template."""
    if not isinstance(value, str) or isinstance(value, _Unsafe) or "{{" not in value:
        return value
    if spec.get("choices"):
        return spec["choices"][0]
    return {"dict": {}, "list": [], "bool": True, "int": 1, "float": 1.0}.get(spec.get("type", "str"), "text")


def _inner_faults(module: t.Any, arguments: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Keys that the documentation of the module does not have below an option; the spec itself does not tell them."""
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    for option, value in arguments.items():
        inside = options.get(option, {}).get("suboptions")
        for key in value if inside and isinstance(value, dict) else ():
            if key not in inside:
                yield f"{option} has no {key}: {', '.join(inside)}"
