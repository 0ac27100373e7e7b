# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change under every fault, and what must be true of the host after the run and after the next one."""

from __future__ import annotations

import dataclasses
import functools
import os
import signal
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import binder
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LIVE

from .changes import Change
from .continued import Continued, Moment
from .effects import (
    HANG,
    KILL_AFTER,
    KILL_BEFORE,
    KILL_DURING,
    KILLED,
    LATE,
    LET_GO_LATER,
    MODES,
    RECORD,
    RESET,
    USED,
    USED_BY_DOMAIN,
    Effects,
    NoSuchFaultError,
    has_fault,
    in_process_of_its_own,
)
from .start import Start, before
from .used import Use, UseByDomain, UseByHost, held

_NOBODY: dict[str, Any] = {"owner": "nobody"}
# Thousands of trees are made and taken away: in memory where there is such a place.
_MEMORY = next((folder for folder in ("/dev/shm",) if os.access(folder, os.W_OK)), None)


@dataclass
class Report:
    """How many effects a change has, how many faults of each mode were tried, how they ended, and what was wrong."""

    effects: int = 0
    modes: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def try_all(change: Change) -> Report:
    """Let each effect of the change go wrong in each way."""
    report = Report()
    try:
        _try_each(change, report)
    except HostdevError as error:
        report.wrong.append(f"{change.name}, with nothing else wrong: {error.message}")
    return report


def _try_each(change: Change, report: Report) -> None:
    # Our QEMU has closed a device once its guest has let go: there is no moment to wait for.
    closed = mock.patch.object(binder, "_CLOSING_SECONDS", 0.0)
    with closed, tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        _try_from(before(change, Path(folder)), change, report)


def _try_from(start: Start, change: Change, report: Report) -> None:
    host = start.host()
    effects = Effects(host)
    change.change(host)
    report.effects = len(effects.seen)
    trials = _Trials(start, change)
    if trials.changes_nothing:
        report.wrong.append(f"{change.name} changes nothing")
    for mode in MODES:
        for number, name in enumerate(effects.seen, 1):
            kind, _colon, what = name.partition(": ")
            if not has_fault(kind, what, mode) or _is_as_another(kind, number, mode):
                continue
            try:
                end = trials.end(number, mode)
            except NoSuchFaultError:
                continue
            except Exception as error:
                report.wrong.append(f"{change.name}, {mode} at {number} ({name}): {type(error).__name__}: {error}")
                continue
            report.modes[mode] += 1
            report.ends[end] += 1


def _is_as_another(kind: str, number: int, mode: str) -> bool:
    """Whether a SIGKILL leaves the host as one that is tried already.

    Before an effect is after the one before it. What another process completes is done as if the run had lived to see
    it; but a record is written by the run itself.
    """
    return (mode == KILL_BEFORE and number > 1) or (mode == KILL_AFTER and kind != RECORD)


class _Ends:
    """How a host is before the change and after it, and when it is asked for once more, of a host as before or after.

    What a hard stop of the domain took nobody gives back: then `stopped` is as before, with the domain shut off. With
    `reset` the host is rebooted before it is asked for once more, which takes held devices from vfio-pci.
    """

    def __init__(self, start: Start, change: Change, *, reset: bool) -> None:
        self._start = start
        self.before = self._reached(change, reset, 0)
        self.stopped = self._reached(change, reset, 0, stopped=True) if change.stops else self.before
        self.after = self._reached(change, reset, 1)
        self.made_anew = self._reached(change, reset, 2, first=False)
        self.again = self._reached(change, reset, 2)

    def _reached(self, change: Change, reset: bool, times: int, *, first: bool = True, stopped: bool = False) -> Any:
        host = self._start.host()
        if stopped:
            host.domain.xml[LIVE] = None
        if times and first:
            change.change(host)
        if reset:
            host.reboot()
            change.after_reset(host)
        if times > 1:
            change.change(host)
        return Moment(host).state


class _Trials:
    """All trials of one change."""

    def __init__(self, start: Start, change: Change) -> None:
        self._start, self._change = start, change
        self._ends = _Ends(start, change, reset=False), _Ends(start, change, reset=True)
        self._continued = Continued()
        self._killed: dict[int, Start] = {}
        """The host after a SIGKILL during an effect, by its number: a reset of the host leaves the same."""

    @property
    def changes_nothing(self) -> bool:
        return bool(self._ends[0].before == self._ends[0].after)

    def end(self, number: int, mode: str) -> str:
        """Return whether the change was undone or done.

        Raises AssertionError when the host is neither, lost a claim, or something was taken from who uses it.
        """
        host = (self._killed[number] if mode == RESET else self._start).host()
        if mode in USED:
            return _try_used(host, self._change, number, mode, self._continued)
        plain, failed = _plain(host), False
        if mode == RESET:
            plain.reboot()
            self._change.after_reset(plain)
        elif mode in KILLED:
            ended = in_process_of_its_own(host, lambda: (Effects(host, number, mode), self._change.change(host)))
            assert ended == signal.SIGKILL, f"the run was to be killed, but ended with {ended}"
        else:
            failed = _fails(host, self._change, number, mode)
        _unwrap(plain)
        moment = Moment(plain)
        if mode == KILL_DURING:
            self._killed[number] = self._start.later(plain, moment.files)
        return self._judged(plain, moment, mode, failed=failed)

    def _judged(self, plain: FakeHost, moment: Moment, mode: str, *, failed: bool) -> str:
        ends, drifts = self._ends[mode == RESET], _drifts(self._change, mode)
        record = plain.record_or_none()
        unfinished = record is not None and (record["journal"] or record.get("vfs_journal"))
        if mode not in KILLED and not drifts and not unfinished:
            _check(plain)
            wanted = (ends.before, ends.stopped) if failed else (ends.after,)
            assert moment.state[0] in [end[0] for end in wanted], "the host is not as it was after an error"
        settle = functools.partial(_settle, plain, self._change, mode, ends, self._continued)
        return self._continued.once(moment, (mode == RESET, drifts), settle)


