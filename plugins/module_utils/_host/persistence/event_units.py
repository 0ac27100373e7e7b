# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd has of the units that post a host's state, which may be otherwise than their files say."""

from __future__ import annotations

import typing as t

from ..._model.events.paths import SERVICE, SERVICE_FILE, TIMER, TIMER_FILE

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .systemd import Systemd

RELOAD, RESTART = ("daemon-reload",), ("restart", TIMER)
_FILES = {TIMER: TIMER_FILE, SERVICE: SERVICE_FILE}


class EventUnits:
    """What systemd lacks of the units, and what it has that is to go."""

    def __init__(self, tree: Tree, systemd: Systemd) -> None:
        self._tree, self._systemd = tree, systemd

    def there(self) -> list[str]:
        """The units that have a file."""
        return [unit for unit, path in _FILES.items() if self._tree.exists(path)]

    def lacking(self) -> tuple[list[dict[str, str]], t.Sequence[t.Sequence[str]]]:
        """What systemd lacks where all files are as they shall be, as entries of a diff, and the commands for that.

        A run that ended behind its files leaves that.
        """
        (timer,) = self._systemd.shown("ActiveState", TIMER)
        if timer and timer["ActiveState"] != "active":
            return [entry(TIMER, "stopped", "started")], (RELOAD, RESTART)
        unread = self._systemd.unread(TIMER, SERVICE)
        if unread:
            return [entry(TIMER, "systemd has not read its files as they are", "started")], (RELOAD, RESTART)
        return [], (RELOAD,) if unread is None else ()

    def left(self) -> list[str]:
        """The units that systemd has and whose files are gone."""
        shown = zip(_FILES.items(), self._systemd.shown("LoadState,ActiveState,FragmentPath", *_FILES))
        return [
            unit
            for (unit, path), found in shown
            if found and not self._tree.exists(path)
            # The file that it was loaded from, also when that is gone since.
            if found["FragmentPath"] == path
            or (found["LoadState"] == "not-found" and found["ActiveState"] != "inactive")
        ]

    def stop(self, units: t.Sequence[str]) -> None:
        """The timer, and a post that is under way; one that failed does not stay among the failed units of the host."""
        self._systemd.run(("stop", *units))
        self._systemd.try_to("reset-failed", *_FILES)  # fails where one has never run


def entry(unit: str, before: str, after: str) -> dict[str, str]:
    """That of Ansible's diff for a unit."""
    texts = {"before": f"{before}\n", "after": f"{after}\n" if after else ""}
    return {"before_header": unit, "after_header": unit, **texts}
