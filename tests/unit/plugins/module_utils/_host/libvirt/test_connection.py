# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection that is lost, found again, or gone for good."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt import connection as link_module
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.connection import LibvirtConnection
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError

LOST = LibvirtError("internal error: client socket is closed", 1)
ABSENT = LibvirtError("Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory", 38)


class Daemon:
    """Connections are numbered from 0; that of `dead` numbers is lost; new ones can't be made before `back`."""

    def __init__(self, monkeypatch, *, dead=(), back=0.0):
        self.now, self.back, self.dead = 0.0, back, set(dead)
        self.opened = 0
        self.asked = 0
        monkeypatch.setattr(link_module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(link_module.time, "sleep", self._sleep)

    def _sleep(self, seconds):
        self.now += seconds

    def reopen(self):
        self.asked += 1
        if self.now < self.back:
            raise ABSENT
        self.opened += 1
        return Connection(self, self.opened)


class Connection:
    def __init__(self, daemon, number):
        self.daemon, self.number = daemon, number

    def isAlive(self):  # noqa: N802 - libvirt's
        return int(self.number not in self.daemon.dead)


def ask(connection):
    if not connection.isAlive():
        raise LOST
    return connection.number


def link(daemon, **options):
    return LibvirtConnection(Connection(daemon, 0), LibvirtError, daemon.reopen, **options)


def test_a_connection_that_holds_is_used_again_and_again(monkeypatch):
    daemon = Daemon(monkeypatch)
    connection = link(daemon)
    assert [connection.call(ask), connection.call(ask)] == [0, 0]
    assert daemon.asked == 0


def test_what_was_asked_over_a_lost_connection_is_asked_again_over_a_new_one(monkeypatch):
    daemon = Daemon(monkeypatch, dead=[0])
    connection = link(daemon)
    assert [connection.call(ask), connection.call(ask)] == [1, 1]
    assert daemon.asked == 1


def test_a_libvirt_that_is_being_restarted_is_waited_for(monkeypatch):
    daemon = Daemon(monkeypatch, dead=[0], back=7.2)
    assert link(daemon).call(ask) == 1
    assert daemon.now == 7.5


def test_a_libvirt_that_stays_away_is_an_error_with_the_time_and_both_reasons(monkeypatch):
    daemon = Daemon(monkeypatch, dead=[0], back=1000.0)
    with pytest.raises(HostdevError) as caught:
        link(daemon, seconds=10.0).call(ask)
    assert caught.value.code == "no_libvirt"
    assert caught.value.found == (
        f"the connection was lost ({LOST}), and no new one could be made within 10 s ({ABSENT})"
    )
    assert daemon.now == 10.0


def test_a_libvirt_that_was_waited_for_in_vain_is_tried_once_more_by_each_call_and_not_waited_for(monkeypatch):
    daemon = Daemon(monkeypatch, dead=[0], back=12.0)
    connection = link(daemon, seconds=10.0)
    for _time in range(2):
        with pytest.raises(HostdevError):
            connection.call(ask)
    assert daemon.now == 10.0
    daemon.now = 12.0
    assert connection.call(ask) == 1


def test_an_error_over_a_live_connection_is_not_asked_again(monkeypatch):
    daemon = Daemon(monkeypatch)

    def refuses(_connection):
        raise LibvirtError("internal error: unable to execute QEMU command 'device_add'", 1)

    with pytest.raises(LibvirtError, match="device_add"):
        link(daemon).call(refuses)
    assert daemon.asked == 0


def test_an_error_that_says_no_more_than_what_it_is_about_is_not_a_lost_connection(monkeypatch):
    daemon = Daemon(monkeypatch, dead=[0])

    def no_domain(_connection):
        raise LibvirtError("Domain not found", 42)

    with pytest.raises(LibvirtError, match="Domain not found"):
        link(daemon).call(no_domain)
    assert daemon.asked == 0


def test_a_libvirt_that_dies_at_each_call_is_given_up(monkeypatch):
    daemon = Daemon(monkeypatch, dead=range(100))
    with pytest.raises(LibvirtError, match="client socket is closed"):
        link(daemon).call(ask)
    assert daemon.asked == 3
