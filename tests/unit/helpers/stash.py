# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of a tree that are not in it for now, kept beside it: so all processes that share the tree share them too."""

from __future__ import annotations

import os
import shutil
import typing as t
from pathlib import Path
from urllib.parse import quote, unquote


class Stash:
    """Puts files, folders and links of a tree away under a name, and back to where they were."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root.parent / f"{root.name}.away"

    def put(self, name: str, paths: t.Iterable[Path]) -> None:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            os.rename(path, folder / quote(str(path.relative_to(self._root)), safe=""))

    def back(self, name: str) -> None:
        """Put back what has this name; nothing when there is none of it."""
        folder = self._folder / name
        for entry in sorted(os.listdir(folder)) if folder.is_dir() else ():
            os.rename(folder / entry, self._root / unquote(entry))

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
