# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recording a host, and rehearsing on the recording."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import iproute
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.binder import Binder
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.eswitch import Eswitch
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.exclusive import ExclusiveOpen
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.iproute import Iproute
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.pf_link import PfLink
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.pf_states import PfStates
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.physical_functions import PhysicalFunctions
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.sysfs_writer import SysfsWriter
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.vf_settings import VfSettings
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.own_files import OwnFiles
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.steps.executors import Executors
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.steps.recovery import Recovery
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.steps.transaction import Transaction
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.removal_events import RemovalEvents
from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence.keeping import Keeper
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.file import read_recording
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._module import recording as recording_module
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change import rehearsing
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FACTS as RECORDS
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import picture

FACTS, RECORD = "pci_facts", "pci_recording"
CLAIM, RELEASE, ALL = "pci_passthrough_claim", "pci_passthrough_release", "pci_passthrough"
SRIOV, ADOPT, RECONCILE = "pci_sriov", "pci_adopt", "pci_reconcile"
VF1 = "0000:01:10.0"
NIC = {"name": "nic", "count": 2, "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    runner = Runner(lab_host, monkeypatch, capsys)
    monkeypatch.setattr(recording_module, "Tree", lambda: lab_host.tree)
    clock = SimpleNamespace(strftime=time.strftime, gmtime=lambda: time.gmtime(lab_host.seconds))
    monkeypatch.setattr(recording_module, "time", clock)
    for module in (recording_module, iproute):
        monkeypatch.setattr(module, "Iproute", {"ip": lab_host.links, "devlink": lab_host.links.devlink}.get)
    return runner


def recorded(runner: Runner, **options: object) -> str:
    """Where the recording of the fake host is."""
    path = runner.host.root.parent / "host.recording.json.gz"
    runner.done(RECORD, dest=str(path), **{"anonymous": False, **options})
    return str(path)


def shared(result: dict, *left_out: str) -> dict:
    return {key: value for key, value in result.items() if key not in ("invocation", *left_out)}


def test_facts_of_a_recording_are_the_hosts(runner):
    runner.done(CLAIM, domain="web1", requests=[NIC])
    path = recorded(runner)
    real = runner.done(FACTS)["ansible_facts"]["hostdev"]
    rehearsed = runner.done(FACTS, recording=path)["ansible_facts"]["hostdev"]
    assert rehearsed["host"].pop("gathered_at")
    assert real["host"].pop("gathered_at")
    assert rehearsed == real
    assert len(real["claims"]) == 1


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (CLAIM, {"domain": "web1", "requests": [NIC]}),
        (CLAIM, {"domain": UUID, "requests": [{**NIC, "count": 3, "network": {"trust": True}}], "attach": ["live"]}),
        (CLAIM, {"owner": "dpdk0", "requests": [{"name": "pf", "address": IGB_PF}]}),
        (ALL, {"claims": [{"domain": "web1", "requests": [NIC]}, {"owner": "dpdk0", "requests": [NIC]}]}),
        (ALL, {"claims": [], "purge": True}),
        (RELEASE, {"domain": "web1"}),
        (RELEASE, {"addresses": [VF1]}),
        (RELEASE, {"orphans": True}),
        (SRIOV, {"address": IGB_PF, "number": 7, "take_over": True, "autoprobe": True, "settings": {"trust": True}}),
        (SRIOV, {"address": IGB_PF, "number": 7}),
        (SRIOV, {"specs": [{"class": "02"}], "number": "max", "eswitch_mode": "switchdev"}),
        (SRIOV, {"address": IGB_PF, "state": "absent"}),
        (ADOPT, {}),
        (ADOPT, {"domains": ["web1"], "take_over": True, "unattached_owner": "left"}),
        (ADOPT, {"domains": ["web2"]}),
        (RECONCILE, {}),
        (RECONCILE, {"persistent": True}),
        (CLAIM, {"owner": "dpdk0", "requests": [NIC], "limits": [{"specs": NIC["specs"], "most": 2, "until": "2h"}]}),
        (RELEASE, {"expired": True}),
    ],
)
@pytest.mark.parametrize("held", [False, True])
def test_a_rehearsal_tells_what_check_mode_on_the_host_does(runner, module, options, held):
    if held:
        runner.done(CLAIM, domain="web1", requests=[{**NIC, "count": 1}], limits=[{"until": "1h"}])
        runner.host.seconds += 3600
    path = recorded(runner)
    status, real = runner.run(module, **options, check=True, diff=True)
    assert runner.run(module, **options, check=True, diff=True, recording=path)[0] == status
    rehearsed = runner.run(module, **options, check=True, diff=True, recording=path)[1]
    # Where the record is, diffs tell too.
    told = json.dumps(shared(rehearsed)).replace(f"hostdev.fact in {path}", f"{runner.host.root}{RECORDS}/hostdev.fact")
    assert json.loads(told) == shared(real)


