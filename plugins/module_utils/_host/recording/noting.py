# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's tree that keeps what it answers: a recording has what was read, and of the rest nothing."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ..sysfs import Folder, Tree

Noted = t.Union[bytes, str, None, dict[str, t.Any]]
"""A file's content, a link's target, None of what is there and was not looked into, or a folder by names."""

_MOST_LINKS = 40


class NotingTree(Tree):
    """Reads as the tree that it is made of, and notes each answer in `noted`, at its place without links."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree.local("/"))
        self.noted: dict[str, Noted] = {}
        self._places: dict[str, str] = {"/": "", "": ""}

    def note(self, path: str, answer: Noted) -> None:
        """Note this of a path, whatever was noted of it before."""
        self._note(self.place(path), answer, anew=True)

    def place(self, path: str) -> str:
        """Where a path leads, noting the links on the way; its last part may be missing."""
        known = self._places.get(path)
        if known is None:
            folder, _slash, name = path.rstrip("/").rpartition("/")
            known = self._places[path] = self._follow(
                f"{self.place(folder)}/{name}" if name not in ("", ".") else folder
            )
        return known

    def _follow(self, path: str) -> str:
        for _link in range(_MOST_LINKS):
            try:
                target = os.readlink(self.local(path))
            except OSError:
                return path
            self._note(path, target)
            joined = os.path.normpath(os.path.join(os.path.dirname(path), target))
            folder, _slash, name = joined.rpartition("/")
            path = f"{self.place(folder)}/{name}"
        return path

    def _note(self, path: str, answer: Noted, *, anew: bool = False) -> None:
        folder = self.noted
        *above, name = path.strip("/").split("/")
        for part in above:
            inner = folder.get(part)
            if not isinstance(inner, dict):
                inner = folder[part] = {}
            folder = inner
        there = folder.get(name)
        if answer is None or (answer == {} and isinstance(there, dict)):
            folder.setdefault(name, answer)
        elif anew or not (isinstance(there, bytes) and isinstance(answer, bytes) and len(there) > len(answer)):
            folder[name] = answer

    def data(self, path: str, limit: int = 1 << 24) -> bytes | None:
        data = super().data(path, limit)
        if data is not None:
            self._note(self.place(path), data)
        return data

    def folder(self, path: str) -> Folder:
        return NotingFolder(self.local(path), lambda name, answer: self._note(f"{self.place(path)}/{name}", answer))

    def names(self, path: str) -> list[str]:
        names = super().names(path)
        if names or os.path.isdir(self.local(path)):
            place = self.place(path)
            self._note(place, {})
            for name in names:
                self._note_kind(f"{place}/{name}")
        return names

    def any_in(self, path: str) -> bool:
        found = super().any_in(path)
        if found:
            self._note_kind(f"{self.place(path)}/{next(iter(os.listdir(self.local(path))))}")
        return found

    def exists(self, path: str) -> bool:
        found = super().exists(path)
        if found:
            self._note_kind(self.place(path))
        return found

    def is_file(self, path: str) -> bool:
        found = super().is_file(path)
        if found:
            self._note(self.place(path), None)
        return found

    def link_target(self, path: str) -> str | None:
        target = super().link_target(path)
        if target is not None:
            folder, _slash, name = path.rpartition("/")
            self._note(f"{self.place(folder)}/{name}", target)
        return target

    def real(self, path: str) -> str:
        place = self.place(path)
        if super().exists(path):
            self._note_kind(place)
        return super().real(path)

    def _note_kind(self, path: str) -> None:
        """Note that something is there: a link with its target, a folder, or a file that was not read."""
        target = super().link_target(path)
        self._note(path, target if target is not None else {} if os.path.isdir(self.local(path)) else None)


class NotingFolder(Folder):
    """An open folder that notes what it answers, by name."""

    __slots__ = ("_note",)

    def __init__(self, path: str, note: t.Callable[[str, Noted], None]) -> None:
        super().__init__(path)
        self._note = note
        for name in self.names:
            note(name, None)

    def data(self, name: str, limit: int = 4096) -> bytes | None:
        data = super().data(name, limit)
        if data is not None:
            self._note(name, data)
        return data

    @contextlib.contextmanager
    def pieces(self, name: str) -> t.Iterator[t.Callable[[int, int], bytes]]:
        read_so_far = bytearray(super().data(name, 256) or b"")

        with contextlib.ExitStack() as opened:
            read = opened.enter_context(super().pieces(name))

            def noting(place: int, size: int) -> bytes:
                data = read(place, size)
                if not data:
                    return data
                if len(read_so_far) < place + len(data):
                    read_so_far.extend(bytes(place + len(data) - len(read_so_far)))
                read_so_far[place : place + len(data)] = data
                self._note(name, bytes(read_so_far))
                return data

            yield noting

    def link_name(self, name: str) -> str | None:
        if name not in self.names:
            return None
        try:
            target = os.readlink(name, dir_fd=self._handle)
        except OSError:
            return None
        self._note(name, target)
        return target.rpartition("/")[2]
