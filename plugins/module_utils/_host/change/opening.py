# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening the record for a run: locked, a plain file, and without the journal of an interrupted run."""

from __future__ import annotations

import contextlib
import typing as t

if t.TYPE_CHECKING:
    from ..._model.record.schema import Record
    from ..record.record_file import RecordFile
    from .outcome import Outcome


@contextlib.contextmanager
def opened(
    file: RecordFile,
    outcome: Outcome,
    lock: t.ContextManager[t.Any],
    *,
    check_mode: bool,
    recover: t.Callable[[Record], list[str] | None],
    machine: str,
) -> t.Iterator[Record]:
    """The record, under the lock.

    `recover` undoes or finishes the journal that an earlier run left and says what was done. In check mode nothing is
    mended or recovered, and the outcome says that it would be. Raises HostdevError where the record can't be read, was
    written on another machine than `machine`, or the journal can neither be finished nor undone.
    """
    with lock:
        record = file.read(machine)
        _mend(file, outcome, check_mode=check_mode)
        if (record.journal is not None or record.vfs_journal) and check_mode:
            outcome.recovered = True
            for unfinished in _unfinished(record):
                outcome.warnings.append(f"{unfinished} is on record; a run without check mode settles it first")
        elif record.journal is not None or record.vfs_journal:
            recovered, *notes = recover(record) or [""]
            outcome.recovered = True
            outcome.warnings.extend([f"{recovered}, found in {file.path}", *notes])
        yield record
        outcome.warnings.extend(file.notes)


def _unfinished(record: Record) -> t.Iterator[str]:
    if record.journal is not None:
        yield f"an interrupted {record.journal.plan.operation} of {record.journal.owner}"
    for journal in record.vfs_journal:
        yield f"an interrupted change of the VFs of {journal.address}"


def _mend(file: RecordFile, outcome: Outcome, *, check_mode: bool) -> None:
    """Make an executable record a plain file again, since fact gathering would run it."""
    mode = file.executable()
    if mode is not None:
        path, outcome.mended = file.path, True
        done = "a run without check mode makes it 0644" if check_mode else "it is 0644 now"
        outcome.warnings.append(f"{path} was executable, so that fact gathering would run it: {done}")
        outcome.diff.append(
            {"before_header": path, "after_header": path, "before": f"mode={mode}\n", "after": "mode=0644\n"}
        )
    if not check_mode:
        file.mend()
