# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events of a binding that is played here: what is registered, what ends a wait, what is left behind."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt import removal_events
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.removal_events import (
    REFUSED,
    REMOVED,
    RemovalEvents,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import NO_DOMAIN, UUID, LibvirtError


class Binding:
    """A libvirt whose event loop runs what is scheduled, in milliseconds, in its order."""

    libvirtError = LibvirtError  # noqa: N815 - libvirt's
    VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED = 15
    VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED = 22

    def __init__(self):
        self.log = []
        self.now = 0
        self.due = {}  # by name: when, and what
        self.listeners = {}
        self.missing = False

    def virEventRegisterDefaultImpl(self):  # noqa: N802
        self.log.append("register")

    def open(self, uri):
        self.log.append(f"open {uri}")
        return self

    def lookupByUUIDString(self, uuid):  # noqa: N802
        if self.missing:
            raise LibvirtError("Domain not found", NO_DOMAIN)
        return uuid

    def domainEventRegisterAny(self, domain, event, callback, opaque):  # noqa: N802
        assert domain == UUID
        self.listeners[event] = callback

    def close(self):
        self.log.append("close")

    def virEventAddTimeout(self, milliseconds, callback, opaque):  # noqa: N802
        self.due["timer"] = (self.now + milliseconds, lambda: callback(7, opaque))
        return 7

    def virEventRemoveTimeout(self, timer):  # noqa: N802
        assert timer == 7
        self.due.pop("timer", None)

    def virEventRunDefaultImpl(self):  # noqa: N802
        name = min(self.due, key=lambda event: self.due[event][0])
        self.now, do = self.due.pop(name)
        do()

    def happens(self, event, device, at):
        self.due[f"{event} {device}"] = (at, lambda: self.listeners[event](self, UUID, device, None))


@pytest.fixture
def binding():
    return Binding()


def test_a_wait_ends_with_the_removal_of_the_device(binding):
    with RemovalEvents(binding, "qemu:///system").listening(UUID, "hostdev0") as wait:
        binding.happens(15, "hostdev0", 40)
        assert wait(1.0) == REMOVED
    assert binding.now == 40
    assert binding.log == ["register", "open qemu:///system", "close"]


def test_a_wait_ends_with_the_guests_no(binding):
    with RemovalEvents(binding, "qemu:///system").listening(UUID, "hostdev0") as wait:
        binding.happens(22, "hostdev0", 40)
        assert wait(1.0) == REFUSED


def test_a_wait_without_an_event_ends_in_time_and_leaves_no_timer(binding):
    with RemovalEvents(binding, "qemu:///system").listening(UUID, "hostdev0") as wait:
        assert wait(0.25) is None
        assert wait(0.25) is None
    assert (binding.now, binding.due) == (500, {})


def test_another_devices_removal_ends_no_wait(binding):
    with RemovalEvents(binding, "qemu:///system").listening(UUID, "hostdev0") as wait:
        binding.happens(15, "hostdev1", 40)
        assert wait(0.25) is None
    assert binding.now == 250


def test_the_loop_is_registered_once_and_each_wait_has_its_connection(binding):
    events = RemovalEvents(binding, "qemu:///system")
    for _time in range(2):
        with events.listening(UUID, "hostdev0"):
            pass
    assert binding.log == ["register", *["open qemu:///system", "close"] * 2]


def test_without_events_the_time_goes_by_and_no_connection_is_left_open(binding, monkeypatch):
    slept = []
    monkeypatch.setattr(removal_events.time, "sleep", slept.append)
    binding.missing = True
    with RemovalEvents(binding, "qemu:///system").listening(UUID, "hostdev0") as wait:
        assert wait(0.25) is None
    assert slept == [0.25]
    assert binding.log[-1] == "close"
