# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host import record as record_module
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record import Record, RecordFile, lock_holder, locked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan import DriverStep, Journal, Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.pools import pools
from ansible_collections.kvm.hostdev.plugins.module_utils._model.standing import Standing
from ansible_collections.kvm.hostdev.plugins.module_utils._model.tracker import Claim, Owner, Tracker
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DPDK, VFIO, WEB, claim, holding, inventory, pf, vf

A = "0000:01:00.0"
HELD = claim(WEB, holding(A))
JOURNAL = Journal(Plan("claim", (DriverStep(A, Binding("igb", None), VFIO),), Claim(WEB), HELD), "boot-1", 1)


@pytest.fixture
def file(tmp_path):
    return RecordFile(str(tmp_path / "facts.d"))


def whole():
    return Record(Tracker([HELD]), JOURNAL, "boot-1", [{"vendor_id": "8086", "count": 4}])


def refused(call, *arguments):
    with pytest.raises(HostdevError) as caught:
        call(*arguments)
    return caught.value


def test_without_a_file_the_record_is_empty_and_reading_makes_none(file, tmp_path):
    record = file.read()
    assert (list(record.tracker), record.journal, record.boot_id, record.pools) == ([], None, "", [])
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_read_back(file):
    file.write(whole())
    record = file.read()
    assert list(record.tracker) == [HELD]
    assert (record.journal, record.boot_id, record.pools) == (JOURNAL, "boot-1", [{"vendor_id": "8086", "count": 4}])


def test_the_file_is_json_under_the_name_that_fact_gathering_looks_for(file, tmp_path):
    file.write(Record(Tracker([claim(DPDK, holding(A, attach=()))]), None, "boot-1"))
    assert file.path == str(tmp_path / "facts.d/hostdev.fact")
    data = json.loads((tmp_path / "facts.d/hostdev.fact").read_text())
    assert sorted(data) == ["boot_id", "claims", "journal", "needs_cleaning", "pools", "schema"]
    assert (data["schema"], data["journal"]) == (1, None)
    assert data["claims"][0]["owner"] == {"kind": "name", "id": "dpdk0", "label": "dpdk0"}


@pytest.mark.parametrize("mask", [0o077, 0o000, 0o022])
def test_the_file_is_readable_for_all_and_executable_for_nobody_under_any_umask(file, mask):
    former = os.umask(mask)
    try:
        file.write(whole())
    finally:
        os.umask(former)
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o644


def test_a_file_that_was_made_executable_is_so_no_longer(file):
    file.write(whole())
    os.chmod(file.path, 0o755)
    file.write(whole())
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o644


def test_nothing_else_stays_in_the_folder(file, tmp_path):
    file.write(whole())
    file.write(Record())
    assert os.listdir(tmp_path / "facts.d") == ["hostdev.fact"]


def test_the_file_is_replaced_as_a_whole_and_both_it_and_its_folder_are_synced_in_order(file, tmp_path, monkeypatch):
    file.write(Record(boot_id="old"))
    seen = []

    def fsync(handle):
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        seen.append((kind, json.loads((tmp_path / "facts.d/hostdev.fact").read_text())["boot_id"]))

    monkeypatch.setattr(record_module.os, "fsync", fsync)
    file.write(Record(boot_id="new"))
    assert seen == [("file", "old"), ("folder", "new")]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(file, tmp_path, monkeypatch):
    file.write(whole())
    before = (tmp_path / "facts.d/hostdev.fact").read_bytes()

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record_module.os, "fsync", full)
    error = refused(file.write, Record())
    assert (error.code, error.subject) == ("record_unwritable", file.path)
    assert error.found == "[Errno 28] No space left on device"
    assert (tmp_path / "facts.d/hostdev.fact").read_bytes() == before
    assert os.listdir(tmp_path / "facts.d") == ["hostdev.fact"]


def test_a_facts_path_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "facts.d").write_text("")
    assert refused(RecordFile(str(tmp_path / "facts.d")).write, Record()).code == "record_unwritable"


GOOD = json.dumps(whole().as_dict())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "it can't be understood: JSONDecodeError"),
        (GOOD[: len(GOOD) // 2], "it can't be understood: JSONDecodeError"),
        ("[]", "it can't be understood: TypeError"),
        ("{}", "it can't be understood: KeyError: 'schema'"),
        ('{"schema": 2}', "its schema is 2"),
        ('{"schema": "1"}', "its schema is '1'"),
        ('{"schema": 1, "journal": null, "claims": []}', "it can't be understood: KeyError: 'boot_id'"),
        (
            '{"schema": 1, "journal": null, "claims": [{}], "boot_id": "", "pools": []}',
            "it can't be understood: KeyError",
        ),
        ('{"schema": 1, "journal": 5, "claims": [], "boot_id": "", "pools": []}', "it can't be understood: TypeError"),
        ('{"schema": 1, "journal": null, "claims": ["x"], "boot_id": "", "pools": []}', "it can't be understood"),
    ],
)
def test_a_record_that_can_not_be_understood_stops_with_its_path_and_stays_as_it_is(file, tmp_path, text, found):
    (tmp_path / "facts.d").mkdir()
    (tmp_path / "facts.d/hostdev.fact").write_text(text)
    error = refused(file.read)
    assert (error.code, error.subject) == ("record_unreadable", file.path)
    assert error.found.startswith(found)
    assert (tmp_path / "facts.d/hostdev.fact").read_text() == text
    assert os.listdir(tmp_path / "facts.d") == ["hostdev.fact"]


