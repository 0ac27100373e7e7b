# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the start of a host does once libvirt runs."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.restore_note import NOTE, read_not_restored
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore import boot, domains
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore import main as main_file
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.domains import Domains
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.main import main
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FACTS
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, restored

NVME, OTHER = "0000:04:00.0", "0000:81:00.0"
DISKS = {"name": "disks", "specs": [{"address": NVME}, {"address": OTHER}], "count": 2}


@pytest.fixture
def host(lab_host):
    """Its domain starts with the host, and has two disks that come back."""
    lab_host.domain.xml[LIVE] = None
    lab_host.domain.autostarts = True
    lab_host.claim(DISKS, persist=True)
    return lab_host


def started(host):
    work = Domains(host.system, host.file)
    work.run()
    return work


def runs(host):
    return host.domain.xml[LIVE] is not None


def test_a_domain_starts_whose_devices_are_back(host):
    Reboots(host).start({"04": "06"})
    restored(host)
    work = started(host)
    assert not work.failed
    assert runs(host)
    assert 'bus="0x06"' in host.domain.xml[CONFIG]
    assert "started domain web1" in " ".join(work.done)


def test_one_that_runs_is_left_alone(host):
    Reboots(host).start()
    restored(host)
    host.domain.create()
    assert not any("started" in line for line in started(host).done)


def test_one_that_does_not_autostart_is_left_alone(host):
    host.domain.autostarts = False
    Reboots(host).start()
    restored(host)
    assert not started(host).failed
    assert not runs(host)


def test_one_that_lacks_a_device_does_not_start(host):
    Reboots(host).start(gone=[NVME])
    restored(host)
    assert [failure.address for failure in started(host).failed] == [NVME]
    assert not runs(host)


def test_one_whose_claim_is_not_persistent_does_not_start(lab_host):
    lab_host.domain.xml[LIVE] = None
    lab_host.domain.autostarts = True
    lab_host.claim(DISKS)
    Reboots(lab_host).start()
    assert not started(lab_host).failed
    assert not runs(lab_host)


def test_one_that_libvirt_does_not_start_is_told(host, monkeypatch):
    Reboots(host).start()
    restored(host)

    def refuse(*_arguments):
        raise LibvirtError("Hook script execution failed")

    monkeypatch.setattr(type(host.domain), "create", refuse)
    (failure,) = started(host).failed
    assert (failure.error.code, failure.owner.label) == ("start_failed", "web1")
    assert "Hook script execution failed" in failure.error.message


@pytest.fixture
def program(host, monkeypatch):
    """The program's own entry, on the host."""
    for module in (boot, domains):
        monkeypatch.setattr(module, "Tree", lambda: host.tree)
        monkeypatch.setattr(module, "restored_host", lambda _tree, _domains=None: host.system)
    monkeypatch.setattr(boot, "DRIVER_SECONDS", 0)
    monkeypatch.setattr(
        boot.Restore.__init__, "__kwdefaults__", {**boot.Restore.__init__.__kwdefaults__, "device_seconds": 0}
    )
    monkeypatch.setattr(domains, "_connect", lambda: None)
    monkeypatch.setattr(main_file, "FACTS", f"{host.root}{FACTS}")
    return lambda word: main([word])


@pytest.mark.parametrize("word", ["boot", "domains"])
def test_the_program_tells_what_is_back(host, program, capsys, word):
    Reboots(host).start()
    assert program(word) == 0
    assert "<5>" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["boot", "domains"])
def test_what_is_not_back_fails_the_unit_and_is_in_the_facts(host, program, capsys, word):
    Reboots(host).start(gone=[NVME])
    assert program(word) == 1
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("<3>") and NVME in line for line in lines)
    inventory = host.system.inventory()
    told = read_not_restored(host.tree, inventory.host.boot_id)
    assert list(told) == [NVME]
    tracker = host.file.read().tracker
    entries = [
        entry for entry in drift(Snapshot(inventory, tracker, not_restored=told)) if entry["code"] == "not_restored"
    ]
    assert [(entry["address"], entry["owner"]["label"]) for entry in entries] == [(NVME, "web1")]
    assert "no such device" in entries[0]["detail"]


@pytest.mark.parametrize("word", ["boot", "domains"])
def test_a_record_that_is_gone_with_its_copy_fails_the_unit(host, program, capsys, word):
    for path in (host.file.path, host.file.copy_path):
        os.unlink(path)
    assert program(word) == 1
    assert "<3>" in capsys.readouterr().err


def test_what_is_back_by_now_is_no_drift(host):
    told = {NVME: "it was late"}
    snapshot = Snapshot(host.system.inventory(), host.file.read().tracker, not_restored=told)
    assert not any(entry["code"] == "not_restored" for entry in drift(snapshot))


@pytest.mark.parametrize(
    "text",
    [
        '{"boot_id": "boot-1", "failed": [{"address": "0000:04:00.0", "reason": "of the last start"}]}',
        "{",
        "[]",
        '{"boot_id": "boot-2", "failed": [{}]}',
        '{"boot_id": "boot-2"}',
    ],
)
def test_a_note_of_another_start_or_that_is_none(host, text):
    host.write(NOTE, text)
    assert read_not_restored(host.tree, "boot-2") == {}


def test_without_a_claim_of_a_domain_libvirt_is_not_asked(lab_host, monkeypatch):
    monkeypatch.setattr(domains, "Tree", lambda: lab_host.tree)
    lab_host.claim({"name": "disk", "address": NVME}, owner="dpdk0", persist=True)
    monkeypatch.setattr(main_file, "FACTS", f"{lab_host.root}{FACTS}")
    assert main(["domains"]) == 0


def test_a_libvirt_that_does_not_answer_fails_the_unit(host, program, monkeypatch, capsys):
    def unanswered():
        raise HostdevError("no_libvirt", subject="libvirt", found="no answer")

    monkeypatch.setattr(domains, "_connect", unanswered)
    assert program("domains") == 1
    assert "no answer" in capsys.readouterr().err


def test_the_note_says_which_start_it_is_of(host, program):
    Reboots(host).start(gone=[NVME])
    program("boot")
    told = json.loads((host.root / NOTE[1:]).read_text())
    assert told["boot_id"] == host.system.inventory().host.boot_id
    assert [entry["code"] for entry in told["failed"]] == ["not_restored"]
