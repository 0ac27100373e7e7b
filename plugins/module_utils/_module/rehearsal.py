# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recorded host in place of the one that a module runs on."""

from __future__ import annotations

import typing as t

from .._host.recording.file import read_recording
from .._host.rehearsal.connection import RecordedBinding, RecordedConnection
from .._host.rehearsal.host import RecordedRecord, RecordedUses
from .._host.rehearsal.tree import RecordedTree
from .._host.system import System
from .._model.errors import HostdevError
from .libvirt import Libvirt

if t.TYPE_CHECKING:
    from .._model.record.record import Record
    from .._model.recording.recording import Recording


class _RecordedSystem(RecordedUses, System):
    def __init__(self, recording: Recording) -> None:
        super().__init__(RecordedTree(recording.tree))
        self.recording = recording


class RecordedHost:
    """What a recording has instead of a host's objects; `where` names it."""

    def __init__(self, recording: Recording, where: str, parse: t.Callable[[bytes], Record]) -> None:
        self.recording = recording
        self.recorded_at = recording.recorded_at
        self.record = RecordedRecord(recording.record, where, parse)
        self._where = where

    @property
    def system(self) -> System:
        return _RecordedSystem(self.recording)

    def connect(self, *, required: bool) -> tuple[Libvirt | None, str]:
        """As libvirt.connect: what was recorded of libvirt, or None and the reason why nothing was."""
        recorded = self.recording.libvirt
        if recorded is not None:
            return Libvirt(RecordedConnection(recorded), RecordedBinding, recorded.uri), ""
        reason = f"not recorded: {self.recording.libvirt_reason}"
        if required:
            raise HostdevError(
                "no_libvirt",
                subject=f"libvirt in recording {self._where}",
                found=reason,
                wanted="its domains",
                remedy="record the host while its libvirt runs, or rehearse for an owner without a domain",
            )
        return None, reason


def recorded_host(path: str, parse: t.Callable[[bytes], Record]) -> RecordedHost:
    """The host in a recording's file. Raises HostdevError with code recording_unreadable."""
    return RecordedHost(read_recording(path), path, parse)
