# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies on a host so that its devices come back: put there, brought up to date and removed by the record.

A file or link is replaced at once. What is enabled is whole by then: the program before the units, these before the
links, and the rules, which keep the host's drivers off devices, after all that gives these to somebody; away it goes
the other way round. SELinux gives each new file the label of its folder, so that systemd and libvirt may read it;
AppArmor, where it confines libvirtd, lets a hook start a Python of /usr/bin, and no other.
"""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..._model.events.paths import TIMER_FILE
from ..._model.persistence.paths import (
    DOMAINS,
    HOOK,
    LIBVIRT,
    MADE_FOLDERS,
    MARK,
    PROGRAM,
    RESTORE,
    RULES,
    SETTLED,
    UNITS,
    WANTED,
)
from ..._model.persistence.wanted import persistent, storage_claimed
from ..boot.ours import check_ours
from .kept import Kept
from .started import check_no_links, check_systemd, host_python

if t.TYPE_CHECKING:
    from ..._model.claims.tracker import Tracker
    from ..boot.programs import Programs
    from ..sysfs import Tree
    from .program import Read

_UNITS = {name: f"{UNITS}/{name}" for name in (RESTORE, DOMAINS)}
_LINKS = {f"{WANTED}/{name}": path for name, path in _UNITS.items()}
_TEXTS = (*_UNITS.values(), HOOK, RULES)
_STORAGE = b"local-fs-pre.target"


class Keeper:
    """Keeps it in one run. `payload` reads our sources by their paths below module_utils, `python` is to run them.

    `warnings` are what did not succeed, and matters to nobody at the next start of the host.
    """

    def __init__(self, tree: Tree, payload: Read, python: str, programs: Programs | None = None) -> None:
        self._tree = tree
        self._payload = payload
        self._python = python
        self._programs = programs
        self._kept: dict[bool, Kept] = {}
        self.warnings: list[str] = []

    def prepare(self, check: bool = False) -> list[dict[str, str]]:
        """Have the program, the units and the hook, none of which does anything yet: before a device is touched.

        Returns what `keep` does, which removes them again where the change is not made in the end. Raises HostdevError:
        persist_failed, foreign_file.
        """
        kept = self._of(check)
        # Until the record is written the unit waits for what it waited for.
        self._install(kept, storage=_STORAGE in (kept.read(_UNITS[RESTORE]) or b""))
        return kept.diff

    def keep(self, tracker: Tracker, check: bool = False) -> list[dict[str, str]]:
        """Have all that the record needs, or nothing where it needs nothing: after the record was written.

        Returns an entry of Ansible's diff for each file and link that is not as it was before this object's first
        change. Raises HostdevError: persist_failed, foreign_file.
        """
        kept = self._of(check)
        if persistent(tracker):
            self._install(kept, storage=storage_claimed(tracker))
            self._enable(kept, tracker)
        else:
            _remove_all(kept, last=not self._tree.exists(TIMER_FILE))
        if not check:
            self._reload(kept)
        return kept.diff

    def _of(self, check: bool) -> Kept:
        if check not in self._kept:
            self._kept[check] = Kept(self._tree, check=check)
        return self._kept[check]

    def _install(self, kept: Kept, *, storage: bool) -> None:
        from ..._model.persistence.hook import hook
        from ..._model.persistence.units import unit_texts

        self._check(kept)
        python = host_python(self._tree, self._python)
        hooked = self._tree.exists(LIBVIRT)
        kept.note_folders([*_UNITS.values(), *_LINKS, *([HOOK] if hooked else []), RULES])
        kept.install_program(self._payload)
        for name, text in unit_texts(python, storage=storage).items():
            kept.write(_UNITS[name], text)
        if hooked:
            kept.write(HOOK, hook(python), executable=True)

    def _enable(self, kept: Kept, tracker: Tracker) -> None:
        from ..._model.persistence.rules import rules

        for path, target in _LINKS.items():
            kept.link(path, target)
        text = rules(tracker)
        if text is None:
            kept.remove(RULES)
        else:
            # The host runs: a disk that comes back to it is nothing that a restore is still to take. It stays, since
            # udev may go by the former rules for a while, and is gone with the next start of the host.
            kept.note(SETTLED)
            kept.write(RULES, text)

    def _check(self, kept: Kept) -> None:
        """Refuse what would not do its work, or would not be ours."""
        check_systemd(
            self._tree,
            "systemd, whose units bring devices back",
            "set persist: false, and run the task again whenever the host was started",
        )
        check_no_links(self._tree, (*_TEXTS, PROGRAM, MADE_FOLDERS))
        present = {path: data for path in _TEXTS if (data := kept.read(path)) is not None}
        check_ours(present, MARK)

    def _reload(self, kept: Kept) -> None:
        """Tell systemd and udev of what is new: at the next start they read it anyway."""
        touched = frozenset(kept.touched)
        kept.touched.clear()
        if any(path.startswith(f"{UNITS}/") for path in touched):
            self._run("systemctl", "daemon-reload")
        if RULES in touched:
            self._run("udevadm", "control", "--reload")

    def _run(self, *words: str) -> None:
        from ..boot.programs import Programs

        programs = self._programs or Programs(self._tree)
        try:
            if programs.has(words[0]):
                programs.demand(*words, seconds=60)
        except HostdevError as error:
            self.warnings.append(error.message)


def _remove_all(kept: Kept, *, last: bool) -> None:
    """The rules first, without which the host has its devices again, and what they need in the end.

    The program stays where it posts the host's state as well.
    """
    kept.remove(RULES)
    for path, target in _LINKS.items():
        kept.unlink(path, target)
    for path in (HOOK, *_UNITS.values()):
        kept.remove(path)
    if last:
        kept.remove_program()
    kept.remove_folders(last=last)
