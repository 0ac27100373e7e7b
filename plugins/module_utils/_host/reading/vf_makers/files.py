# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a host's configuration, read with bounds: plain files alone, of some length, so many of them."""

from __future__ import annotations

import os
import stat
import typing as t

from ...._model.sriov.makers.maker import Source

if t.TYPE_CHECKING:
    from ...sysfs import Tree

_MOST_BYTES = 1 << 18
_MOST_FILES = 5000
_FOLDERS = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
"""Where systemd, udev and modprobe look: of files of one name the first counts."""


class Files:
    """Reads files, and keeps in `unread` why which ones could not be read."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.unread: dict[str, str] = {}
        self._left = _MOST_FILES

    def source(self, path: str) -> Source | None:
        """A file's text; None where it is none, is empty, stands for /dev/null, or can't be read."""
        try:
            local = self.tree.local(path)
            # A device may do something once it is opened. What replaces a file meanwhile is seen below, and a FIFO that
            # is opened so does not wait for a writer.
            if not stat.S_ISREG(os.stat(local).st_mode):
                return None
            handle = os.open(local, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.unread[path] = error.strerror or str(error)
            return None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return None
            if self._left <= 0:
                self.unread[path] = f"more than {_MOST_FILES} files were read"
                return None
            self._left -= 1
            if status.st_size > _MOST_BYTES:
                self.unread[path] = f"only its first {_MOST_BYTES} bytes were read"
            # What it begins with stays: its lines are counted.
            text = os.read(handle, _MOST_BYTES).decode("utf-8", "replace").rstrip("\0 \t\r\n")
        except OSError as error:
            self.unread[path] = error.strerror or str(error)
            return None
        finally:
            os.close(handle)
        return Source(path, text) if text else None

    def sources(self, paths: t.Iterable[str]) -> list[Source]:
        return [source for path in paths if (source := self.source(path)) is not None]

    def paths(self, folder: str, suffix: str = "") -> list[str]:
        """Paths of what lies in a folder and is neither hidden nor an editor's copy, by name."""
        names = self.tree.names(folder)
        return [f"{folder}/{name}" for name in names if name.endswith(suffix) and name[:1] != "." and name[-1:] != "~"]

    def layered(self, folder: str, suffix: str, above: t.Sequence[str] = _FOLDERS) -> list[str]:
        """Paths below /etc, /run and /usr/lib, by name; of several of one name the one that counts."""
        found: dict[str, str] = {}
        for top in above:
            for path in self.paths(f"{top}/{folder}", suffix):
                found.setdefault(path.rpartition("/")[2], path)
        return [found[name] for name in sorted(found)]
