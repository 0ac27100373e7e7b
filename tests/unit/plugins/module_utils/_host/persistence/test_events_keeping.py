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
SETTINGS_OF_HOST = EventSettings("https://eda.example.org/", "kvm1", 300)


class Programs(keeping.Programs):
    """systemctl, with a timer that runs or does not, and a service that systemd has not loaded."""

    active = True

    def run(self, *words, seconds):
        assert seconds <= 60
        if words == ("systemctl", "reset-failed", SERVICE):
            self.runs.append(words)
            return Ended(1, "", f"Failed to reset failed state of unit {SERVICE}: Unit {SERVICE} not loaded.")
        assert words == ("systemctl", "is-active", "--quiet", TIMER)
        return Ended(0 if self.active else 3, "", "")


@pytest.fixture
def events(host):
    host.programs = Programs()

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
        ("systemctl", "reset-failed", SERVICE),
        ("systemctl", "daemon-reload"),
    ]
    host.local("/var/lib").rmdir()  # made above
    host.local("/var").rmdir()
    assert host.whole() == before


def test_a_timer_that_was_stopped_is_started(host, events):
    events()
    host.programs.runs.clear()
    host.programs.active = False
    assert events() == []
    assert host.programs.runs == [("systemctl", "start", TIMER)]


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
