# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of several hosts in files, one for each format."""

from __future__ import annotations

import os
import time
import typing as t

from . import files
from .export import csv_text, json_text

if t.TYPE_CHECKING:
    from ..models import Hosts

FORMATS = ("html", "json", "csv")


class SaveError(Exception):
    """A file could not be written; the text says which and why."""


def save(paths: t.Mapping[str, str], hosts: Hosts, *, check_mode: bool) -> list[files.Written]:
    """Write a file for each format that has a path, in check mode only say what would be. Raises SaveError."""
    if len(set(map(os.path.realpath, paths.values()))) < len(paths):
        raise SaveError("html, json and csv: found one path for two of them, wanted a file of its own for each")
    written = []
    for form, path in paths.items():
        try:
            written.append(_MAKERS[form](path, hosts, check_mode))
        except OSError as error:
            raise SaveError(f"{form}: {path}: {error.strerror or error}") from None
    return written


def _page(path: str, hosts: Hosts, check_mode: bool) -> files.Written:
    """The page says when it was made. One that says nothing else than the file has is not written again."""
    from ..page import page

    before = files.written_at(path)
    if before is not None:
        same = files.write(path, page(hosts, generated=_moment(before)), check_mode=True)
        if not same.changed:
            return same
    now = time.time()
    return files.write(path, page(hosts, generated=_moment(now)), check_mode=check_mode, time=now)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _json(path: str, hosts: Hosts, check_mode: bool) -> files.Written:
    return files.write(path, json_text(hosts), check_mode=check_mode)


def _csv(path: str, hosts: Hosts, check_mode: bool) -> files.Written:
    return files.write(path, csv_text(hosts), check_mode=check_mode)


_MAKERS: dict[str, t.Callable[[str, t.Any, bool], files.Written]] = {"html": _page, "json": _json, "csv": _csv}
