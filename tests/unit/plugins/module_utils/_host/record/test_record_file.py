# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import json
import os
import shlex
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.record import record_file as record_module
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.pools import pools
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.recorded_pools import recorded
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.journal import Journal
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import SCHEMA, Record, parse_record
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DPDK, VFIO, WEB, claim, holding, inventory, pf, vf

A, VF1 = "0000:01:00.0", "0000:01:10.0"
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}
HELD = claim(WEB, holding(A))
JOURNAL = Journal(Plan("claim", (DriverStep(A, Binding("igb", None), VFIO),), HELD, HELD), "boot-1", 1)


@pytest.fixture
def file(tmp_path):
    return RecordFile(str(tmp_path / "facts.d"))


def whole():
    return Record(Tracker([HELD]), JOURNAL, "boot-1", [{"vendor_id": "8086", "count": 4}])


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
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
    assert (data["schema"], data["journal"]) == (SCHEMA, None)
    assert data["claims"][0]["owner"] == {"kind": "name", "id": "dpdk0", "label": "dpdk0"}


@pytest.mark.parametrize("mask", [0o077, 0o000, 0o022])
def test_the_file_is_readable_for_all_and_executable_for_nobody_under_any_umask(file, mask):
    former = os.umask(mask)
    try:
        file.write(whole())
    finally:
        os.umask(former)
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o644
    assert stat.S_IMODE(os.stat(os.path.dirname(file.path)).st_mode) == 0o755


def test_a_file_that_was_made_executable_is_so_no_longer(file):
    file.write(whole())
    os.chmod(file.path, 0o755)
    file.write(whole())
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o644


def test_a_copy_lies_beside_the_file_where_fact_gathering_does_not_read_it_and_nothing_else(file, tmp_path):
    for record in (whole(), Record()):
        file.write(record)
        assert sorted(os.listdir(tmp_path / "facts.d")) == ["hostdev.fact", "hostdev.fact.last-good"]
        assert [path.name for path in (tmp_path / "facts.d").glob("*.fact")] == ["hostdev.fact"]
        assert Path(file.copy_path).read_bytes() == Path(file.path).read_bytes() == record.as_bytes()
        assert stat.S_IMODE(os.stat(file.copy_path).st_mode) == 0o644
        assert not os.path.samefile(file.copy_path, file.path)  # what spoils the one in place leaves the other


def test_the_file_is_replaced_as_a_whole_then_its_copy_and_each_and_its_folder_are_synced_in_order(file, monkeypatch):
    file.write(Record(boot_id="old"))
    seen = []

    def fsync(handle):
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        seen.append((kind, *(parse_record(Path(path).read_bytes()).boot_id for path in (file.path, file.copy_path))))

    monkeypatch.setattr(record_module.os, "fsync", fsync)
    file.write(Record(boot_id="new"))
    assert seen == [("file", "old", "old"), ("folder", "new", "old"), ("file", "new", "old"), ("folder", "new", "new")]


def test_what_is_being_written_has_a_name_by_which_the_next_run_knows_it_as_left_over(file, monkeypatch):
    names, plain = [], os.rename

    def rename(old, new):
        names.append(Path(old).name)
        plain(old, new)

    monkeypatch.setattr(record_module.os, "rename", rename)
    file.write(whole())
    assert len(names) == 2
    assert all(name.startswith(".hostdev.") and name.endswith(".tmp") for name in names)


# It can't be written.


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(file, tmp_path, full_disk):
    file.write(whole())
    with full_disk(100):
        error = refused(file.write, Record())
    assert (error.code, error.subject, error.found) == ("record_unwritable", file.path, "[Errno 27] File too large")
    assert Path(file.path).read_bytes() == Path(file.copy_path).read_bytes() == whole().as_bytes()
    assert sorted(os.listdir(tmp_path / "facts.d")) == ["hostdev.fact", "hostdev.fact.last-good"]


def test_a_full_disk_stops_a_claim_before_its_first_step(lab_host, full_disk):
    lab_host.claim(NIC, owner="dpdk0")
    before, log = lab_host.kept_state(), list(lab_host.kernel.log)
    with full_disk(100):  # the lock's file is smaller
        error = refused(lab_host.claim, NIC)
    assert (error.code, error.found) == ("record_unwritable", "[Errno 27] File too large")
    assert lab_host.kept_state() == before
    assert lab_host.kernel.log == log
    assert lab_host.libvirt.log == []
    assert lab_host.claim(NIC).changed


