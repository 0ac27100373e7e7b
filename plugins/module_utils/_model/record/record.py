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

    `journal` is a plan.plan.Journal; to the facts, which know no plans, an UnfinishedRun.
    """

    tracker: Tracker = field(default_factory=Tracker)
    journal: t.Any = None
    boot_id: str = ""
    pools: list[dict[str, t.Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "schema": SCHEMA,
            "boot_id": self.boot_id,
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

    def as_bytes(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n").encode("ascii")
