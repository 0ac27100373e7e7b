# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs in systemd's .link and .network files: udevd makes them by the first, networkd sets them by the second.

Of all files only the first that matches counts (systemd.link(5)): one that says nothing of VFs hides those after it.
"""

from __future__ import annotations

import typing as t

from .maker import LINK_FILE, NETWORK_FILE, Source, VfMaker, number
from .sections import entries
from .systemd_match import matches

if t.TYPE_CHECKING:
    from .maker import PfNames
    from .sections import Entry

_SECTION = "SR-IOV"
_COUNT = "SR-IOVVirtualFunctions"


class Unit(t.NamedTuple):
    """A file with its drop-ins in their order, which add to it."""

    main: Source
    drop_ins: tuple[Source, ...] = ()


def link_makers(files: t.Iterable[Unit], pf: PfNames) -> list[VfMaker]:
    """Those of udevd; `files` in the order of their names."""
    return _makers(files, pf, LINK_FILE)


def network_makers(files: t.Iterable[Unit], pf: PfNames) -> list[VfMaker]:
    """Those of networkd, which sets VFs and makes none."""
    return _makers(files, pf, NETWORK_FILE)


def _makers(files: t.Iterable[Unit], pf: PfNames, kind: str) -> list[VfMaker]:
    found: list[VfMaker] = []
    certain = True
    for unit in files:
        parts = [(source.path, entries(source.text)) for source in (unit.main, *unit.drop_ins)]
        match = matches([entry for _path, part in parts for entry in part], pf)
        if match is False:
            continue
        certain = certain and match is True
        about_vfs = [(path, entry) for path, part in parts for entry in part if _about_vfs(entry)]
        if about_vfs:
            path, entry = next((each for each in about_vfs if each[1].key == _COUNT), about_vfs[0])
            count = _count([entry for _path, entry in about_vfs]) if kind == LINK_FILE else None
            text = f"[{entry.name}] {entry.key}={entry.value}"
            found.append(VfMaker(kind, path, entry.line, text, certain, count))
        if match:
            break  # those after it are not looked at; after one that perhaps matches they may be
    return found


def _about_vfs(entry: Entry) -> bool:
    return entry.name == _SECTION or (entry.name, entry.key) == ("Link", _COUNT)


def _count(about_vfs: t.Sequence[Entry]) -> int | None:
    """The number that is given, or as many as the sections need."""
    given = [number(entry.value) for entry in about_vfs if entry.key == _COUNT]
    if given:
        return given[-1]
    highest = [number(entry.value) for entry in about_vfs if entry.key == "VirtualFunction"]
    return max((vf + 1 for vf in highest if vf is not None), default=None)
