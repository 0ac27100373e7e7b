# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a host: its settings read back, new and lost devices, the message and its bounds."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.message import State, message
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.seen import Seen, look, read_seen
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.settings import (
    EventSettings,
    parse_settings,
    read_settings,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.units import event_units
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DPDK, claim, device, holding, host

URL = "https://eda.example.org:5000/endpoint"
SETTINGS = EventSettings(URL, "kvm1", 300, "/etc/token", "/etc/ca.pem")
OPTIONS = {"url": URL, "host": "kvm1", "every": 300, "token_file": None, "ca_file": None}
MORNING, NOON, NEXT_DAY = "2026-11-28T06:00:00Z", "2026-11-28T12:00:00Z", "2026-11-29T12:00:01Z"
NIC, OTHER = device("0000:01:00.0"), device("0000:02:00.0", product_id="10c9")
BRIDGE = device("0000:00:01.0", header_type=1)


@pytest.mark.parametrize("settings", [SETTINGS, EventSettings("http://127.0.0.1:5000", "kvm-1.example.org", 30)])
def test_settings_are_read_as_they_were_written(settings):
    assert read_settings(settings.text()) == settings


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("url", "http://eda.example.org/endpoint"),
        ("url", "https://user:secret@eda.example.org/"),
        ("url", "https:///endpoint"),
        ("url", "ftp://eda.example.org/"),
        ("url", "https://eda.example.org:many/"),
        ("url", "https://eda.example.org/ every"),
        ("url", "https://eda.example.org/\nhost = other"),
        ("url", ""),
        ("host", ""),
        ("host", "kvm1\nurl = http://other"),
        ("host", "-kvm1"),
        ("host", "kvm1:kvm2"),
        ("every", 29),
        ("every", 86401),
        ("token_file", "token"),
        ("token_file", "/etc/a b"),
        ("ca_file", "/etc/\n"),
    ],
)
def test_settings_that_would_not_do_are_refused(option, value):
    with pytest.raises(HostdevError) as raised:
        parse_settings({**OPTIONS, option: value})
    assert (raised.value.code, raised.value.subject) == ("invalid_option", option)


def test_what_is_there_at_the_first_look_is_neither_new_nor_lost():
    seen = look(None, [NIC, BRIDGE], MORNING)
    assert (seen.new(MORNING), seen.lost(), [device.address for device in seen.devices]) == ([], [], [NIC.address])


def test_a_device_is_new_for_a_day_and_lost_for_a_day_however_often_one_looks():
    seen = look(None, [NIC], MORNING)
    for now in (NOON, "2026-11-28T18:00:00Z"):
        seen = look(seen, [OTHER], now)
        told = {"vendor_id": "8086", "class": "020000", "since": NOON}
        assert seen.new(now) == [{"address": OTHER.address, "product_id": "10c9", **told}]
        assert seen.lost() == [{"address": NIC.address, "product_id": "10d3", **told}]
    seen = look(seen, [OTHER], NEXT_DAY)
    assert (seen.new(NEXT_DAY), seen.lost()) == ([], [])


def test_a_device_that_is_back_is_not_lost_and_not_new():
    seen = look(look(look(None, [NIC], MORNING), [], NOON), [NIC], "2026-11-28T13:00:00Z")
    assert (seen.new("2026-11-28T13:00:00Z"), seen.lost()) == ([], [])


def test_another_number_of_its_bus_makes_no_device_new():
    moved = NIC._replace(address="0000:07:00.0")
    seen = look(look(None, [NIC], MORNING), [moved], NOON)
    assert (seen.new(NOON), seen.lost(), seen.devices[0].address) == ([], [], "0000:07:00.0")


def test_what_was_seen_is_read_as_it_was_written():
    seen = look(look(None, [NIC], MORNING), [OTHER], NOON)
    assert read_seen(seen.as_dict()) == seen


@pytest.mark.parametrize(
    "damaged", [None, [], {}, {"schema": 1}, {"schema": 1, "devices": [{}]}, {"schema": "1", "devices": []}]
)
def test_a_damaged_file_is_begun_anew(damaged):
    assert read_seen(damaged) is None


def drift(code, address="0000:01:00.0"):
    return {"code": code, "address": address, "owner": None, "detail": "x"}


def test_a_message_tells_levels_and_counts_and_is_bounded():
    overdue = claim(DPDK, holding("0000:01:00.0", until=MORNING))
    entries = [drift("set_aside"), *(drift("driver", f"0000:{bus:02x}:00.0") for bus in range(250))]
    told = message(State(host(), Tracker([overdue]), entries, Seen(), NOON, changing=True), SETTINGS)
    assert (told["host"], told["sent_at"], told["every"], told["changing"]) == ("kvm1", NOON, 300, True)
    assert (len(told["drift"]), told["set_aside"], told["differs"]) == (200, [drift("set_aside")], True)
    assert told["overdue"] == [{"owner": DPDK.as_dict(), "devices": ["0000:01:00.0"]}]
    assert told["counts"] == {"drift": 250, "set_aside": 1, "lost": 0, "new": 0, "overdue": 1}


def test_a_host_as_on_record_differs_in_nothing():
    told = message(State(host(), Tracker(), [], Seen(), NOON), SETTINGS)
    assert (told["differs"], told["silent"], set(told["counts"].values())) == (False, False, {0})


def test_the_timer_repeats_what_the_service_does():
    service, timer = event_units("/usr/bin/python3", 60).values()
    assert "ExecStart=/usr/bin/python3 -I /etc/kvm.hostdev/restore.pyz events\n" in service
    assert "OnUnitActiveSec=60\n" in timer