def test_a_copy_that_can_not_be_written_is_told_and_the_claim_is_made(lab_host):
    Path(lab_host.file.copy_path).mkdir(parents=True)
    Path(lab_host.file.path).write_bytes(Record().as_bytes())
    outcome = lab_host.claim(NIC)
    assert [claim["owner"]["label"] for claim in lab_host.record["claims"]] == ["web1"]
    assert len(outcome.warnings) == 1  # of several writes
    assert outcome.warnings[0].startswith(
        f"{lab_host.file.copy_path}, the copy of the record, is out of date: it can't"
    )


def as_nobody(folder, work):
    """Run the work in a child that is not root, in the folder; what it gives back is its one line of output."""
    # What it needs later: of a checkout in root's home nobody else can import anything.
    importlib.import_module(f"{RecordFile.__module__.rpartition('.')[0]}.record_errors")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@pytest.mark.skipif(os.geteuid() != 0, reason="what root has others can't write to, for whom it is read-only")
def test_a_read_only_folder_is_told_and_nothing_is_left_in_it(file, tmp_path):
    file.write(whole())

    def work():
        error = refused(RecordFile(".").write, Record())
        return f"{error.code} {error.found}"

    assert as_nobody(tmp_path / "facts.d", work).startswith("record_unwritable [Errno 13] Permission denied")
    assert sorted(os.listdir(tmp_path / "facts.d")) == ["hostdev.fact", "hostdev.fact.last-good"]


def test_a_facts_path_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "facts.d").write_text("")
    assert refused(RecordFile(str(tmp_path / "facts.d")).write, Record()).code == "record_unwritable"
    assert refused(RecordFile(str(tmp_path / "facts.d")).read).code == "record_unreadable"


# It can't be used.


def put(file, content, *, copy=None):
    Path(file.path).parent.mkdir(exist_ok=True)
    Path(file.path).write_bytes(content)
    if copy is not None:
        Path(file.copy_path).write_bytes(copy)


GOOD = whole().as_bytes()


