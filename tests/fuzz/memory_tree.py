# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in memory in the place of /sys and /proc."""

from __future__ import annotations

import contextlib
import functools
import posixpath
import typing as t
from collections.abc import Mapping

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Folder, Tree


class MemoryTree(Tree):
    """Files by absolute path; folders are there by what lies in them, links only as `links` from path to path."""

    def __init__(self, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> None:
        super().__init__("/nowhere")
        self._files, self._links = files, links or {}
        self._folders = _folders((*files, *self._links))

    def data(self, path: str, limit: int = 1 << 24) -> bytes | None:
        content = self._files.get(self._followed(path))
        return None if content is None else content[:limit]

    def folder(self, path: str) -> Folder:
        return _MemoryFolder(self, path)

    def names(self, path: str) -> list[str]:
        return sorted(self._folders.get(self._followed(path), ()))

    def any_in(self, path: str) -> bool:
        return bool(self.names(path))

    def exists(self, path: str) -> bool:
        path = self._followed(path)
        return path in self._files or path in self._folders

    def link_target(self, path: str) -> str | None:
        return self._links.get(path)

    def real(self, path: str) -> str:
        return self._followed(path)

    def _followed(self, path: str) -> str:
        path = posixpath.normpath(path)
        for link, target in self._links.items():
            if path == link or path.startswith(link + "/"):
                path = target + path[len(link) :]
        return path


@functools.lru_cache(maxsize=4)
def _folders(paths: tuple[str, ...]) -> dict[str, set[str]]:
    """What lies in each folder, by the paths of all that there is."""
    folders: dict[str, set[str]] = {}
    for path in paths:
        while path != "/":
            folder, name = posixpath.split(path)
            folders.setdefault(folder, set()).add(name)
            path = folder
    return folders


class _MemoryFolder(Folder):
    def __init__(self, tree: MemoryTree, path: str) -> None:
        self._tree, self._path = tree, path
        self.names = frozenset(tree.names(path))
        if not self.names:
            raise FileNotFoundError(path)

    def __exit__(self, *_error: object) -> None:
        pass

    def data(self, name: str, limit: int = 4096) -> bytes | None:
        return self._tree.data(f"{self._path}/{name}", limit)

    @contextlib.contextmanager
    def pieces(self, name: str) -> t.Iterator[t.Callable[[int, int], bytes]]:
        data = self.data(name) or b""
        yield lambda place, size: data[place : place + size]

    def link_name(self, name: str) -> str | None:
        target = self._tree.link_target(f"{self._path}/{name}")
        return None if target is None else target.rpartition("/")[2]
