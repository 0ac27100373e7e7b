# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of a run."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ..._model.plan.plan import Plan


@dataclass
class Outcome:
    """What a run did, or in check mode would do: a plan for each owner, and the diff in Ansible's form.

    `cleaned` are one-time-use devices that may be used again, `stopped` names of domains that were stopped hard,
    `mended` says that the record's mode was put right.
    """

    plans: list[Plan] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    recovered: bool = False
    mended: bool = False
    cleaned: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        done = self.recovered or self.mended or bool(self.cleaned or self.stopped)
        return done or any(plan.changed for plan in self.plans)
