# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices that are set aside: another attempt to give them back, and seeing that somebody mended them.

There is no journal of it: what is on record of such a device says all that is left to be done, until it is done.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from ..._model.claims.settled import is_settled
from ..._model.decision.concerned import asides_concerned
from ..._model.decision.kinds import make_plan
from ..._model.decision.release import settle
from ..._model.errors import HostdevError
from .snapshot import with_vf_states
from .steps.executors import Executors
from .steps.recovery import Recovery

if t.TYPE_CHECKING:
    from ..._model.claims.set_aside import SetAside
    from ..._model.plan.plan import Plan
    from ..._model.record.record import Record
    from ..._model.requests.wish import ReleaseWish
    from ..._model.snapshot import Snapshot
    from ..record.record_file import RecordFile
    from .host import ChangingHost
    from .outcome import Outcome


def without_mended(snapshot: Snapshot, record: Record, outcome: Outcome, file: RecordFile | None) -> Snapshot:
    """The snapshot without devices set aside that were mended meanwhile; `file` is None where nothing is written."""
    tracker = record.tracker
    mended = [aside for aside in tracker.set_aside.values() if is_settled(snapshot.inventory, aside)]
    for aside in mended:
        del tracker.set_aside[aside.address]
        outcome.warnings.append(f"{aside.address}, set aside since {aside.since}, is with the host again, or gone")
    if mended:
        outcome.mended = True
        if file is not None and record.journal is None:
            file.write(record)
    return replace(snapshot, tracker=tracker.copy())


class Settling:
    """Tries again to give devices back to the host. Times are in seconds."""

    def __init__(self, host: ChangingHost, file: RecordFile, detach_timeout: float, *, check_mode: bool) -> None:
        self._host = host
        self._file = file
        self._detach_timeout = detach_timeout
        self._check_mode = check_mode

    def try_again(self, snapshot: Snapshot, wish: ReleaseWish, record: Record, outcome: Outcome) -> None:
        """Give each device back that the wish names, or leave it set aside with the reason of now.

        Raises HostdevError, once all were tried, for the first that could not be settled.
        """
        errors = [
            error
            for aside in asides_concerned(record.tracker, wish)
            if (error := self._try(snapshot, wish, record, aside, outcome)) is not None
        ]
        if errors:
            raise errors[0].but(found="; ".join([errors[0].found, *(error.message for error in errors[1:])]))

    def _try(
        self, snapshot: Snapshot, wish: ReleaseWish, record: Record, aside: SetAside, outcome: Outcome
    ) -> HostdevError | None:
        try:
            change = settle(snapshot, wish, aside).change
            plan = make_plan(with_vf_states(self._host, snapshot, change), change)
        except HostdevError as error:
            return error
        if self._check_mode:
            self._note(plan, outcome)
            return None
        failed = self._drive(plan, aside, outcome)
        if failed is None:
            del record.tracker.set_aside[aside.address]
            self._note(plan, outcome)
        else:
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            again = replace(aside, code=failed.code, reason=f"{failed.message} (tried again {since})")
            record.tracker.set_aside[aside.address] = again
        self._file.write(record)
        return failed

    def _note(self, plan: Plan, outcome: Outcome) -> None:
        from ..._model.plan.diff import host_diff

        outcome.plans.append(plan)
        outcome.diff.extend(host_diff(plan))

    def _drive(self, plan: Plan, aside: SetAside, outcome: Outcome) -> HostdevError | None:
        recovery = Recovery(plan, Executors(self._host, self._detach_timeout), rebooted=False, settle=True)
        notes = recovery.drive(plan.steps)
        error = recovery.set_aside.get(aside.address)
        if error is None:
            outcome.warnings.extend(notes)
        return error
