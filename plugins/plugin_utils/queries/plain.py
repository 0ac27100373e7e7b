# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a template hands over, as Python's own types.

From ansible-core 2.19 on texts and numbers of inventories are of subclasses that carry tags, and mappings and lists
template their values when they are looked at. JMESPath tells types by their names, and takes neither for what it is.
"""

from __future__ import annotations

import typing as t

from .errors import wrong

_PLAIN = frozenset({str, int, float, bool, type(None)})


def plain(value: t.Any, subject: str = "the facts") -> t.Any:
    """The same value of dict, list, str, int, float, bool and None. Raises HostdevError for what is none of them."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, t.Mapping):
        return {plain(key, subject): plain(value[key], subject) for key in value}
    if isinstance(value, t.Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item, subject) for item in value]
    wanted = "mappings, lists, texts, numbers, booleans"
    raise wrong(subject, f"found a value of type {type_of(value)}", wanted, "make a text of it, with the filter string")


def type_of(value: t.Any) -> str:
    """The name of its type, where Ansible made a class of its own the one below that."""
    return next(kind.__name__ for kind in type(value).__mro__ if not kind.__name__.startswith("_Ansible"))
