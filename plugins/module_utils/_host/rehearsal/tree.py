# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tree of a recorded host. It is in memory alone: there is nothing that could be written to."""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t

from ..sysfs import Folder, Tree

if t.TYPE_CHECKING:
    from ..device_numbers import DeviceNumber

_MOST_LINKS = 40


class RecordedTree(Tree):
    """Answers from a recording's `tree` (see _model.recording.recording) as Tree does from /."""

    def __init__(self, recorded: t.Mapping[str, t.Any]) -> None:
        self._recorded = recorded
        self.may_hang = False

    def local(self, path: str) -> str:
        """Raises FileNotFoundError: what is recorded lies nowhere in this process's file system."""
        raise FileNotFoundError(errno.ENOENT, "a recorded host has no files here", path)

    def data(self, path: str, limit: int = 1 << 24) -> bytes | None:
        return _content(self._at(self.real(path)), limit)

    def folder(self, path: str) -> Folder:
        there = self._at(self.real(path))
        if not isinstance(there, dict):
            raise FileNotFoundError(errno.ENOENT, "not recorded", path)
        return RecordedFolder(there)

    def names(self, path: str) -> list[str]:
        there = self._at(self.real(path))
        return sorted(there) if isinstance(there, dict) else []

    def any_in(self, path: str) -> bool:
        return bool(self.names(path))

    def exists(self, path: str) -> bool:
        return self._at(self.real(path)) is not _MISSING

    def is_file(self, path: str) -> bool:
        there = self._at(self.real(path))
        return there is not _MISSING and not isinstance(there, dict)

    def block_number(self, _path: str) -> str | None:
        return None

    def link_target(self, path: str) -> str | None:
        folder, _slash, name = path.rstrip("/").rpartition("/")
        return _target(self._at(f"{self.real(folder)}/{name}"))

    def open_device(self, link: str) -> DeviceNumber | None:
        """Raises OSError: who has what open is among the recorded uses."""
        raise FileNotFoundError(errno.ENOENT, "not recorded", link)

    def node_number(self, path: str) -> DeviceNumber | None:
        """Raises OSError: nodes in /dev are not recorded."""
        raise FileNotFoundError(errno.ENOENT, "not recorded", path)

    def real(self, path: str) -> str:
        place, pending, links = "", path.strip("/").split("/"), 0
        while pending:
            name = pending.pop(0)
            if name in ("", "."):
                continue
            if name == "..":
                place = place.rpartition("/")[0]
                continue
            target = _target(self._at(f"{place}/{name}"))
            if target is None or links >= _MOST_LINKS:
                place = f"{place}/{name}"
                continue
            links += 1
            pending[:0] = target.split("/")
            place = "" if target.startswith("/") else place
        return place or "/"

    def _at(self, place: str) -> t.Any:
        """What is at a path without links."""
        there: t.Any = self._recorded
        for part in filter(None, place.split("/")):
            if not isinstance(there, dict) or part not in there:
                return _MISSING
            there = there[part]
        return there


class RecordedFolder(Folder):
    """A folder of a recorded tree, by names."""

    __slots__ = ("_recorded",)

    def __init__(self, recorded: t.Mapping[str, t.Any]) -> None:
        self._recorded = recorded
        self.names = frozenset(recorded)

    def __exit__(self, *_error: object) -> None:
        """There is nothing to close."""

    def data(self, name: str, limit: int = 4096) -> bytes | None:
        return _content(self._recorded.get(name, _MISSING), limit)

    @contextlib.contextmanager
    def pieces(self, name: str) -> t.Iterator[t.Callable[[int, int], bytes]]:
        content = _content(self._recorded.get(name, _MISSING), 1 << 24) or b""
        yield lambda place, size: content[place : place + size]

    def link_name(self, name: str) -> str | None:
        target = _target(self._recorded.get(name, _MISSING))
        return None if target is None else os.path.basename(target)


_MISSING: t.Final = object()


def _target(there: t.Any) -> str | None:
    return str(there[1]) if isinstance(there, list) and len(there) == 2 and there[0] == "link" else None


def _content(there: t.Any, limit: int) -> bytes | None:
    if isinstance(there, str):
        return there.encode()[:limit]
    if isinstance(there, list) and len(there) == 2 and there[0] == "bytes":
        return bytes.fromhex(str(there[1]))[:limit]
    return None
