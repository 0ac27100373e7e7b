# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs and others: those that made them, claims, libvirt, and what was between two runs."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import physical_functions
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.vfs import VfsRun
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import (
    FOLDER,
    VF,
    killed_at,
    made,
    refused,
    vfs,
    without_vfs,
)


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


@pytest.fixture
def bare(host):
    return without_vfs(host)


def test_a_write_that_hangs_names_the_vf_that_has_lost_its_links(bare, monkeypatch):
    """Somebody opens it once all have been asked; the kernel says in its log which one it waits for."""
    bare.set_vfs(4)

    def opened(_run, _pf, _record):
        bare.kernel.load_module("vfio-pci")
        bare.kernel.store(f"/sys/bus/pci/devices/{VF.format(2)}/driver_override", "vfio-pci")
        bare.kernel.store("/sys/bus/pci/drivers_probe", VF.format(2))
        bare.kernel.opens(77, "dpdk-testpmd", [VF.format(2)])

    line = f"vfio-pci {VF.format(2)}: Relaying device request to user (#0)"
    monkeypatch.setattr(VfsRun, "_ask", opened)
    monkeypatch.setattr(physical_functions, "lines_about", lambda _tree, device: [line] if device in line else [])
    error = refused(lambda: bare.set_vfs(2))
    assert error.code == "vfs_hang"
    assert f"hangs in the kernel until VF {VF.format(2)} is let go" in error.found
    assert error.details["vfs"] == [VF.format(number) for number in (2, 4, 6)]
    assert made(bare)[IGB_PF]["wanted"]["number"] == 2


def test_a_vf_that_somebody_removes_from_a_program_that_keeps_it_is_named_with_both(bare):
    bare.set_vfs(4)
    bare.kernel.load_module("vfio-pci")
    bare.kernel.store(f"/sys/bus/pci/devices/{VF.format(2)}/driver_override", "vfio-pci")
    bare.kernel.store("/sys/bus/pci/drivers_probe", VF.format(2))
    bare.kernel.opens(77, "dpdk-testpmd", [VF.format(2)])
    with pytest.raises(TimeoutError):
        bare.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    path = f"{os.path.realpath(f'{bare.root}{FOLDER}')[len(str(bare.root)) :]}/sriov_numvfs"
    bare.write("/proc/81/comm", "sh\n")
    bare.write("/proc/81/fdinfo/1", "pos:\t0\nflags:\t0100001\n")
    (bare.root / "proc/81/fd").mkdir()
    os.symlink(path, bare.root / "proc/81/fd/1")

    uses = {use.detail for use in bare.system.inventory().host_uses[IGB_PF]}
    assert f"process 81 (sh) writes to {path}, and has {VF.format(2)} before it" in uses
    bare.kernel.log.clear()
    for number in (4, 2, None):
        error = refused(lambda number=number: bare.set_vfs(number, check_mode=True))
        assert (error.code, error.details["vfs"]) == ("vfs_hang", [VF.format(2)])
        assert f"process 81 (sh) writes to {path}" in error.found
        assert "process 77 (dpdk-testpmd) has /dev/vfio/" in error.found
    assert bare.kernel.log == []
    bare.kernel.ends(77)
    bare.kernel.ends(81)
    assert vfs(bare) == []
    assert bare.set_vfs(4).changed


def test_vfs_of_others_are_left_and_told(host):
    outcome = host.set_vfs(4, every={"trust": True})
    assert not outcome.changed
    assert "did not make" in outcome.warnings[0]
    assert "nothing is set of VF 0" in outcome.warnings[0]
    assert "persist" not in outcome.warnings[0]
    assert host.record_or_none() is None
    assert not host.set_vfs(None).changed
    assert len(vfs(host)) == 4


def test_vfs_of_others_do_not_come_back_and_that_is_told(host):
    outcome = host.set_vfs(4, persist=True)
    assert not outcome.changed
    assert "they do not come back at boot by persist" in outcome.warnings[0]


