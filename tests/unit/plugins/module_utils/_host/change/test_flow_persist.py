# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which claims and VFs come back when the host is started anew, and what lies on the host for that."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.flow import Flow
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.paths import MADE_FOLDERS, PROGRAM
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.wanted import persistent
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    AUTOSTART,
    OTHER_UUID,
    LibvirtError,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import refused, without_vfs

NVME, VF = "0000:04:00.0", "0000:01:10.0"
DISK = {"name": "disk", "address": NVME}
NO_SYSTEMD = HostdevError("persist_failed", subject="this host", found="no systemd", wanted="systemd")


class Keeper:
    """Notes what it is asked for, and by then whether the device was with VFIO; `failing` can't keep anything."""

    def __init__(self, host):
        self.host, self.failing, self.calls, self.warnings = host, False, [], []

    def prepare(self, check=False):
        self._note("prepare", check)
        return []

    def keep(self, tracker, check=False):
        wanted = persistent(tracker)
        self._note("keep" if wanted else "remove", check)
        there = self.host.root / PROGRAM[1:]
        if wanted == there.exists():
            return []
        if not check and wanted:
            self.host.write(PROGRAM, "")
        elif not check:
            there.unlink()
        return [{"before_header": PROGRAM, "after_header": PROGRAM, "before": "", "after": ""}]

    def _note(self, what, check):
        self.calls.append((what, check, self.host.kernel.driver(NVME)))
        if self.failing:
            raise NO_SYSTEMD

    @property
    def words(self):
        return [what for what, _check, _driver in self.calls]


@pytest.fixture
def keeper(lab_host, monkeypatch):
    made = Keeper(lab_host)
    plain = lab_host.flow

    def flow(**options):
        flow = plain(**options)
        flow._kept._make = lambda: made
        return flow

    monkeypatch.setattr(lab_host, "flow", flow)
    return made


def comes_back(host):
    return [claim.get("persist", False) for claim in host.record["claims"]]


@pytest.mark.parametrize("autostarts", [True, False])
def test_a_claim_comes_back_where_its_domain_starts_with_the_host(lab_host, keeper, autostarts):
    lab_host.domain.autostarts = autostarts
    assert lab_host.claim(DISK).changed
    assert comes_back(lab_host) == [autostarts]
    assert keeper.words == (["prepare", "prepare", "keep"] if autostarts else [])


@pytest.mark.parametrize(("autostarts", "persist", "told"), [(True, None, 1), (True, False, 0), (False, None, 0)])
def test_where_nothing_is_kept_a_domain_that_starts_with_the_host_is_told_of_it(lab_host, autostarts, persist, told):
    """As with a record in a folder that no unit reads."""
    lab_host.domain.autostarts = autostarts
    outcome = lab_host.claim(DISK, persist=persist)
    assert len([text for text in outcome.warnings if "do not come back" in text and "web1" in text]) == told
    assert comes_back(lab_host) == [False]


def test_a_claim_of_no_domain_comes_back_where_that_is_asked_for(lab_host, keeper):
    lab_host.claim(DISK, owner="dpdk0")
    assert comes_back(lab_host) == [False]
    lab_host.claim(DISK, owner="dpdk0", persist=True)
    assert comes_back(lab_host) == [True]


@pytest.mark.parametrize("said", [True, False])
def test_what_is_said_counts_whatever_the_domain_does(lab_host, keeper, said):
    lab_host.domain.autostarts = not said
    lab_host.claim(DISK, persist=said)
    assert comes_back(lab_host) == [said]


def test_what_was_said_stays_where_nothing_is_said(lab_host, keeper):
    lab_host.claim(DISK, persist=True)
    assert not lab_host.claim(DISK).changed
    assert comes_back(lab_host) == [True]
    assert lab_host.claim(DISK, persist=False).changed
    assert comes_back(lab_host) == [False]
    assert keeper.words[-1] == "remove"


def test_a_libvirt_that_does_not_tell_of_autostart(lab_host, keeper, monkeypatch):
    lab_host.domain.autostarts = True
    listed = lab_host.libvirt.listAllDomains

    def refusing(flags):
        if flags == AUTOSTART:
            raise LibvirtError("not supported")
        return listed(flags)

    monkeypatch.setattr(lab_host.libvirt, "listAllDomains", refusing)
    lab_host.claim(DISK)
    assert comes_back(lab_host) == [False]


def test_libvirt_is_asked_once_which_domains_start_with_the_host(lab_host, keeper, monkeypatch):
    asked, listed = [], lab_host.libvirt.listAllDomains
    monkeypatch.setattr(lab_host.libvirt, "listAllDomains", lambda flags: asked.append(flags) or listed(flags))
    db = lab_host.libvirt.define("db1", OTHER_UUID, config=domain_xml(name="db1", uuid=OTHER_UUID))
    db.autostarts = True
    lab_host.passthrough({"web1": [DISK], "db1": [{"name": "nic", "address": "0000:01:10.0"}]})
    assert [claim["owner"]["label"] for claim in lab_host.record["claims"] if claim.get("persist")] == ["db1"]
    assert asked.count(AUTOSTART) == 1


