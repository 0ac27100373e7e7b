# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systemd that runs the host, if one does: what it has of units, and having it do something."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..boot.programs import Programs
    from ..sysfs import Tree

RUNNING = "/run/systemd/system"
"""Where systemd has started the host (sd_booted(3)): not in a container, or an image that is being made."""
_ANOTHER = "sysinit.target"  # which each host has, and nobody edits


class Systemd:
    """Nothing is said and nothing done where it does not run. Raises HostdevError: program_failed."""

    def __init__(self, tree: Tree, programs: Programs) -> None:
        self._programs = programs
        self._runs = tree.exists(RUNNING) and programs.has("systemctl")

    def shown(self, properties: str, *units: str) -> list[dict[str, str]]:
        """These properties of each unit, as systemctl(1) shows them."""
        if not self._runs:
            return [{} for _unit in units]
        told = self._programs.demand("systemctl", "show", f"--property={properties}", *units, seconds=60)
        return [dict(line.split("=", 1) for line in block.splitlines()) for block in told.strip().split("\n\n")]

    def unread(self, *units: str) -> bool | None:
        """Whether files of one of the units are otherwise than systemd has read them; None where it does not know.

        From 255 on it says so of every unit once some unit was enabled without a reload (unit_need_daemon_reload in its
        src/core/unit.c).
        """
        *ours, another = (shown.get("NeedDaemonReload") for shown in self.shown("NeedDaemonReload", *units, _ANOTHER))
        if "yes" not in ours:
            return False
        return None if another == "yes" else True

    def run(self, *commands: t.Sequence[str]) -> None:
        """Those of systemctl, which must succeed."""
        for words in commands if self._runs else ():
            self._programs.demand("systemctl", *words, seconds=60)

    def try_to(self, *words: str) -> None:
        """One that may fail."""
        if self._runs:
            self._programs.run("systemctl", *words, seconds=60)