def test_fewer_vfs_of_others_than_asked_for_are_an_error_until_they_are_taken_over(host):
    error = refused(lambda: host.set_vfs(5))
    assert error.code == "foreign_vfs"
    assert "has 4 VFs" in error.found
    assert "take_over: true" in error.remedy
    assert refused(lambda: host.set_vfs(0)).code == "foreign_vfs"

    outcome = host.set_vfs(3, take_over=True)
    assert outcome.changed
    assert len(vfs(host)) == 3
    host.set_vfs(None)
    assert len(vfs(host)) == 4, "they were there before"


def test_what_was_set_of_vfs_that_were_taken_over_is_put_back(host):
    settings = host.links.settings[host.links.interface]
    settings[1].update(vlan=5, qos=1, trust=True)
    host.set_vfs(4, take_over=True, vfs={1: {"trust": False}, 2: {"max_tx_rate": 100}})
    assert (settings[1]["trust"], settings[1]["vlan"], settings[2]["max_tx_rate"]) == (False, 5, 100)
    host.set_vfs(None)
    settings = host.links.settings[host.links.interface]
    assert (settings[1]["trust"], settings[1]["vlan"], settings[2]["max_tx_rate"]) == (True, 5, 0)


LINK = "[Match]\nOriginalName=enp1s0\n[Link]\nSR-IOVVirtualFunctions=2\n"


def test_a_card_of_which_udevd_makes_vfs_is_left_to_it(bare):
    bare.write("/etc/systemd/network/10-vfs.link", LINK)
    error = refused(lambda: bare.set_vfs(4))
    assert error.code == "foreign_vfs"
    assert "/etc/systemd/network/10-vfs.link:4" in error.found
    assert bare.kernel.log == []

    outcome = bare.set_vfs(4, take_over=True)
    assert outcome.changed
    assert any("10-vfs.link:4" in warning and "take it out there" in warning for warning in outcome.warnings)
    assert not bare.set_vfs(4).changed


def test_what_may_be_about_another_card_only_warns(bare):
    bare.write("/etc/rc.local", "#!/bin/sh\nfor f in /sys/class/net/*/device/sriov_numvfs; do echo 4 > $f; done\n")
    outcome = bare.set_vfs(4)
    assert outcome.changed
    assert any("/etc/rc.local:2" in warning and "or of another card" in warning for warning in outcome.warnings)


def test_a_reboot_leaves_no_vfs_and_a_run_makes_them_again(bare):
    bare.set_vfs(4, vfs={0: {"trust": True}})
    bare.reboot()
    bare.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    outcome = bare.set_vfs(4)
    assert outcome.changed
    assert bare.links.settings[bare.links.interface][0]["trust"]
    bare.set_vfs(None)
    assert vfs(bare) == []


def test_after_a_reboot_nothing_is_made_only_to_be_given_back(bare):
    bare.set_vfs(4)
    bare.reboot()
    bare.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    bare.kernel.log.clear()
    outcome = bare.set_vfs(None)
    assert outcome.changed
    assert not [line for line in bare.kernel.log if "numvfs" in line]
    assert "vfs" not in bare.record


def test_an_interrupted_change_is_undone_by_the_next_run(bare, monkeypatch):
    before = bare.host_state()

    killed_at(bare, monkeypatch, "_set_settings")
    assert bare.record["vfs_journal"][0]["address"] == IGB_PF
    warned = bare.set_vfs(None, check_mode=True)
    assert any("interrupted change of the VFs" in warning for warning in warned.warnings)

    outcome = bare.release(owner="nobody")  # whichever run comes next
    assert any("undid an interrupted change of the VFs" in warning for warning in outcome.warnings)
    assert bare.host_state() == before
    assert "vfs_journal" not in bare.record


