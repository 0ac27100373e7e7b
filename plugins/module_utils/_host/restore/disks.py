# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks of claimed functions, which udev leaves alone until the restore is through: see _model/persistence/rules.py."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ..._model.errors import HostdevError
from ..._model.persistence.paths import SETTLED
from ..boot.own_files import OwnFiles
from ..boot.programs import Programs

if t.TYPE_CHECKING:
    from ..sysfs import Tree


@contextlib.contextmanager
def unsettled(tree: Tree) -> t.Iterator[None]:
    """With disks left alone, also in a restore that is not the first one since the start of the host."""
    files = OwnFiles(tree)
    was = tree.exists(SETTLED)
    with contextlib.suppress(OSError):
        files.remove(SETTLED)
    try:
        yield
    finally:
        if was:
            with contextlib.suppress(OSError):
                files.write(SETTLED, b"")


def settle(tree: Tree, strangers: t.Iterable[str]) -> None:
    """Have udev look at all disks from now on, and again at those of functions that stay with the host's drivers.

    `strangers` are the sysfs paths of these.
    """
    with contextlib.suppress(OSError):
        OwnFiles(tree).write(SETTLED, b"")
    programs = Programs(tree)
    if not programs.has("udevadm"):
        return
    for path in strangers:
        parent = os.path.realpath(tree.local(path))
        words = ("trigger", "--action=add", "--subsystem-match=block", f"--parent-match={parent}")
        with contextlib.suppress(HostdevError):
            programs.run("udevadm", *words, seconds=20)
