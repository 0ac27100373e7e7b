# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source cached_facts, run by its path as ansible-rulebook runs it, on folders of every core's form."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.message import State, message
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.seen import look
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.settings import EventSettings
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, host

PATH = Path(__file__).resolve().parents[3] / "extensions/eda/plugins/event_source/cached_facts.py"
SOURCE = runpy.run_path(str(PATH))
NOW = 1_796_000_000.0
HOUR = 3600.0
GPU = {"address": "0000:10:00.0", "vendor_id": "10de", "product_id": "20b2", "class": "030200", "stable_path": "a"}
NIC = {**GPU, "address": "0000:20:00.0", "vendor_id": "8086", "stable_path": "b"}
BRIDGE = {**GPU, "address": "0000:00:01.0", "stable_path": "c", "header_type": 1}
DRIFT = {"code": "driver", "address": GPU["address"], "owner": None, "detail": "bound to nvidia"}
OWNER = {"kind": "name", "id": "dpdk0", "label": "dpdk0"}


def moment(seconds: float) -> str:
    return t.cast("str", SOURCE["_moment"](seconds))


def facts(
    *devices: dict[str, t.Any], drift: t.Sequence[t.Any] = (), at: float = NOW, **more: t.Any
) -> dict[str, t.Any]:
    about = {"gathered_at": moment(at), "kernel": "6.12", "boot_id": "b", "iommu": True, "libvirt": True}
    return {"devices": list(devices), "drift": list(drift), "claims": [], "host": about, **more}


def write(folder: Path, name: str, told: dict[str, t.Any], *, age: float = 0) -> None:
    """A file of the cache: of 2.19 and later where its name says so, else of 2.18 and before."""
    whole = {"ansible_kernel": "6.12", "hostdev": told}
    text = json.dumps({"__payload__": json.dumps(whole)} if "s1_" in name else whole, indent=4)
    (folder / name).write_text(text, encoding="utf-8")
    os.utime(folder / name, (NOW - age, NOW - age))


def source(folder: Path, **options: t.Any) -> t.Any:
    return SOURCE["CachedFacts"](str(folder), 2 * HOUR, 300, **options)


@pytest.mark.parametrize("name", ["kvm1", "s1_kvm1"])
def test_each_cores_form_is_read(folder, name):
    overdue = {"owner": OWNER, "overdue": [GPU["address"]]}
    write(folder, name, facts(GPU, drift=[DRIFT, {**DRIFT, "code": "set_aside"}], claims=[overdue]))
    (told,) = source(folder).look(NOW)
    assert (told["host"], told["differs"], told["silent"], told["trouble"]) == ("kvm1", True, False, "")
    assert (told["drift"], told["set_aside"]) == ([DRIFT], [{**DRIFT, "code": "set_aside"}])
    assert told["overdue"] == [{"owner": OWNER, "devices": [GPU["address"]]}]
    assert told["counts"] == {"drift": 1, "set_aside": 1, "lost": 0, "new": 0, "overdue": 1}


def test_the_newer_of_two_forms_counts(folder):
    write(folder, "kvm1", facts(GPU, drift=[DRIFT]), age=10)
    write(folder, "s1_kvm1", facts(GPU))
    assert [told["differs"] for told in source(folder).look(NOW)] == [False]


def test_what_later_cores_note_beside_a_text_is_left_out(folder):
    tagged = {"__ansible_type": "_AnsibleTaggedStr", "value": "bound to nvidia", "tags": [{"__ansible_type": "Origin"}]}
    write(folder, "s1_kvm1", facts(GPU, drift=[{**DRIFT, "detail": tagged}]))
    assert source(folder).look(NOW)[0]["drift"] == [DRIFT]


def test_a_prefix_is_taken_from_the_name_and_others_are_left_out(folder):
    for name in ("site_kvm1", "site_s1_kvm2", "other_kvm3", ".kvm4"):
        write(folder, name, facts(GPU))
    assert [told["host"] for told in source(folder, prefix="site_").look(NOW)] == ["kvm1", "kvm2"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"hostdev": 1}', '{"__payload__": "{"}', '{"__payload__": 1}'])
