# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables that the lookup `variables` knows, made from what playbooks, roles and rulebooks read and set."""

from __future__ import annotations

import re
import typing as t

import yaml

from .filling import ROOT, filled

FILE = "plugins/plugin_utils/variables.py"
_FILES = ("playbooks/**/*.yml", "roles/**/*.yml", "extensions/eda/rulebooks/*.yml")
_SOURCE = "playbooks, roles, extensions"
_NAME = re.compile(r"\bhostdev_\w*[a-z]\b")
_ALL_SET = re.compile(r"(?:playbooks|roles/\w+)/vars/")


class _Loader(yaml.SafeLoader):
    """With Ansible's own tags, whatever is behind them."""


_Loader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


def wanted() -> dict[str, str]:
    """The module as it should be."""
    read: set[str] = set()
    own: set[str] = set()
    for path in (path for pattern in _FILES for path in ROOT.glob(pattern)):
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        read.update(_NAME.findall(str(data)))
        own.update(data if _ALL_SET.match(path.relative_to(ROOT).as_posix()) else _set(data))
    text = (ROOT / FILE).read_text(encoding="utf-8")
    text = filled(text, FILE, "told", _SOURCE, _set_of(read - own), comment="    # ")
    text = filled(text, FILE, "own", _SOURCE, _set_of(read & own), comment="    # ")
    return {FILE: text}


def _set(part: t.Any) -> t.Iterator[str]:
    """What plays and tasks set: their own variables, facts, results and what a loop goes through."""
    if isinstance(part, list):
        for one in part:
            yield from _set(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("vars", "ansible.builtin.set_fact") and isinstance(value, dict):
                yield from value
            elif key in ("register", "loop_var"):
                yield value
            yield from _set(value)


def _set_of(names: t.Iterable[str]) -> str:
    lines = "".join(f'        "{name}",\n' for name in sorted(names))
    return f"    {{\n{lines}    }}\n"
