# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that hear late, say no, stand still or never let go, on a clock of their own."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt import detaching
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.detaching import LiveDevice, let_go
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.removal_events import REFUSED, REMOVED
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import HostdevStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    INTERNAL_ERROR,
    OPERATION_FAILED,
    OPERATION_INVALID,
    UUID,
    LibvirtError,
)

XML = "<hostdev><alias name='hostdev0'/></hostdev>"
STEP = HostdevStep("0000:01:10.0", "web1", UUID, "live", XML, None)


class Guest:
    """A guest with a clock. It lets go at `lets_go`; the answers to requests and its states come in their order."""

    def __init__(self, monkeypatch, *, lets_go=None, answers=(), states=()):
        self.now = 0.0
        self.lets_go = lets_go
        self.requests = []
        self.waited = []
        self.listened = None
        self._answers, self._states = list(answers), list(states)
        monkeypatch.setattr(detaching.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(detaching.time, "sleep", self.wait)

    def state(self):
        return [self._states.pop(0) if self._states else 1, 0]

    def detachDeviceFlags(self, xml, flags):  # noqa: N802 - libvirt's
        assert (xml, flags) == (XML, 1)
        self.requests.append(self.now)
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer

    def gone(self):
        return self.lets_go is not None and self.now >= self.lets_go

    def wait(self, seconds):
        self.waited.append(seconds)
        self.now += seconds

    def out(self, seconds=30.0, events=None):
        let_go(LiveDevice(self, STEP, XML, self.gone), seconds=seconds, error=LibvirtError, events=events)

    def fails(self, seconds=30.0, events=None):
        with pytest.raises(HostdevError) as caught:
            self.out(seconds, events)
        return caught.value


class Events:
    """Tells of one event after some seconds."""

    def __init__(self, guest, kind, after):
        self._guest, self._due = guest, [(after, kind)]

    def listening(self, uuid, alias):
        self._guest.listened = (uuid, alias)
        return self

    def __enter__(self):
        return self._wait

    def __exit__(self, *_raised):
        self._guest.listened = None

    def _wait(self, seconds):
        if self._due and self._guest.now + seconds >= self._due[0][0]:
            after, kind = self._due.pop()
            self._guest.now = max(self._guest.now, after)
            return kind
        self._guest.wait(seconds)
        return None


def test_a_guest_that_lets_go_a_little_later_is_asked_once_and_waited_for(monkeypatch):
    guest = Guest(monkeypatch, lets_go=0.6)
    guest.out()
    assert guest.requests == [0.0]
    assert guest.waited == [0.25, 0.25, 0.25]


def test_a_guest_that_boots_is_asked_again_until_it_hears(monkeypatch):
    guest = Guest(monkeypatch, lets_go=13.0)
    guest.out()
    assert guest.requests == [0.0, 6.0, 12.0]


def test_a_guest_that_never_lets_go_is_asked_a_few_times_and_told_with_the_time_it_had(monkeypatch):
    guest = Guest(monkeypatch)
    error = guest.fails(60.0)
    assert guest.requests == [0.0, 12.0, 24.0, 36.0, 48.0]
    assert (error.code, error.subject) == ("detach_timeout", "0000:01:10.0 in domain web1")
    assert error.found == "the guest did not let the device go within 60 s, asked 5 times"


@pytest.mark.parametrize(
    "answer",
    [
        LibvirtError("operation failed: unplug of device was rejected by the guest", OPERATION_FAILED),
        LibvirtError("Device hostdev0 is already in the process of unplug", INTERNAL_ERROR),
        LibvirtError("Hot-unplug failed: guest is busy (power indicator blinking)", INTERNAL_ERROR),
    ],
)
def test_a_guest_that_says_no_at_first_is_asked_again(monkeypatch, answer):
    guest = Guest(monkeypatch, lets_go=6.0, answers=[answer])
    guest.out()
    assert guest.requests == [0.0, 6.0]


def test_what_a_guest_that_never_lets_go_answered_last_is_told(monkeypatch):
    no = LibvirtError("operation failed: unplug of device was rejected by the guest", OPERATION_FAILED)
    error = Guest(monkeypatch, answers=[None, no]).fails(10.0)
    assert error.found.endswith(
        "asked 2 times (the last answer: operation failed: unplug of device was rejected by the guest)"
    )
    assert error.details["answers"] == [str(no)]


def test_a_refusal_that_is_not_the_guests_is_raised_at_once(monkeypatch):
    guest = Guest(monkeypatch, answers=[LibvirtError("Bus 'pci.1' does not support hotplugging", INTERNAL_ERROR)])
    with pytest.raises(LibvirtError):
        guest.out()
    assert guest.now == 0.0


def test_a_guest_that_stopped_before_it_was_asked_has_let_go(monkeypatch):
    guest = Guest(monkeypatch, lets_go=0.0, answers=[LibvirtError("domain is not running", OPERATION_INVALID)])
    guest.out()


@pytest.mark.parametrize(("state", "word"), [(3, "paused"), (6, "crashed"), (7, "suspended")])
def test_a_guest_that_stands_still_is_not_asked_and_not_waited_for(monkeypatch, state, word):
    guest = Guest(monkeypatch, states=[state])
    error = guest.fails()
    assert (error.code, error.found) == ("guest_paused", f"the guest is {word}: it can't let a device go")
    assert "virsh resume" in error.remedy
    assert (guest.requests, guest.waited) == ([], [])


def test_a_guest_that_is_paused_after_it_was_asked_is_not_waited_for_any_longer(monkeypatch):
    guest = Guest(monkeypatch, states=[1, 1, 3])
    assert guest.fails().found == "the guest is paused since it was asked: it can't let a device go"
    assert guest.now == 0.5


def test_the_event_ends_the_wait_before_the_next_look_is_due(monkeypatch):
    guest = Guest(monkeypatch, lets_go=0.3)
    guest.out(events=Events(guest, REMOVED, 0.3))
    assert guest.now == 0.3


def test_events_are_listened_to_for_the_devices_alias_and_no_longer_than_the_wait(monkeypatch):
    guest = Guest(monkeypatch, lets_go=1.0)
    heard = []
    guest.gone = lambda: heard.append(guest.listened) or guest.now >= 1.0
    guest.out(events=Events(guest, REMOVED, 5.0))
    assert set(heard) == {(UUID, "hostdev0")}
    assert guest.listened is None


def test_a_removal_that_is_announced_is_not_believed_while_the_domain_has_the_device(monkeypatch):
    guest = Guest(monkeypatch)
    assert guest.fails(5.0, Events(guest, REMOVED, 1.0)).code == "detach_timeout"


def test_a_guest_whose_no_comes_as_an_event_is_told_so(monkeypatch):
    guest = Guest(monkeypatch)
    assert "(the last answer: the guest refused)" in guest.fails(5.0, Events(guest, REFUSED, 1.0)).found