def test_a_file_without_our_facts_is_no_host(folder, text):
    (folder / "kvm1").write_text(text)
    write(folder, "kvm2", facts(GPU))
    assert [told["host"] for told in source(folder).look(NOW)] == ["kvm2"]


@pytest.mark.parametrize(
    "damaged",
    [
        {"drift": 5},
        {"devices": [1]},
        {"host": [1]},
        {"claims": 5},
        {"claims": [{"overdue": 5}]},
        {"host": {"gathered_at": "0001-01-01T00:00:00+14:00"}},
    ],
)
def test_facts_of_another_form_leave_out_their_host_alone(folder, damaged):
    write(folder, "kvm1", damaged)
    write(folder, "kvm2", facts(GPU))
    assert [told["host"] for told in source(folder).look(NOW)] == ["kvm2"]


def test_a_host_is_silent_by_when_its_facts_were_gathered(folder):
    write(folder, "kvm1", facts(GPU, at=NOW - 3 * HOUR))
    write(folder, "kvm2", facts(GPU, at=NOW - HOUR), age=3 * HOUR)
    assert [told["silent"] for told in source(folder).look(NOW)] == [True, False]


def test_facts_without_drift_are_trouble(folder):
    told = facts(GPU)
    del told["drift"]
    write(folder, "kvm1", told)
    assert source(folder).look(NOW)[0]["trouble"] == "the facts were gathered without drift"


def test_devices_are_new_and_lost_for_a_day(folder):
    cache = source(folder)

    def seen(now, *devices):
        write(folder, "kvm1", facts(*devices), age=-now)
        (told,) = cache.look(NOW + now)
        return [device["address"] for device in told["new"]], [device["address"] for device in told["lost"]]

    assert seen(0, GPU, BRIDGE) == ([], [])
    assert seen(HOUR, NIC) == ([NIC["address"]], [GPU["address"]])
    assert seen(2 * HOUR, NIC) == ([NIC["address"]], [GPU["address"]])
    assert seen(26 * HOUR, NIC) == ([], [])


def test_its_messages_have_the_form_of_those_that_hosts_post(folder):
    cache = source(folder)
    write(folder, "kvm1", facts(GPU))
    cache.look(NOW)
    write(folder, "kvm1", facts(NIC), age=-1)
    (told,) = cache.look(NOW + 1)
    before = look(None, [device("0000:01:00.0")], moment(NOW))
    seen = look(before, [device("0000:02:00.0")], moment(NOW + 1))
    posted = message(State(host(), Tracker(), [], seen, moment(NOW + 1)), EventSettings("", "kvm1", 300))
    assert {key: type(value) for key, value in told.items()} == {key: type(value) for key, value in posted.items()}
    for name in ("new", "lost"):
        assert [list(entry) for entry in told[name]] == [list(entry) for entry in posted[name]] != []
    assert list(told["counts"]) == list(posted["counts"])


class QueueFullError(Exception):
    """The queue has all that the test wanted."""


class Queue:
    def __init__(self, most):
        self.events, self._most = [], most

    async def put(self, event):
        self.events.append(event)
        if len(self.events) == self._most:
            raise QueueFullError


def test_it_goes_on_when_the_folder_is_not_there_and_then_is(folder, monkeypatch):
    queue, pauses = Queue(4), []

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            (folder / "facts").mkdir()
            write(folder / "facts", "kvm1", facts(GPU))
            write(folder / "facts", "s1_kvm2", facts(GPU))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(QueueFullError):
        asyncio.run(SOURCE["main"](queue, {"path": str(folder / "facts"), "every": 10}))
    assert pauses == [20, 40, 80, 10]
    assert [event["meta"]["hosts"] for event in queue.events] == ["kvm1", "kvm2"] * 2
    assert queue.events[0]["payload"] == queue.events[2]["payload"]


def test_by_hand_it_prints_what_it_would_post(folder):
    write(folder, "kvm1", facts(GPU))
    with subprocess.Popen([sys.executable, "-I", str(PATH), str(folder)], stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        process.kill()
    assert json.loads(line)["payload"]["host"] == "kvm1"