def _settle(plain: FakeHost, change: Change, mode: str, ends: _Ends, continued: Continued) -> str:
    """What any run makes of what it finds, and the change made once more."""
    plain.release(**_NOBODY)
    _check(plain)
    moment = Moment(plain)
    state = moment.state
    if not _drifts(change, mode):
        asked_for = (ends.after, ends.again) if change.leaves else (ends.after,)
        assert state in (ends.before, ends.stopped, *asked_for), (
            f"neither undone nor done: {_difference(state, ends.before)}"
        )
    wanted = ends.again if state == ends.after else ends.made_anew
    continued.once(moment, (mode == RESET,), lambda: _make_again(plain, change, wanted))
    return "done" if state == ends.after else "undone"


def _drifts(change: Change, mode: str) -> bool:
    """Whether the fault leaves drift, which is mended when the change is asked for again.

    What lets go later is on record as before, and gone from the guest. What a write to the kernel does that hangs is
    not known before it ends.
    """
    return mode == LET_GO_LATER or (change.waits and mode in (HANG, LATE))


def _make_again(plain: FakeHost, change: Change, wanted: Any = None) -> None:
    change.change(plain)
    _check(plain)
    if wanted is not None:
        found_again = Moment(plain).state
        assert found_again == wanted, f"made again it came to another end: {_difference(found_again, wanted)}"
    assert not change.change(plain).changed, "the change made once more changed something"


def _plain(host: FakeHost) -> FakeHost:
    """The host without what lets its effects go wrong."""
    plain = FakeHost.__new__(FakeHost)
    plain.__dict__.update(host.__dict__)
    plain.system = dataclasses.replace(host.system)
    return plain


def _unwrap(plain: FakeHost) -> None:
    for domain in plain.libvirt.domains:
        domain.__dict__.pop("attachDeviceFlags", None)
        domain.__dict__.pop("detachDeviceFlags", None)
        domain.__dict__.pop("destroy", None)


def _try_used(host: FakeHost, change: Change, number: int, mode: str, continued: Continued) -> str:
    """Return how the run ended. Raises AssertionError when something is taken from who uses it, or has two owners."""
    plain = _plain(host)
    use = UseByDomain(plain) if mode == USED_BY_DOMAIN else UseByHost(host)
    before = held(host)
    effects = Effects(host, number, mode, use)
    try:
        change.change(host)
        end = "done"
    except HostdevError:
        end = "undone"
    if not use.begun:
        raise NoSuchFaultError(mode)
    plain.system.environ = host.system.environ
    use.check()
    # What begins once all was looked at for the last time is drift.
    last = len(effects.seen) == number
    if isinstance(use, UseByDomain) and not last:
        use.check_not_given(before)
    _unwrap(plain)
    continued.once(Moment(plain), (mode, use.told()), lambda: _settle_used(plain, change, use))
    return end


def _settle_used(plain: FakeHost, change: Change, use: Use) -> None:
    plain.release(**_NOBODY)
    use.check()
    _check(plain)
    use.end()
    plain.system.environ = {}
    for aside in (plain.record_or_none() or {}).get("set_aside", ()):
        plain.release(addresses=(aside["device"]["address"],))
    _make_again(plain, change)


def _fails(host: FakeHost, change: Change, number: int, mode: str) -> bool:
    Effects(host, number, mode)
    try:
        change.change(host)
    except HostdevError:
        return True
    return False


def _difference(state: Any, wanted: Any) -> str:
    (tree, domains), *record = state
    (other_tree, other_domains), *other_record = wanted
    paths = sorted(path for path in {*tree, *other_tree} if tree.get(path) != other_tree.get(path))
    parts = [f"{path} is {tree.get(path)}, not {other_tree.get(path)}" for path in paths[:6]]
    parts += [f"domains {domains}, not {other_domains}"] if domains != other_domains else []
    parts += [f"record {record}, not {other_record}"] if record != other_record else []
    return "; ".join(parts)


def _check(host: FakeHost) -> None:
    """What is true of any host at rest."""
    record = host.record_or_none()
    if record is not None:
        assert record["journal"] is None, "the journal was left open"
        assert "vfs_journal" not in record, "the journal of VFs was left open"
        names = [device["address"] for claim in record["claims"] for device in claim["devices"]]
        names += [device["name"] for claim in record["claims"] for device in claim.get("node_devices", ())]
        assert len(names) == len(set(names)), f"a device has two owners: {names}"
        waiting = {device["address"] for device in record["needs_cleaning"]}
        assert not waiting & set(names), f"held, and waits to be cleaned: {waiting & set(names)}"
    leftovers = [path.name for path in (host.root / "etc/ansible/facts.d").glob("*.tmp")]
    assert not leftovers, f"temporary files are left behind: {leftovers}"
    for domain in host.libvirt.domains:
        for text in domain.xml.values():
            if text is not None:
                _check_definition(text)


def _check_definition(text: str) -> None:
    devices = ET.fromstring(text).find("devices")
    assert devices is not None
    for path in ("hostdev/source/address", "*/address[@type='pci']"):
        places = [tuple(sorted(element.attrib.items())) for element in devices.iterfind(path)]
        assert len(places) == len(set(places)), f"twice in one domain: {places}"