def test_a_newer_schema_says_what_is_understood_and_what_to_do(file, tmp_path):
    (tmp_path / "facts.d").mkdir()
    (tmp_path / "facts.d/hostdev.fact").write_text('{"schema": 2}')
    error = refused(file.read)
    assert (error.wanted, error.remedy) == ("schema 1", "update the collection")


def test_a_record_in_which_two_owners_hold_one_device_is_refused(file, tmp_path):
    record = Record(Tracker([HELD])).as_dict()
    record["claims"].append(claim(DPDK, holding(A)).as_dict())
    (tmp_path / "facts.d").mkdir()
    (tmp_path / "facts.d/hostdev.fact").write_text(json.dumps(record))
    assert "0000:01:00.0 is held by domain web1" in refused(file.read).found


def test_bytes_that_are_no_text_are_refused(file, tmp_path):
    (tmp_path / "facts.d").mkdir()
    (tmp_path / "facts.d/hostdev.fact").write_bytes(b"\xff\xfe")
    assert refused(file.read).code == "record_unreadable"


def test_a_folder_in_the_files_place_is_refused(file, tmp_path):
    (tmp_path / "facts.d/hostdev.fact").mkdir(parents=True)
    assert refused(file.read).code == "record_unreadable"


# The lock.


def test_a_lock_that_is_held_is_refused_after_the_time_with_its_holder(tmp_path):
    path = str(tmp_path / "run/lock")
    with locked(path, seconds=0.0), pytest.raises(HostdevError) as caught, locked(path, seconds=0.0):
        raise AssertionError("two hold the lock")
    assert (caught.value.code, caught.value.subject) == ("lock_timeout", path)
    assert caught.value.found.startswith(f"another run holds the lock: process {os.getpid()} since 20")
    assert caught.value.wanted == "the lock within 0 s"


def test_a_lock_is_free_after_its_block_also_when_that_failed(tmp_path):
    path = str(tmp_path / "lock")
    with pytest.raises(ZeroDivisionError), locked(path, seconds=0.0):
        raise ZeroDivisionError
    with locked(path, seconds=0.0):
        pass


def test_a_lock_is_waited_for(tmp_path, monkeypatch):
    path = str(tmp_path / "lock")
    first = locked(path, seconds=0.0)
    first.__enter__()
    monkeypatch.setattr(record_module.time, "sleep", lambda _seconds: first.__exit__(None, None, None))
    with locked(path, seconds=60.0):
        assert f"process {os.getpid()} since" in (tmp_path / "lock").read_text()


def test_another_process_is_kept_out_and_comes_in_once_the_holder_died(tmp_path):
    path = str(tmp_path / "lock")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys\n"
            "file = open(sys.argv[1], 'w')\n"
            "fcntl.flock(file, fcntl.LOCK_EX)\n"
            "file.write('process 7 since ever'); file.flush()\n"
            "print('held', flush=True)\n"
            "sys.stdin.read()",
            path,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HostdevError) as caught, locked(path, seconds=0.0):
            raise AssertionError("two hold the lock")
        assert caught.value.found == "another run holds the lock: process 7 since ever"
        assert lock_holder(path) == "process 7 since ever"
    finally:
        holder.kill()
        holder.communicate()
    with locked(path, seconds=0.0):
        pass
    assert lock_holder(path) is None
    assert lock_holder(str(tmp_path / "no lock")) is None


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostdevError), locked(str(tmp_path / "lock"), seconds=0.0):
        raise AssertionError("the lock was taken")
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_can_not_be_made_says_so(tmp_path, monkeypatch):
    (tmp_path / "run").write_text("")
    for user, code in ((0, "lock_failed"), (1000, "not_root")):
        monkeypatch.setattr(record_module.os, "geteuid", lambda user=user: user)
        with pytest.raises(HostdevError) as caught, locked(str(tmp_path / "run/lock"), seconds=0.0):
            raise AssertionError("the lock was taken")
        assert caught.value.code == code


def test_the_record_of_a_large_host_stays_small(file):
    devices = []
    for card in range(157):
        bus = f"{card // 255:04x}:{card % 255 + 1:02x}"
        vfs = [f"{bus}:{place // 8:02x}.{place % 8}" for place in range(8, 72)]
        devices.append(pf(f"{bus}:00.0", *vfs, iommu_group=None, numa_node=card % 2))
        devices.extend(vf(one, f"{bus}:00.0", numa_node=card % 2) for one in vfs)
    found = inventory(*devices)
    tracker = Tracker(
        claim(
            Owner("domain", f"6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c{number:02x}", f"domain{number}"), holding(one.address)
        )
        for number, one in enumerate(devices[1:21])
    )
    standing = Standing(found, tracker)
    counted = pools(found, filter(standing.claimable, found.devices))
    assert sum(pool["count"] for pool in counted) == 10_048 - 20
    file.write(Record(tracker, None, "boot-1", counted))
    assert Path(file.path).stat().st_size < 64 * 1024