def test_of_several_owners_the_one_is_named_whose_devices_can_not_come_back(lab_host, keeper):
    keeper.failing = True
    error = refused(lambda: lab_host.passthrough({"dpdk0": [DISK]}, persist=True))
    assert (error.code, error.subject) == ("persist_failed", f"claims[0] (dpdk0): {NO_SYSTEMD.subject}")


def test_it_fails_before_anything_is_touched(lab_host, keeper):
    keeper.failing = True
    before = lab_host.host_state()
    assert refused(lambda: lab_host.claim(DISK, persist=True)).code == "persist_failed"
    assert lab_host.host_state() == before
    assert lab_host.kernel.log == []
    assert lab_host.record_or_none() is None


def test_where_nobody_asked_for_it_the_claim_is_made_with_a_warning(lab_host, keeper):
    keeper.failing = lab_host.domain.autostarts = True
    outcome = lab_host.claim(DISK)
    assert comes_back(lab_host) == [False]
    assert lab_host.kernel.driver(NVME) == "vfio-pci"
    (told,) = [warning for warning in outcome.warnings if "no systemd" in warning]
    assert told.startswith("the devices of domain web1 do not come back")


def test_where_nobody_asks_for_it_now_a_claim_is_mended_with_a_warning(lab_host, keeper):
    lab_host.claim(DISK, persist=True)
    keeper.failing = True
    outcome = lab_host.claim({**DISK, "boot_order": 1})
    assert outcome.changed
    assert comes_back(lab_host) == [True]
    assert any("no systemd" in warning for warning in outcome.warnings)


def test_what_can_fail_is_there_before_a_device_is_touched(lab_host, keeper):
    lab_host.claim(DISK, persist=True)
    first, *_others, last = keeper.calls
    assert (first[0], first[2]) == ("prepare", "nvme")
    assert (last[0], last[2]) == ("keep", "vfio-pci")


def test_a_claim_that_fails_leaves_nothing(lab_host, keeper):
    lab_host.kernel.refuse(NVME, "vfio-pci")
    refused(lambda: lab_host.claim(DISK, persist=True))
    assert keeper.words[-1] != "keep"
    assert not lab_host.tree.exists(PROGRAM)


def test_check_mode_tells_of_the_files_and_writes_none(lab_host, keeper):
    before = lab_host.whole_state()
    outcome = lab_host.claim(DISK, persist=True, check_mode=True)
    assert lab_host.whole_state() == before
    assert {check for _what, check, _driver in keeper.calls} == {True}
    assert any(entry["after_header"] == PROGRAM for entry in outcome.diff)


def test_a_release_removes_what_nothing_needs(lab_host, keeper):
    lab_host.claim(DISK, persist=True)
    assert lab_host.tree.exists(PROGRAM)
    told = lab_host.release(check_mode=True)
    assert any(entry["after_header"] == PROGRAM for entry in told.diff)
    lab_host.release()
    assert not lab_host.tree.exists(PROGRAM)


@pytest.mark.parametrize("left", [[PROGRAM, MADE_FOLDERS], [MADE_FOLDERS], []])
def test_a_removal_that_was_cut_off_is_taken_up_again(lab_host, keeper, left):
    for path in left:
        lab_host.write(path, "")
    lab_host.release(owner="dpdk0")
    assert keeper.words == (["remove"] if left else [])


def test_vfs_come_back_where_that_is_asked_for(lab_host, keeper):
    without_vfs(lab_host)
    lab_host.set_vfs(2)
    assert "persist" not in lab_host.record["vfs"][0]
    assert lab_host.set_vfs(2, persist=True).changed
    assert lab_host.record["vfs"][0]["persist"] is True
    assert not lab_host.set_vfs(2, persist=True).changed
    assert lab_host.set_vfs(2, persist=False).changed
    assert keeper.words[-1] == "remove"


def test_vfs_fail_before_anything_is_touched(lab_host, keeper):
    without_vfs(lab_host)
    keeper.failing = True
    before = lab_host.host_state()
    assert refused(lambda: lab_host.set_vfs(2, persist=True)).code == "persist_failed"
    assert lab_host.host_state() == before


def test_a_reconciliation_keeps_it_in_step(lab_host, keeper):
    lab_host.claim(DISK, persist=True)
    (lab_host.root / PROGRAM[1:]).unlink()
    assert lab_host.flow().reconcile().changed
    assert lab_host.tree.exists(PROGRAM)
    assert not lab_host.flow().reconcile().changed


def test_a_flow_without_a_keeper_keeps_nothing(lab_host):
    lab_host.claim(DISK, persist=True)
    assert isinstance(lab_host.flow(), Flow)
    assert not lab_host.tree.exists(PROGRAM)
