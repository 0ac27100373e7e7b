# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What posts a host's state lies on it by its settings: the program, which restores devices as well, and its units."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..._model.events.paths import MARK, SEEN, SERVICE_FILE, SETTINGS, TIMER_FILE, TIMER_LINK
from ..._model.events.units import event_units
from ..._model.persistence.paths import MADE_FOLDERS, PROGRAM, RESTORE, UNITS
from ..boot.ours import check_ours
from ..boot.programs import Programs
from .event_units import RELOAD, RESTART, EventUnits, entry
from .kept import Kept
from .started import check_no_links, check_systemd, host_python
from .systemd import Systemd

if t.TYPE_CHECKING:
    from ..._model.events.settings import EventSettings
    from ..sysfs import Tree
    from .program import Read

FILES = (SETTINGS, SERVICE_FILE, TIMER_FILE)


class EventsKeeper:
    """Keeps it in one run, by the arguments of Keeper."""

    def __init__(self, tree: Tree, payload: Read, python: str, programs: Programs | None = None) -> None:
        self._tree = tree
        self._payload = payload
        self._python = python
        self._systemd = Systemd(tree, programs or Programs(tree))
        self._units = EventUnits(tree, self._systemd)

    def keep(self, settings: EventSettings | None, *, check: bool = False) -> list[dict[str, str]]:
        """Have the state posted by these settings, or not at all with None.

        Returns an entry of Ansible's diff for each file and link that is not as it was, and for the timer where systemd
        does not have it as its files say. Raises HostdevError: persist_failed, foreign_file, program_failed.
        """
        kept = Kept(self._tree, check=check, mark=MARK)
        check_no_links(self._tree, (*FILES, PROGRAM, MADE_FOLDERS))
        check_ours({path: data for path in FILES if (data := kept.read(path)) is not None}, MARK)
        told = self._remove(kept, check=check) if settings is None else self._install(kept, settings, check=check)
        return [*kept.diff, *told]

    def _install(self, kept: Kept, settings: EventSettings, *, check: bool) -> list[dict[str, str]]:
        check_systemd(self._tree, "systemd, whose timer posts the host's state", "leave the host to the cached facts")
        python = host_python(self._tree, self._python)
        kept.note_folders([SERVICE_FILE, TIMER_FILE, TIMER_LINK])
        kept.install_program(self._payload)
        kept.write(SETTINGS, settings.text())
        for path, text in event_units(python, settings.every).items():
            kept.write(path, text)
        kept.link(TIMER_LINK, TIMER_FILE)
        told, commands = ([], (RELOAD, RESTART)) if kept.touched else self._units.lacking()
        if not check:
            self._systemd.run(*commands)
        return told

    def _remove(self, kept: Kept, *, check: bool) -> list[dict[str, str]]:
        """What starts it first, and what it needs in the end; the program stays where it brings devices back."""
        last = not self._tree.exists(f"{UNITS}/{RESTORE}")
        there, left = self._units.there(), self._units.left()
        if (there or left) and not check:
            self._units.stop([*there, *left])
        kept.unlink(TIMER_LINK, TIMER_FILE)
        for path in reversed(FILES):
            kept.remove(path)
        kept.forget(SEEN)
        if last:
            kept.remove_program()
        kept.remove_folders(last=last)
        if (there or left) and not check:
            self._systemd.run(RELOAD)
        return [entry(unit, "systemd has it without a file", "") for unit in left]


def persist_error(error: HostdevError) -> HostdevError:
    """What is said of a file that could not be written, in words that fit here."""
    if error.code != "persist_failed" or "persist: false" not in error.remedy:
        return error
    remedy = "free space or make it writable, then run the task again"
    return error.but(wanted="a file that root can write", remedy=remedy)
