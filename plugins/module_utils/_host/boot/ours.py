# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a file is that has the name of one of ours."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError


def check_ours(contents: t.Mapping[str, bytes], mark: str) -> None:
    """Files by path must have the mark, in the first line or after the one that names an interpreter.

    Raises HostdevError with code foreign_file.
    """
    for path, data in contents.items():
        if mark.encode() not in data.split(b"\n")[:2]:
            raise HostdevError(
                "foreign_file",
                subject=path,
                found="there is a file of this name that this module has not made",
                wanted="its own, or none",
                remedy="see what is in it, and move it to another name",
            )