VFS = {"address": IGB_PF, "number": 4, "take_over": True, "autoprobe": True, "settings": {"trust": True}}


def test_vfs_on_record_are_as_in_check_mode_on_the_host(runner):
    """With their settings, the MTU of their PF, and the files that keep the host's network services off them."""
    runner.done(SRIOV, **VFS, mtu=9000)
    path = recorded(runner)
    assert runner.done(RECONCILE, check=True, diff=True, recording=path)["changed"] is False
    again = {**VFS, "settings": {"vlan": 7}, "mtu": 9000}
    for options in (again, {"address": IGB_PF, "state": "absent"}):
        rehearsed = runner.done(SRIOV, **options, check=True, diff=True, recording=path)
        assert shared(rehearsed) == shared(runner.done(SRIOV, **options, check=True, diff=True))
        assert rehearsed["changed"] is True


def test_who_makes_vfs_is_told_in_a_rehearsal(runner):
    runner.host.write("/etc/NetworkManager/conf.d/acme.conf", "[device-x]\nmatch-device=*\nsriov-num-vfs=4\n")
    path = recorded(runner)
    real = runner.done(SRIOV, address=IGB_PF, number=4, check=True)
    assert "sriov-num-vfs" in str(real["pfs"][0]["makers"])
    assert runner.done(SRIOV, address=IGB_PF, number=4, check=True, recording=path)["pfs"] == real["pfs"]
    real = runner.done(ADOPT, check=True)
    assert shared(runner.done(ADOPT, check=True, recording=path)) == shared(real)
    assert real["fighters"]


def test_what_no_domain_has_is_not_given_to_an_owner_where_no_domain_was_recorded(runner):
    """On the host libvirt's own files are looked at then."""
    path = recorded(runner, libvirt="none")
    assert runner.failed(ADOPT, unattached_owner="left", check=True, recording=path)["error"]["code"] == "no_libvirt"
    runner.done(ADOPT, check=True, recording=path)


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (CLAIM, {"domain": "web1", "requests": [NIC]}),
        (ALL, {"claims": [{"domain": "web1", "requests": [NIC]}]}),
        (RELEASE, {"domain": "web1"}),
        (SRIOV, VFS),
        (ADOPT, {}),
        (RECONCILE, {}),
    ],
)
def test_outside_of_check_mode_a_rehearsal_is_an_error_that_says_so(runner, module, options):
    path = recorded(runner)
    before = runner.host.whole_state()
    failed = runner.failed(module, **options, recording=path)
    assert failed["error"]["code"] == "rehearsal"
    assert "check_mode: true" in failed["msg"]
    assert runner.host.whole_state() == before


def test_a_rehearsal_needs_neither_root_nor_libvirt_nor_the_host(runner, monkeypatch):
    path = recorded(runner)
    opened = len(runner.opened)
    runner.without_binding()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Tree, "local", lambda *_arguments: pytest.fail("something of this machine was looked at"))
    claimed = runner.done(CLAIM, domain="web1", requests=[NIC], check=True, recording=path)
    assert [step["kind"] for step in claimed["plan"]].count("driver") == 2
    assert len(runner.done(FACTS, recording=path)["ansible_facts"]["hostdev"]["devices"]) > 10
    assert len(runner.opened) == opened


@pytest.mark.parametrize("anonymous", [False, True])
def test_what_gives_devices_away_at_boot_counts_in_a_rehearsal(runner, anonymous):
    """A device that libvirt had and leaves goes back to what the host boots with, see decision of adoption."""
    runner.host.write("/etc/modprobe.d/acme.conf", "options vfio-pci ids=8086:10ca\n")
    with gzip.open(recorded(runner, anonymous=anonymous), "rt") as file:
        binders = json.load(file)["binders"]
    assert [(told["kind"], told["ids"]) for told in binders] == [("modprobe.d", ["8086:10ca"])]
    assert ("acme" in str(binders)) is not anonymous
    host = rehearsing.RehearsedHost(read_recording(recorded(runner, anonymous=anonymous)), None)
    assert [fighter.ids for fighter in host.binders().fighters] == [("8086:10ca",)]


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_rehearsal_leaves_recording_and_machine_as_they_are(runner):
    runner.done(CLAIM, domain="web1", requests=[NIC])
    path = recorded(runner)
    folder = runner.host.root.parent
    os.chmod(path, 0o400)
    before = (digest(path), picture(folder), runner.host.libvirt.state(), list(runner.host.libvirt.log))
    for module, options in (
        (CLAIM, {"domain": "web1", "requests": [{**NIC, "count": 3}]}),
        (ALL, {"claims": [{"owner": "dpdk0", "requests": [{**NIC, "count": 1}]}], "purge": True, "orphans": True}),
        (RELEASE, {"domain": "web1"}),
        (ADOPT, {"take_over": True}),
        (SRIOV, VFS),
    ):
        assert runner.done(module, **options, check=True, recording=path)["changed"] is True
    runner.done(FACTS, recording=path)
    assert (digest(path), picture(folder), runner.host.libvirt.state(), list(runner.host.libvirt.log)) == before


