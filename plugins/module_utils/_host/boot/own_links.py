# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Symbolic links of ours in the host's configuration, each made, led elsewhere or removed at once, and durably."""

from __future__ import annotations

import contextlib
import os
import typing as t

from .own_files import beside, make_durable, make_folders

if t.TYPE_CHECKING:
    from ..sysfs import Tree


class OwnLinks:
    """The links below a tree's root; `diff` says what became or would become of each. With `check` nothing is made."""

    def __init__(self, tree: Tree, *, check: bool = False) -> None:
        self._tree = tree
        self._check = check
        self._held: dict[str, str | None] = {}
        """In check mode: where each would lead by now."""
        self._first: dict[str, str | None] = {}
        """Where each led before the first change, in the order of these."""

    @property
    def changed(self) -> list[str]:
        return [path for path, target in self._first.items() if target != self.target(path)]

    @property
    def diff(self) -> list[dict[str, str]]:
        """An entry for each changed link, as Ansible's diff has them."""
        return [
            {
                "before_header": path,
                "before": _shown(self._first[path]),
                "after_header": path,
                "after": _shown(self.target(path)),
            }
            for path in self.changed
        ]

    def target(self, path: str) -> str | None:
        """Where it leads, as it is written; None where there is no link."""
        return self._held[path] if path in self._held else self._tree.link_target(path)

    def make(self, path: str, target: str) -> bool:
        """Have a link lead there, and return whether it did not. Folders on the way are made. Raises OSError."""
        before = self.target(path)
        if before == target:
            return False
        self._first.setdefault(path, before)
        if self._check:
            self._held[path] = target
            return True
        local = self._tree.local(path)
        make_folders(os.path.dirname(local))
        self.tidy(path)
        os.symlink(target, beside(local))
        os.rename(beside(local), local)
        make_durable(os.path.dirname(local))
        return True

    def remove(self, path: str) -> bool:
        """Have no such link, and return whether there was one. A file in its place stays. Raises OSError."""
        self.tidy(path)
        before = self.target(path)
        if before is None:
            return False
        self._first.setdefault(path, before)
        if self._check:
            self._held[path] = None
            return True
        local = self._tree.local(path)
        os.unlink(local)
        make_durable(os.path.dirname(local))
        return True

    def tidy(self, path: str) -> None:
        """Remove what a run that was cut off left beside a link."""
        if not self._check:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(beside(self._tree.local(path)))


def _shown(target: str | None) -> str:
    return "" if target is None else f"-> {target}\n"
