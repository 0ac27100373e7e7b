# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the record holds."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ..claims.tracker import Tracker

if t.TYPE_CHECKING:
    from ..claims.made_vfs import VfsJournal

SCHEMA = 2


@dataclass
class Record:
    """What the file holds: the tracker's claims, an unfinished journal, and pools for placement.

    `journal` is a plan.journal.Journal; to the facts, which know no plans, an UnfinishedRun. `boot_id` and `machine_id`
    are those of the host that it was written on. `vfs_journal` are changes of PFs' VFs that were begun.
    """

    tracker: Tracker = field(default_factory=Tracker)
    journal: t.Any = None
    boot_id: str = ""
    pools: list[dict[str, t.Any]] = field(default_factory=list)
    machine_id: str = ""
    vfs_journal: list[VfsJournal] = field(default_factory=list)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "schema": SCHEMA,
            "boot_id": self.boot_id,
            **({"machine_id": self.machine_id} if self.machine_id else {}),
            "claims": [claim.as_dict() for claim in self.tracker],
            "journal": None if self.journal is None else self.journal.as_dict(),
            "needs_cleaning": [waiting.as_dict() for _address, waiting in sorted(self.tracker.waiting.items())],
            "pools": self.pools,
            **{name: entries for name, entries in self._seldom().items() if entries},
        }

    def _seldom(self) -> dict[str, list[dict[str, t.Any]]]:
        """What is written only where there is any: few hosts ever have all of it."""
        return {
            "set_aside": [aside.as_dict() for _address, aside in sorted(self.tracker.set_aside.items())],
            "vfs": [made.as_dict() for _address, made in sorted(self.tracker.made_vfs.items())],
            "vfs_journal": [journal.as_dict() for journal in self.vfs_journal],
        }

    def is_of(self, machine_id: str) -> bool:
        """Whether it may be acted upon on this machine: it says nothing, or was not written on another one."""
        tracker = self.tracker
        kept = (tracker.waiting, tracker.set_aside, tracker.made_vfs, self.journal, self.vfs_journal)
        empty = not any(True for _claim in tracker) and not any(kept)
        return empty or not self.machine_id or not machine_id or self.machine_id == machine_id

    def as_bytes(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n").encode("ascii")
