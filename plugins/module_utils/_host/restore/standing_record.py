# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record while the host starts: it says what shall be, and where it can't be written that is no less so."""

from __future__ import annotations

import os
import typing as t

from ..._model.errors import HostdevError
from ..record.record_file import RecordFile

if t.TYPE_CHECKING:
    from ..._model.record.record import Record


class StandingRecord(RecordFile):
    """A record whose disk may be full or read-only.

    A restore needs no journal: the next start does the same from whatever there is. A device is told by its identity,
    and libvirt's hook refuses one by its address.
    """

    unwritten: HostdevError | None = None
    """Why it could not be written the last time that was tried."""

    def read(self, machine: str = "") -> Record:
        """As RecordFile.read, but that one is there: what asks for it would not be on the host without one."""
        record = super().read(machine)
        if not os.path.lexists(self.path):
            from ..record.record_errors import all_gone

            raise all_gone(self.path)
        return record

    def write(self, record: Record) -> None:
        """As RecordFile.write, but that nothing is raised."""
        try:
            super().write(record)
            self.unwritten = None
        except HostdevError as error:
            self.unwritten = error
