# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that a change starts from: made once, and put back to that for each trial."""

from __future__ import annotations

import copy
import os
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import picture, write

from .changes import Change

_FOLDER, _LINK = "folder", "-> "


class Start:
    """A host in FOLDER right before CHANGE."""

    def __init__(self, change: Change, folder: Path) -> None:
        self._folder = folder
        self._host = FakeHost(folder)
        self._host.lock_timeout = 10.0  # what outlives a killed run has the lock until it is done
        change.before(self._host)
        self._picture = picture(folder)
        self._contents = {
            path: Path(f"{folder}{path}").read_bytes()
            for path, what in self._picture.items()
            if what != _FOLDER and not what.startswith(_LINK)
        }

    def host(self) -> FakeHost:
        """Return it as it was then, for one trial; that of the trial before is of no use any more."""
        now = picture(self._folder)
        other = {path for path, what in now.items() if self._picture.get(path) != what}
        for path in sorted(other, reverse=True):  # what is in a folder comes before it
            (os.rmdir if now[path] == _FOLDER else os.unlink)(f"{self._folder}{path}")
        for path in sorted(self._picture.keys() - (now.keys() - other)):
            self._make(path, self._picture[path])
        return copy.deepcopy(self._host)

    def _make(self, path: str, what: str) -> None:
        local = f"{self._folder}{path}"
        if what == _FOLDER:
            os.mkdir(local)
        elif what.startswith(_LINK):
            os.symlink(what[len(_LINK) :], local)
        else:
            write(local, self._contents[path])
            os.chmod(local, int(what.partition(" ")[0], 8))
