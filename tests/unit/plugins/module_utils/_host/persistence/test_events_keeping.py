# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units that post a host's state beside those that bring devices back: each goes without the other's."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Ended
from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence.events_keeping import FILES, EventsKeeper
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.paths import (
    SEEN,
    SERVICE,
    SERVICE_FILE,
    SETTINGS,
    TIMER,
    TIMER_FILE,
    TIMER_LINK,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.settings import EventSettings
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.paths import PROGRAM
from ansible_collections.kvm.hostdev.tests.unit.plugins.module_utils._host.persistence import test_keeping as keeping

host = keeping.host
PATHS = {TIMER: TIMER_FILE, SERVICE: SERVICE_FILE}
SETTINGS_OF_HOST = EventSettings("https://eda.example.org/", "kvm1", 300)


class Systemd(keeping.Programs):
    """systemctl, whose systemd has read the files of units or not; a program that fails does nothing."""

    def __init__(self, host):
        super().__init__()
        self.fails_at = ()
        self.outdated = False
        """Whether a unit of somebody else was enabled without a reload: then each unit needs one, from 255 on."""
        self._host = host
        self.units = {}
        """What it has read of each unit that it has, by the unit's file."""
        self.states = {}
        """By the unit's file; of what is not there "inactive"."""

    @property
    def files(self):
        there = {path: self._host.local(path) for path in PATHS.values()}
        return {path: local.read_text() for path, local in there.items() if local.exists()}

    def demand(self, *words, seconds):
        assert seconds <= 60
        if words[:2] == ("systemctl", "show"):
            return self._show(words[2].partition("=")[2].split(","), words[3:])
        self.failing = words == self.fails_at
        super().demand(*words, seconds=seconds)
        if words == ("systemctl", "daemon-reload"):
            self.units, self.outdated = self.files, False
        elif words == ("systemctl", "restart", TIMER):
            self.units = {**self.files, **self.units}
            self.states[PATHS[TIMER]] = "active"
        elif words[:2] == ("systemctl", "stop"):
            for path in map(PATHS.__getitem__, words[2:]):
                if path not in {**self.units, **self.files, **self.states}:
                    raise HostdevError("program_failed", subject=" ".join(words), found="exit status 5: not loaded")
                if self.states.get(path) != "failed":
                    self.states.pop(path, None)
        else:
            assert words == ("udevadm", "control", "--reload")
        return ""

    def run(self, *words, seconds):
        assert (words, seconds) == (("systemctl", "reset-failed", TIMER, SERVICE), 60)
        self.runs.append(words)
        self.states = {path: state for path, state in self.states.items() if state != "failed"}
        return Ended(1, "", f"Failed to reset failed state of unit {TIMER}: Unit {TIMER} not loaded.")

    def _show(self, properties, units):
        told = []
        for path in (PATHS.get(unit, "") for unit in units):
            read = self.units.get(path, self.files.get(path))  # who asks for one that it does not have lets it be read
            values = {
                "LoadState": "not-found" if read is None else "loaded",
                "ActiveState": self.states.get(path, "inactive"),
                "FragmentPath": "" if read is None else path,
                "NeedDaemonReload": "yes" if self.outdated or read != self.files.get(path) else "no",
            }
            told.append("".join(f"{name}={values[name]}\n" for name in values if name in properties))
        return "\n".join(told)


@pytest.fixture
def events(host):
    host.programs = Systemd(host)

    def keep(settings=SETTINGS_OF_HOST, *, check=False):
        keeper = EventsKeeper(Tree(str(host.root)), host.sources.__getitem__, keeping.PYTHON, host.programs)
        return keeping.headers(keeper.keep(settings, check=check))

    return keep


def test_all_of_it_lies_there_and_goes_without_a_trace(host, events):
    before = host.whole()
    everything = [PROGRAM, *FILES, TIMER_LINK]
    assert (events(check=True), host.whole()) == (everything, before)
    assert (events(), events()) == (everything, [])
    assert host.programs.runs == [("systemctl", "daemon-reload"), ("systemctl", "restart", TIMER)]
    host.local(SEEN).parent.mkdir(parents=True)
    host.local(SEEN).write_text("{}")
    whole = host.whole()
    assert (sorted(events(None, check=True)), host.whole()) == (sorted(everything), whole)
    host.programs.runs.clear()
    assert (sorted(events(None)), events(None)) == (sorted(everything), [])
    assert host.programs.runs == [
        ("systemctl", "stop", TIMER, SERVICE),
        ("systemctl", "reset-failed", TIMER, SERVICE),
        ("systemctl", "daemon-reload"),
    ]
    host.local("/var/lib").rmdir()  # made above
    host.local("/var").rmdir()
    assert host.whole() == before


RELOAD, RESTART = ("systemctl", "daemon-reload"), ("systemctl", "restart", TIMER)
RARELY = EventSettings("https://eda.example.org/", "kvm1", 3600)


def test_a_timer_that_was_stopped_is_started(host, events):
    events()
    host.programs.runs.clear()
    host.programs.states.clear()
    assert (events(check=True), host.programs.runs) == ([TIMER], [])
    assert (events(), events(), host.programs.states) == ([TIMER], [], {TIMER_FILE: "active"})


@pytest.mark.parametrize("before", [None, RARELY])
@pytest.mark.parametrize("program", [RELOAD, RESTART])
def test_after_a_run_that_ended_behind_its_files_the_next_one_does_the_rest(host, events, before, program):
    events(before)
    host.programs.fails_at = program
    with pytest.raises(HostdevError, match=" ".join(program)):
        events()
    host.programs.fails_at = ()
    # A timer that runs goes by what systemd has read, so there is nothing left after the first of the two.
    left = [] if before and program == RESTART else [TIMER]
    assert (events(check=True), events(), events()) == (left, left, [])
    assert (host.programs.units, host.programs.states) == (host.programs.files, {TIMER_FILE: "active"})


@pytest.mark.parametrize("failed", [False, True])
def test_after_a_removal_that_ended_behind_its_files_the_next_one_does_the_rest(host, events, failed):
    events()
    if failed:
        host.programs.states[SERVICE_FILE] = "failed"
    host.programs.fails_at = RELOAD
    with pytest.raises(HostdevError, match="daemon-reload"):
        events(None)
    host.programs.fails_at = ()
    left = [TIMER, SERVICE]
    assert (events(None, check=True), events(None), events(None)) == (left, left, [])
    assert (host.programs.units, host.programs.states) == ({}, {})


@pytest.mark.parametrize(("path", "state"), [(TIMER_FILE, "active"), (SERVICE_FILE, "failed")])
@pytest.mark.parametrize("read", [True, False])
def test_a_unit_whose_file_somebody_has_removed_is_ended(host, events, path, state, read):
    host.programs.units = {} if read else {path: ""}
    host.programs.states = {path: state}
    unit = {TIMER_FILE: TIMER, SERVICE_FILE: SERVICE}[path]
    assert (events(None, check=True), events(None), events(None)) == ([unit], [unit], [])
    assert (host.programs.units, host.programs.states) == ({}, {})


def test_who_enables_another_unit_without_a_reload_changes_nothing_of_ours(host, events):
    host.programs.outdated = True
    assert (events(None), host.programs.runs) == ([], [])
    events()
    host.programs.runs.clear()
    host.programs.outdated = True
    assert (events(check=True), events(), events()) == ([], [], [])
    assert host.programs.runs == [RELOAD]


def test_where_no_systemd_runs_files_go_and_nothing_is_asked(host, events):
    events()
    host.programs.runs.clear()
    host.local("/run/systemd/system").rmdir()
    assert sorted(events(None)) == sorted([PROGRAM, *FILES, TIMER_LINK])
    assert host.programs.runs == []


def test_another_url_is_another_file_alone(events):
    events()
    assert events(EventSettings("https://eda.example.org/other", "kvm1", 300)) == [SETTINGS]


def test_what_brings_devices_back_stays_when_nothing_is_posted_any_more(host, events):
    host.keeper().keep(keeping.PERSISTENT)
    before = host.whole()
    assert PROGRAM not in events()
    assert PROGRAM not in events(None)
    assert {path: entry for path, entry in host.whole().items() if path != "etc/kvm.hostdev/made_folders"} == {
        path: entry for path, entry in before.items() if path != "etc/kvm.hostdev/made_folders"
    }


def test_what_posts_stays_when_no_device_comes_back_any_more(host, events):
    before = host.whole()
    events()
    host.keeper().keep(keeping.PERSISTENT)
    host.keeper().keep(keeping.NOTHING)
    assert events() == []
    events(None)
    assert host.whole() == before


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("settings", [SETTINGS_OF_HOST, None])
def test_a_file_of_somebody_else_is_left_alone(host, events, path, settings):
    host.local(path).parent.mkdir(parents=True, exist_ok=True)
    host.local(path).write_text("[Unit]\n")
    before = host.whole()
    with pytest.raises(HostdevError) as raised:
        events(settings)
    assert (raised.value.code, raised.value.subject, host.whole()) == ("foreign_file", path, before)


@pytest.mark.parametrize("path", [SERVICE_FILE, TIMER_FILE])
def test_a_masked_unit_is_told(host, events, path):
    host.local(path).symlink_to("/dev/null")
    with pytest.raises(HostdevError) as raised:
        events()
    assert "systemctl unmask" in raised.value.remedy


def test_without_systemd_nothing_is_put_there(host, events):
    host.local("/run/systemd/system").rmdir()
    before = host.whole()
    with pytest.raises(HostdevError) as raised:
        events()
    assert (raised.value.code, host.whole()) == ("persist_failed", before)