def test_what_is_no_recording_is_told(runner, folder):
    path = folder / "other.json"
    for content, found in (
        (b"", "broken"),
        (b"{}", "no recording"),
        (b'{"kvm_hostdev_recording": 7}', "its form is 7"),
        (b'{"kvm_hostdev_recording": 1, "tree": []}', "tree is not of the form"),
        (b"\x1f\x8b\x08\x00", "broken"),
    ):
        path.write_bytes(content)
        failed = runner.failed(FACTS, recording=str(path))
        assert failed["error"]["code"] == "recording_unreadable"
        assert found in failed["error"]["found"]
    assert runner.failed(FACTS, recording=str(folder / "none"))["error"]["code"] == "recording_unreadable"


def test_a_host_without_libvirt_is_recorded_and_a_claim_for_a_domain_says_why_it_fails(runner):
    path = recorded(runner, libvirt="none")
    failed = runner.failed(CLAIM, domain="web1", requests=[NIC], check=True, recording=path)
    assert failed["error"]["code"] == "no_libvirt"
    assert "not recorded: not asked for" in failed["msg"]
    assert runner.done(CLAIM, owner="dpdk0", requests=[NIC], check=True, recording=path)["changed"] is True
    assert runner.done(FACTS, recording=path)["ansible_facts"]["hostdev"]["host"]["libvirt"] is False


def test_check_mode_records_nothing(runner, folder):
    told = runner.done(RECORD, dest=str(folder / "none"), check=True)
    assert (told["changed"], told["functions"] > 10, (folder / "none").exists()) == (True, True, False)


def test_a_recording_is_for_its_owner_alone(runner):
    path = recorded(runner, anonymous=True)
    assert os.stat(path).st_mode & 0o777 == 0o600


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ACTS = ("subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "socket.connect", "socket.bind")
_CHANGES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.truncate",
)
_heard: list[str] | None = None
_hooked: list[bool] = []
EFFECTS = (
    *(SysfsWriter, Binder, ExclusiveOpen, Iproute, VfSettings, PhysicalFunctions, PfLink, RecordFile, DomainChanges),
    *(PfStates, Eswitch),
    *(Keeper, Transaction, Executors, Recovery, OwnFiles, RemovalEvents),
)


def _hear(event: str, arguments: tuple) -> None:
    if _heard is None:
        return
    if event in (*_ACTS, *_CHANGES) or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES):
        _heard.append(f"{event} {arguments}")


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (FACTS, {}),
        (CLAIM, {"domain": "web1", "requests": [{**NIC, "count": 3}]}),
        (CLAIM, {"owner": "dpdk0", "requests": [{"name": "nic", "specs": [{"vendor_id": "8086"}]}]}),
        (ALL, {"claims": [{"owner": "dpdk0", "requests": [{**NIC, "count": 1}]}], "purge": True, "orphans": True}),
        (RELEASE, {"domain": "web1"}),
        (RELEASE, {"orphans": True}),
        (SRIOV, VFS),
        (SRIOV, {"address": IGB_PF, "state": "absent"}),
        (ADOPT, {"take_over": True}),
        (RECONCILE, {}),
    ],
)
def test_a_rehearsal_makes_no_effect_object_and_opens_nothing_for_writing(runner, monkeypatch, module, options):
    """By what Python itself is asked for: every open, every child, every change of a folder."""
    global _heard
    runner.done(CLAIM, domain="web1", requests=[NIC])
    path = recorded(runner)
    runner.done(module, **options, check=True, recording=path)  # what is imported is written into caches
    for effect in EFFECTS:
        monkeypatch.setattr(effect, "__init__", lambda made, *_rest, **_more: pytest.fail(f"{made!r:.0}{type(made)}"))
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked.append(True)
    _heard = []
    try:
        runner.done(module, **options, check=True, recording=path)
        assert _heard == []
        # What listens hears, at least, the writing of a recording.
        with open(f"{path}.other", "w"):
            assert len(_heard) == 1
    finally:
        _heard = None
