# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host at a moment that trials start from: kept once, and put back for each of them."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost, entries
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import Entries, picture, without, write

from .changes import Change

_FOLDER, _LINK = "folder", "-> "
# Of the functions that no change asks for the host's own disk and network card are left: each trial reads all that
# there are, several times.
_OTHERS = ("0000:00:01.0", "0000:00:14.0", "0000:80:00.0")


class Start:
    """HOST in FOLDER, whose files are FILES as in a picture; CONTENTS has those that were kept before."""

    def __init__(
        self, host: FakeHost, folder: Path, files: Mapping[str, str], contents: Mapping[str, tuple[str, bytes]]
    ) -> None:
        self._host = copy.deepcopy(host)
        self._folder = folder
        self._picture = files
        self._contents = {
            path: contents[path]
            if path in contents and contents[path][0] == what
            else (what, Path(f"{folder}{path}").read_bytes())
            for path, what in files.items()
            if what != _FOLDER and not what.startswith(_LINK)
        }

    def later(self, host: FakeHost, files: Mapping[str, str]) -> Start:
        """The same host at a later moment, which is now."""
        return Start(host, self._folder, files, self._contents)

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
            write(local, self._contents[path][1])
            os.chmod(local, int(what.partition(" ")[0], 8))


def before(change: Change, folder: Path) -> Start:
    """Lay a host out in FOLDER, and bring it to right before CHANGE."""
    host = FakeHost(folder, laid_out=_entries)
    host.lock_timeout = 10.0  # what outlives a killed run has the lock until it is done
    change.before(host)
    return Start(host, folder, picture(folder), {})


@functools.cache
def _entries() -> Entries:
    return without(entries(), *_OTHERS)
