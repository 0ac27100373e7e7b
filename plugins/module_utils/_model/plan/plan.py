# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: ordered steps from what is to what shall be.

A step is a transition of one thing, with the thing's state before and after. That makes its inverse the same step
turned round, the diff a print of both ends, and recovery after a crash a question of driving each thing that was
touched back to its `before`.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from .steps import Step


@dataclass(frozen=True)
class Plan:
    """Everything one run will do: `operation` claim or release, the steps, and the owner's claim at both ends."""

    operation: str
    steps: tuple[Step, ...]
    before: Claim
    after: Claim

    @property
    def changes_record(self) -> bool:
        return self.before.as_dict() != self.after.as_dict()

    @property
    def changed(self) -> bool:
        return bool(self.steps) or self.changes_record
