# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recorded host, as the readers of a host see it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..libvirt.domains import Domains
from ..record.record_reader import FILE_NAME, RecordReader
from ..system import System

if t.TYPE_CHECKING:
    from ..._model.errors import HostdevError
    from ..._model.guest.domain import Domain
    from ..._model.host.device import PciDevice
    from ..._model.host.inventory import Inventory
    from ..._model.host.uses import DomainUse, HostUse
    from ..._model.host.vf_state import VfState
    from ..._model.record.record import Record
    from ..._model.recording.recording import Recording
    from ..._model.sriov.state import PfState


class RecordedUses(System):
    """A system whose uses are those of a recording: they were asked of a kernel that is not at hand."""

    recording: Recording

    def _host_uses(self, _devices: t.Sequence[PciDevice], _with_guests: t.Collection[str]) -> t.Iterator[HostUse]:
        yield from self.recording.uses

    def _part_uses(self, _domains: t.Sequence[Domain]) -> t.Iterator[tuple[str, DomainUse]]:
        yield from self.recording.part_uses


class RecordedRecord(RecordReader):
    """The record as it was when the host was recorded; `path` names the recording."""

    def __init__(self, text: str | None, where: str, parse: t.Callable[[bytes], Record]) -> None:
        super().__init__("/", parse)
        self._text = text
        self.path, self.copy_path = f"{FILE_NAME} in {where}", ""
        self.notes: list[str] = []

    def executable(self) -> None:
        """A recorded one is no file."""

    def _data(self, path: str) -> bytes | None:
        return self._text.encode() if path == self.path and self._text is not None else None

    def mend(self) -> t.NoReturn:
        raise refused("the record")

    def write(self, _record: Record) -> t.NoReturn:
        raise refused("the record")


class RecordedDomains(Domains):
    """The domains of a recorded host; what changes them is refused."""

    def autostarting(self) -> frozenset[str]:
        """None: nothing of a recorded host is kept for its next start."""
        return frozenset()

    def __getattr__(self, name: str) -> t.NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise refused("the domains")


class RecordedVfSettings:
    """What PFs had of their VFs when the host was recorded."""

    def __init__(self, states: t.Mapping[str, VfState]) -> None:
        self._states = states

    def states(self, _inventory: Inventory, addresses: t.Iterable[str]) -> dict[str, VfState]:
        """The states of the VFs, as far as they were told."""
        return {address: self._states[address] for address in addresses if address in self._states}

    def apply(self, _step: object) -> t.NoReturn:
        raise refused("the settings of VFs")


class RecordedPfs:
    """What PFs and their VFs were like when the host was recorded; what changes them is refused."""

    def __init__(self, states: t.Mapping[str, PfState]) -> None:
        self._states = states

    def state(self, pf: str, *, eswitch: bool = False) -> PfState:
        """As PhysicalFunctions has it. Raises HostdevError where the host could not tell."""
        if pf not in self._states:
            from ..._model.errors import HostdevError

            raise HostdevError(
                "vf_setting_failed",
                subject=pf,
                found="it could not be asked when the host was recorded",
                wanted="its VFs' settings as they were",
                remedy="see ip link show on the host, and record it again",
            )
        state = self._states[pf]
        return state if eswitch else replace(state, eswitch=None)

    def __getattr__(self, name: str) -> t.NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise refused("the PFs")


class Refusal:
    """In place of what changes a host: whatever is asked of it raises HostdevError with code rehearsal."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> t.NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise refused(self._what)

    def __call__(self, *_arguments: object, **_options: object) -> t.NoReturn:
        raise refused(self._what)


def refused(what: str) -> HostdevError:
    """The error of whoever would change a recorded host."""
    from ..._model.errors import HostdevError

    return HostdevError(
        "rehearsal",
        subject=what,
        found="this is a rehearsal on a recorded host, and something was to be changed",
        wanted="a run in check mode",
        remedy="set check_mode: true on the task, or leave recording out to work on the host itself",
    )
