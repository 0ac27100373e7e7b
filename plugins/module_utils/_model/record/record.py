# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the record holds."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ..claims.tracker import Tracker

SCHEMA = 1


@dataclass
class Record:
    """What the file holds: the tracker's claims, an unfinished journal, and pools for placement.

    `journal` is a plan.journal.Journal; to the facts, which know no plans, an UnfinishedRun. `boot_id` and `machine_id`
    are those of the host that it was written on.
    """

    tracker: Tracker = field(default_factory=Tracker)
    journal: t.Any = None
    boot_id: str = ""
    pools: list[dict[str, t.Any]] = field(default_factory=list)
    machine_id: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "schema": SCHEMA,
            "boot_id": self.boot_id,
            **({"machine_id": self.machine_id} if self.machine_id else {}),
            "claims": [claim.as_dict() for claim in self.tracker],
            "journal": None if self.journal is None else self.journal.as_dict(),
            "needs_cleaning": [waiting.as_dict() for _address, waiting in sorted(self.tracker.waiting.items())],
            "pools": self.pools,
            **self._set_aside(),
        }

    def _set_aside(self) -> dict[str, t.Any]:
        """Only where there are any: few hosts ever have."""
        asides = [aside.as_dict() for _address, aside in sorted(self.tracker.set_aside.items())]
        return {"set_aside": asides} if asides else {}

    def is_of(self, machine_id: str) -> bool:
        """Whether it may be acted upon on this machine: it says nothing, or was not written on another one."""
        tracker = self.tracker
        empty = not (any(True for _claim in tracker) or tracker.waiting or tracker.set_aside or self.journal)
        return empty or not self.machine_id or not machine_id or self.machine_id == machine_id

    def as_bytes(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n").encode("ascii")
