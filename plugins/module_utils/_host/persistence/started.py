# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What units of ours start, and by whom: the systemd and the Python of the host."""

from __future__ import annotations

import os
import typing as t

from ..._model.errors import HostdevError
from .systemd import RUNNING

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_HOST_PYTHON = "/usr/bin/python3"


def check_systemd(tree: Tree, wanted: str, remedy: str) -> None:
    """Raises HostdevError: persist_failed where systemd does not run the host."""
    if not tree.exists(RUNNING):
        found = f"no systemd has started it: there is no {RUNNING}"
        raise HostdevError("persist_failed", subject="this host", found=found, wanted=wanted, remedy=remedy)


def check_no_links(tree: Tree, paths: t.Iterable[str]) -> None:
    """Raises HostdevError: persist_failed where a link is in the place of a file of ours."""
    for path in paths:
        target = tree.link_target(path)
        if target is not None:
            raise HostdevError(
                "persist_failed",
                subject=path,
                found=f"it is a symbolic link to {target}",
                wanted="a file, or none",
                remedy="remove the link; of a unit that is masked: systemctl unmask " + os.path.basename(path),
            )


def host_python(tree: Tree, python: str) -> str:
    """The host's own, which outlives an upgrade and an environment, where it is the one that runs this: `python`.

    Raises HostdevError: persist_failed where that is no absolute path.
    """
    if not os.path.isabs(python):
        raise HostdevError(
            "persist_failed",
            subject="the Python that runs this task",
            found=f"it says of itself that it is {python!r}",
            wanted="an absolute path, for the units to start it by",
            remedy=f"set ansible_python_interpreter to {_HOST_PYTHON}",
        )
    return _HOST_PYTHON if tree.real(_HOST_PYTHON) == tree.real(python) else python
