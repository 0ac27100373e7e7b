# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that change a host."""

from __future__ import annotations

import typing as t

from ..._model.requests.wish import CHOICES, FAIL
from ..options import HOST_OPTIONS

CHANGE_OPTIONS: dict[str, t.Any] = {
    **HOST_OPTIONS,
    "lock_timeout": {"type": "int", "default": 60},
    "detach_timeout": {"type": "int", "default": 30},
    "on_detach_timeout": {"type": "str", "choices": list(CHOICES), "default": FAIL},
}

TOGETHER_OPTIONS: dict[str, t.Any] = {
    "constraints": {"type": "list", "elements": "raw"},
    "prefer": {"type": "list", "elements": "raw"},
}
"""What devices of several requests shall have to do with each other."""

REQUEST_OPTIONS: dict[str, t.Any] = {
    "requests": {"type": "list", "elements": "raw", "required": True},
    "numa_cells": {"type": "list", "elements": "int"},
    "ensure_root_ports": {"type": "int"},
    "labels": {"type": "dict"},
    **TOGETHER_OPTIONS,
}
"""What one owner wants."""

ALLOW_LIST_OPTIONS: dict[str, t.Any] = {
    "device_spec": {"type": "list", "elements": "raw"},
    "aliases": {"type": "list", "elements": "raw", "default": []},
    "limits": {"type": "list", "elements": "raw"},
}
"""What the host gives away, and how much of it."""

TERMS_OPTIONS: dict[str, t.Any] = {
    "group_members": {"type": "raw", "default": "refuse"},
    "allow": {"type": "list", "elements": "str", "default": []},
    "attach": {"type": "list", "elements": "str", "choices": ["config", "live"], "default": ["config", "live"]},
    "managed": {"type": "bool", "default": True},
    "persist": {"type": "bool"},
    "require_reset": {"type": "bool", "default": False},
    "on_mismatch": {"type": "str", "choices": ["fail", "replace"], "default": "fail"},
}
"""How an owner gets it."""


def without_defaults(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The same options, None where nobody says anything."""
    return {name: {key: part for key, part in spec.items() if key != "default"} for name, spec in options.items()}