def test_an_interrupted_change_whose_vfs_are_in_use_by_now_stays_on_record(bare, monkeypatch):
    killed_at(bare, monkeypatch, "_verify")
    bare.kernel.load_module("vfio-pci")
    bare.kernel.store(f"/sys/bus/pci/devices/{VF.format(2)}/driver_override", "vfio-pci")
    bare.kernel.store("/sys/bus/pci/drivers_probe", VF.format(2))
    bare.kernel.opens(77, "dpdk-testpmd", [VF.format(2)])
    outcome = bare.release(owner="nobody")
    assert any("is left as it is" in warning for warning in outcome.warnings)
    assert made(bare)[IGB_PF]["wanted"]["number"] == 4
    assert len(vfs(bare)) == 4


def test_what_libvirt_or_a_claim_has_set_is_theirs_while_a_guest_has_it(bare):
    bare.set_vfs(2, vfs={0: {"vlan": 100, "qos": 3, "vlan_protocol": "802.1Q", "trust": False}})
    bare.claim({"name": "nic", "address": VF.format(0), "network": {"mac": "52:54:00:12:34:56", "trust": True}})
    settings = bare.links.settings[bare.links.interface]
    settings[0]["vlan"] = 0  # as libvirt leaves it without one in the XML
    bare.links.log.clear()
    outcome = bare.set_vfs(2, vfs={0: {"vlan": 100, "qos": 3, "vlan_protocol": "802.1Q", "trust": False}})
    assert not [line for line in bare.links.log if "vf 0" in line]
    assert any("while a guest has it" in warning for warning in outcome.warnings)
    assert settings[0]["trust"]
    bare.release()
    settings[0]["vlan"] = 0
    outcome = bare.set_vfs(2, vfs={0: {"vlan": 100, "qos": 3, "vlan_protocol": "802.1Q", "trust": False}})
    assert outcome.changed
    assert (settings[0]["vlan"], settings[0]["qos"]) == (100, 3)


def test_vfs_on_record_for_owners_are_made_again_before_there_may_be_fewer(bare):
    bare.set_vfs(4)
    bare.claim({"name": "nic", "address": VF.format(6)}, attach=())
    bare.reboot()
    bare.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    for number in (2, 0, None):
        error = refused(lambda number=number: bare.set_vfs(number))
        assert error.code == "vfs_in_use"
        assert "0000:01:10.6, which was not made again since the host was booted: held by domain web1" in error.found
        assert "make 4 VFs again" in error.remedy
    assert bare.set_vfs(4).changed


def test_what_a_claim_has_set_is_no_state_to_go_back_to(host):
    host.claim({"name": "nic", "address": VF.format(0), "network": {"trust": True}}, attach=())
    host.set_vfs(4, take_over=True, vfs={1: {"trust": True}})
    original = made(host)[IGB_PF]["original"]["vfs"]
    assert "trust" not in original["0"]
    assert original["1"]["trust"] is False


def test_a_card_that_was_put_in_after_an_interrupted_change_is_left_alone(bare, monkeypatch):
    killed_at(bare, monkeypatch, "_verify")
    record = bare.record
    record["vfs_journal"][0]["after"]["identity"]["serial"] = "52:54:00:00:00:01"
    bare.write("/etc/ansible/facts.d/hostdev.fact", json.dumps(record))
    outcome = bare.release(owner="nobody")
    assert any("that card is not there any more" in warning for warning in outcome.warnings)
    assert len(vfs(bare)) == 4


def test_a_guest_that_is_trusted_may_change_its_address_at_once(bare):
    was, chosen = "52:54:00:00:00:01", "52:54:00:00:00:02"
    bare.set_vfs(4, vfs={1: {"mac": was}})
    bare.links.restless = {1: chosen}
    assert bare.set_vfs(4, vfs={1: {"trust": True}}).changed
    settings = bare.links.settings[bare.links.interface]
    assert (settings[1]["mac"], settings[1]["trust"]) == (chosen, True)

    bare.links.stubborn = {"mac"}
    error = refused(lambda: bare.set_vfs(4, vfs={1: {"mac": was}}))
    told = f"the kernel took it, but the driver shows mac {chosen}"
    assert (error.code, error.found) == ("vf_setting_failed", told)
