# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of mappings that come as a text, from a survey or from `-e NAME=TEXT`, which Ansible would split at commas."""

from __future__ import annotations

import typing as t

from .._model.errors import HostdevError
from .._model.texts import read_list


def read_lists(options: dict[str, t.Any], specs: t.Mapping[str, t.Mapping[str, t.Any]]) -> HostdevError | None:
    """Put the lists in place of their texts; an empty one, and the error, in place of what is no JSON."""
    wrong = None
    for name, spec in specs.items():
        if spec.get("type") != "list" or spec.get("elements") not in ("raw", "dict"):
            continue
        try:
            options.update({name: read_list(options[name], name)} if name in options else {})
        except HostdevError as error:
            options[name], wrong = [], error
    return wrong
