# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible itself refuses of a task's options, before any work begins."""

from __future__ import annotations

import re
import typing as t

from .._model.errors import HostdevError

# ansible/module_utils/common/parameters.py, _validate_argument_types
_NO_MAPPING = re.compile(r"argument '(\w+)' is of type .*str.* and we were unable to convert to dict")
_NO_LIST = re.compile(r"argument '(\w+)' is of type dict and we were unable to convert to list")


def refused(msg: str) -> tuple[str, dict[str, t.Any]]:
    """Ansible's words, with what to do where that can be told, and the result's `error`."""
    text = _NO_MAPPING.match(msg)
    if text is not None:
        wrong = HostdevError(
            "invalid_option",
            subject=text[1],
            found="found a text that is neither JSON nor NAME=VALUE",
            wanted="a mapping",
            remedy=f'write {text[1]}: {{NAME: VALUE}}, or as a text NAME=VALUE, or {{"NAME": "VALUE"}}',
        )
        return wrong.message, wrong.as_result()
    mapping = _NO_LIST.match(msg)
    remedy = "" if mapping is None else f"put it into brackets, {mapping[1]}: [{{...}}]"
    error = HostdevError("invalid_option", subject="this task", found=msg, remedy=remedy)
    return f"{msg}; what to do: {remedy}." if remedy else msg, error.as_result()