@pytest.mark.parametrize("copy", [None, GOOD, b"{"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "it can't be understood: it is empty"),
        (GOOD[: len(GOOD) // 2], "it can't be understood: JSONDecodeError: "),
        (b"[]", "it can't be understood: found an empty list"),
        (b'{"schema": 1}', "it can't be understood: boot_id: it is missing"),
        (b"\xff\xfe", "it can't be understood: UnicodeDecodeError"),
        (b'{"schema": 999}', "its schema is 999"),
    ],
)
def test_a_record_that_can_not_be_understood_stops_with_its_path_and_all_stays_as_it_is(
    file, tmp_path, content, found, copy
):
    put(file, content, copy=copy)
    error = refused(file.read)
    assert (error.code, error.subject) == ("record_unreadable", file.path)
    assert error.found.startswith(found)
    assert error.wanted
    assert Path(file.path).read_bytes() == content
    assert len(os.listdir(tmp_path / "facts.d")) == 1 + (copy is not None)


def sh(command):
    subprocess.run(["sh", "-c", command], check=True)


def test_the_commands_of_the_error_go_back_to_the_copy_and_keep_the_broken_record(tmp_path):
    file = RecordFile(str(tmp_path / "it's; facts"))
    put(file, b"{", copy=GOOD)
    error = refused(file.read)
    commands = error.details["commands"]
    assert sorted(commands) == ["restore"]
    assert "its last good copy (1 claim, written 2" in error.remedy
    assert commands["restore"] in error.remedy
    sh(commands["restore"])
    assert file.read().tracker.holder(A) == HELD
    assert Path(f"{file.path}.broken").read_bytes() == b"{"
    assert stat.S_IMODE(os.stat(file.path).st_mode) == stat.S_IMODE(os.stat(file.copy_path).st_mode)


@pytest.mark.parametrize("copy", [None, b"{"])
def test_without_a_good_copy_the_command_of_the_error_begins_anew_and_keeps_all_that_there_was(file, copy):
    put(file, b"[]", copy=copy)
    commands = refused(file.read).details["commands"]
    assert sorted(commands) == ["forget"]
    sh(commands["forget"])
    assert list(file.read().tracker) == []
    assert Path(f"{file.path}.broken").read_bytes() == b"[]"
    assert copy is None or Path(f"{file.copy_path}.broken").read_bytes() == copy


def test_a_record_that_vanished_is_no_empty_one_while_its_copy_is_there(file):
    file.write(whole())
    os.unlink(file.path)
    error = refused(file.read)
    assert (error.code, error.subject) == ("record_missing", file.path)
    assert error.found.startswith(f"it is gone, but its copy {file.copy_path} is there (1 claim, written 2")
    sh(error.details["commands"]["restore"])
    assert file.read().journal == JOURNAL
    os.unlink(file.path)
    sh(refused(file.read).details["commands"]["forget"])
    assert list(file.read().tracker) == []


def test_the_copy_of_a_record_that_vanished_is_told_with_its_number_of_claims(file):
    file.write(Record(Tracker([HELD, claim(DPDK, holding("0000:02:00.0"))])))
    os.unlink(file.path)
    assert " (2 claims, written 2" in refused(file.read).found


def test_a_claim_whose_record_vanished_gives_no_device_out_twice(lab_host):
    lab_host.claim({"name": "nic", "address": VF1}, owner="dpdk0")
    os.unlink(lab_host.file.path)
    before = lab_host.kept_state()
    for check_mode in (True, False):
        assert refused(lab_host.claim, NIC, check_mode=check_mode).code == "record_missing"
        assert refused(lab_host.release, owner="dpdk0", check_mode=check_mode).code == "record_missing"
    assert lab_host.kept_state() == before


def test_a_newer_schema_says_what_is_understood_and_what_to_do_and_nothing_of_the_older_copy(file):
    put(file, b'{"schema": 999}', copy=GOOD)
    error = refused(file.read)
    assert (error.wanted, error.remedy, error.details) == (f"schema {SCHEMA}", "update the collection", {})


def test_a_folder_in_the_files_place_is_refused(file):
    Path(file.path).mkdir(parents=True)
    error = refused(file.read)
    assert (error.code, error.found) == ("record_unreadable", "it can't be read: Is a directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="what this user has this user can read")
def test_a_record_that_this_user_may_not_read_is_refused_and_is_not_taken_for_none(file, tmp_path):
    file.write(whole())
    os.chmod(file.path, 0o600)

    def work():
        error = refused(RecordFile(".").read)
        return f"{error.code} {error.found}"

    assert as_nobody(tmp_path / "facts.d", work) == "record_unreadable it can't be read: Permission denied"


def test_a_file_too_large_for_a_record_is_refused_without_being_read_whole(file):
    put(file, b"", copy=b"")
    os.truncate(file.path, 1 << 40)  # sparse
    os.truncate(file.copy_path, 1 << 40)
    error = refused(file.read)
    assert (error.found, sorted(error.details["commands"])) == ("it can't be read: it has more than 16 MiB", ["forget"])


def test_a_first_claim_that_writes_record_and_copy_while_check_mode_looks_is_no_vanished_record(file, monkeypatch):
    lexists = os.path.lexists

    def meanwhile(path):
        file.write(whole())
        return lexists(path)

    monkeypatch.setattr(record_module.os.path, "lexists", meanwhile)
    assert list(file.read().tracker) == [HELD]


# Somebody else could have written it.


def _link(path):
    path.with_name("elsewhere").write_bytes(GOOD)
    path.symlink_to(path.with_name("elsewhere"))


def _dangling(path):
    path.symlink_to("nowhere")


def _socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (_link, "it is a symbolic link"),
        (_dangling, "it is a symbolic link"),
        (os.mkfifo, "it is a named pipe"),
        (_socket, "it is a socket"),
    ],
)
def test_what_is_no_file_in_the_records_place_stops_a_claim_at_once(lab_host, make, found):
    path = Path(lab_host.file.path)
    path.parent.mkdir(parents=True)
    make(path)
    before = lab_host.host_state()
    for check_mode in (True, False):
        error = refused(lab_host.claim, NIC, check_mode=check_mode)
        assert (error.code, error.subject, error.found) == ("record_untrusted", str(path), found)
        assert error.wanted == "a regular file"
    assert lab_host.host_state() == before
    assert not path.with_name("nowhere").exists()


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_record_that_others_may_write_to_stops_a_claim_until_it_is_looked_at(lab_host, mode):
    lab_host.claim(NIC, owner="dpdk0")
    os.chmod(lab_host.file.path, mode)
    before = lab_host.kept_state()
    error = refused(lab_host.claim, NIC)
    assert (error.code, error.found) == (
        "record_untrusted",
        f"its mode is {mode:04o}, so that others may write to it",
    )
    assert error.remedy.endswith(f"then: chmod go-w {shlex.quote(lab_host.file.path)}")
    assert lab_host.kept_state() == before
    sh(error.remedy.rpartition(": ")[2])
    assert lab_host.claim(NIC).changed


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused_whether_the_record_is_there_or_not(file, mode):
    for prepare in (Path(file.path).parent.mkdir, lambda: file.write(Record())):
        prepare()
        os.chmod(Path(file.path).parent, mode)
        for call in (file.read, lambda: file.write(Record())):
            error = refused(call)
            assert (error.code, error.subject) == ("record_untrusted", str(Path(file.path).parent))
        os.chmod(Path(file.path).parent, 0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_record_or_folder_of_another_user_is_refused(file):
    file.write(Record())
    for path in (file.path, os.path.dirname(file.path)):
        os.chown(path, 65534, -1)
        error = refused(file.read)
        assert (error.code, error.subject, error.found) == ("record_untrusted", path, "it belongs to user id 65534")
        os.chown(path, 0, -1)
    assert list(file.read().tracker) == []


# It is mended.


def test_an_executable_record_is_made_a_plain_file_by_the_next_run_and_that_is_told(lab_host):
    lab_host.claim(NIC)
    os.chmod(lab_host.file.path, 0o755)
    before = lab_host.kept_state()
    foretold = lab_host.claim(NIC, check_mode=True)
    assert lab_host.kept_state() == before
    outcome = lab_host.claim(NIC)
    text = f"{lab_host.file.path} was executable, so that fact gathering would run it: "
    assert foretold.warnings == [f"{text}a run without check mode makes it 0644"]
    assert outcome.warnings == [f"{text}it is 0644 now"]
    assert foretold.changed
    assert outcome.changed
    assert [(entry["before"], entry["after"]) for entry in outcome.diff] == [("mode=0755\n", "mode=0644\n")]
    assert outcome.diff == foretold.diff
    assert stat.S_IMODE(os.stat(lab_host.file.path).st_mode) == 0o644
    again = lab_host.claim(NIC)
    assert (again.changed, again.warnings) == (False, [])


def test_an_executable_record_that_can_not_be_trusted_is_left_as_it_is(lab_host):
    lab_host.claim(NIC)
    os.chmod(lab_host.file.path, 0o777)
    assert refused(lab_host.claim, NIC).code == "record_untrusted"
    assert stat.S_IMODE(os.stat(lab_host.file.path).st_mode) == 0o777


def test_what_killed_runs_left_is_removed_by_the_next_run_that_may_change_something_and_nothing_else_is(lab_host):
    lab_host.claim(NIC)
    folder = Path(lab_host.file.path).parent
    others = {".hostdev.notours.tmp", "hostdev.fact.broken", "hostdev.fact", "hostdev.fact.last-good"}
    for name in (".hostdev.ab_cd12x.tmp", ".hostdev.notours.tmp", "hostdev.fact.broken"):
        (folder / name).write_text("{")
    lab_host.claim(NIC, check_mode=True)
    assert set(os.listdir(folder)) == {".hostdev.ab_cd12x.tmp", *others}
    outcome = lab_host.claim(NIC)
    assert set(os.listdir(folder)) == others
    assert not outcome.changed


def test_the_record_of_a_large_host_stays_small(file):
    devices = []
    for card in range(157):
        bus = f"{card // 255:04x}:{card % 255 + 1:02x}"
        vfs = [f"{bus}:{place // 8:02x}.{place % 8}" for place in range(8, 72)]
        devices.append(pf(f"{bus}:00.0", *vfs, iommu_group=None, numa_node=card % 2))
        devices.extend(vf(address, f"{bus}:00.0", numa_node=card % 2) for address in vfs)
    host = inventory(*devices)
    tracker = Tracker(
        claim(
            Owner("domain", f"6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c{number:02x}", f"domain{number}"),
            holding(device.address),
        )
        for number, device in enumerate(devices[1:21])
    )
    statuses = Statuses(host, tracker)
    counted = recorded(pools(Topology(host), filter(statuses.claimable, host.devices)))
    assert sum(pool["count"] for pool in counted) == 10_048 - 20
    file.write(Record(tracker, None, "boot-1", counted))
    assert Path(file.path).stat().st_size < 64 * 1024
