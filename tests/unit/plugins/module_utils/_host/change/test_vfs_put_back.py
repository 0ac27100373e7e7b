# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is put back of PFs and their VFs, after an error or by state=absent, and what is left since it is others'."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import (
    FOLDER,
    VF,
    refused,
    without_vfs,
)

MAC, OTHER_MAC = "52:54:00:12:34:56", "52:54:00:12:34:58"
NO_MAC = "00:00:00:00:00:00"


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


@pytest.fixture
def bare(host):
    return without_vfs(host)


def settings(host):
    return host.links.settings[host.links.interface]


def test_a_vf_may_choose_its_address_again(bare):
    bare.set_vfs(2, vfs={0: {"mac": MAC}})
    assert bare.set_vfs(2, vfs={0: {"mac": NO_MAC}}).changed
    assert settings(bare)[0]["mac"] == NO_MAC
    settings(bare)[0]["mac"] = OTHER_MAC  # its own choice
    assert not bare.set_vfs(2, vfs={0: {"mac": NO_MAC}}).changed


def test_an_undo_takes_back_an_address(bare):
    bare.set_vfs(2)
    bare.links.refused["trust"] = errno.EPERM
    refused(lambda: bare.set_vfs(2, vfs={0: {"mac": MAC}, 1: {"trust": True}}))
    assert settings(bare)[0]["mac"] == NO_MAC


def test_absent_takes_back_an_address(host):
    host.set_vfs(4, take_over=True, vfs={0: {"mac": MAC}})
    host.set_vfs(None)
    assert settings(host)[0]["mac"] == NO_MAC


@pytest.mark.parametrize("number", [None, 2])
def test_a_record_that_can_not_be_written_says_what_there_is_once_it_can(bare, monkeypatch, number):
    bare.set_vfs(4)
    before, record = bare.host_state(), bare.record
    write, calls = type(bare.file).write, []

    def fails_second(file, what):
        calls.append(what)
        if len(calls) == 2:
            raise HostdevError("record_unwritable", subject="the record", found="no space")
        write(file, what)

    with monkeypatch.context() as patch:
        patch.setattr(type(bare.file), "write", fails_second)
        refused(lambda: bare.set_vfs(number))
    assert bare.host_state() == before
    assert bare.record["vfs"] == record["vfs"]


def test_nothing_is_on_record_of_vfs_whose_record_could_not_be_written(bare, monkeypatch):
    before = bare.host_state()
    write, calls = type(bare.file).write, []

    def fails_second(file, what):
        calls.append(what)
        if len(calls) == 2:
            raise HostdevError("record_unwritable", subject="the record", found="no space")
        write(file, what)

    monkeypatch.setattr(type(bare.file), "write", fails_second)
    refused(lambda: bare.set_vfs(4))
    assert bare.host_state() == before
    assert "vfs" not in bare.record


def test_an_e_switch_that_was_asked_for_later_is_given_back(bare):
    bare.links.eswitch = "legacy"
    bare.set_vfs(4)
    bare.set_vfs(4, eswitch="switchdev")
    bare.set_vfs(4)
    bare.set_vfs(None)
    assert bare.links.eswitch == "legacy"


def test_an_e_switch_that_is_as_it_was_is_no_restart(host):
    host.links.eswitch = "legacy"
    host.set_vfs(4, take_over=True, eswitch="legacy")
    host.claim({"name": "nic", "address": VF.format(6)})
    assert host.set_vfs(None).changed
    assert "vfs" not in host.record


def test_a_pf_is_not_taken_down_under_vfs_in_use(host):
    host.links.online = False
    host.set_vfs(4, take_over=True)
    host.claim({"name": "nic", "address": VF.format(6)})
    assert refused(lambda: host.set_vfs(None)).code == "vfs_in_use"
    assert host.links.online
    host.release()
    host.set_vfs(None)
    assert not host.links.online


def test_a_pf_is_not_restarted_under_vfs_that_others_made_since(bare):
    bare.set_vfs(4, mtu=9000)
    bare.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    bare.kernel.store(f"{FOLDER}/sriov_numvfs", "3")
    bare.claim({"name": "nic", "address": VF.format(0)})
    outcome = bare.set_vfs(None)
    assert any("stays as it is" in warning for warning in outcome.warnings)
    assert (bare.links.online, bare.links.mtu) == (True, 9000)
    assert "vfs" not in bare.record


def test_an_mtu_that_was_never_asked_for_is_left(bare):
    bare.set_vfs(4)
    bare.links.mtu = 9000  # by the host's own network
    bare.set_vfs(None)
    assert bare.links.mtu == 9000


def test_an_mtu_that_was_asked_for_later_is_given_back_as_it_was_then(bare):
    bare.set_vfs(4)
    bare.links.mtu = 4000
    bare.set_vfs(4, mtu=9000)
    bare.set_vfs(None)
    assert bare.links.mtu == 4000


def test_absent_works_without_the_pf_s_driver(bare):
    bare.set_vfs(4, mtu=9000)
    bare.kernel.store(f"{FOLDER}/driver/unbind", IGB_PF)
    outcome = bare.set_vfs(None)
    assert outcome.changed
    assert "vfs" not in bare.record


def test_absent_works_where_sr_iov_is_switched_off_since(bare):
    bare.set_vfs(4)
    bare.reboot()
    bare.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    bare.write(f"{FOLDER}/sriov_totalvfs", "0\n")
    assert bare.set_vfs(None).changed
    assert "vfs" not in bare.record


@pytest.mark.parametrize("wish", [{"every": {"vlan": 5}}, {"mtu": 9000}])
def test_what_needs_an_interface_is_refused_before_a_write_without_one(bare, wish):
    interfaces = Path(f"{bare.root}{FOLDER}/net")
    for name in os.listdir(interfaces):
        os.rename(interfaces / name, f"{bare.root}/{name}")
    error = refused(lambda: bare.set_vfs(4, check_mode=True, **wish))
    assert "no network interface" in error.found
    assert bare.kernel.log == []


def test_a_vf_that_is_not_shown_for_a_moment_is_on_record_as_it_was(host):
    settings(host)[2].update(vlan=5, qos=1)
    host.system.pfs._pauses = (0, 0, 0)
    host.links.hidden[2] = 2
    host.set_vfs(4, take_over=True, vfs={2: {"vlan": 9, "qos": 0, "vlan_protocol": "802.1Q"}})
    assert host.record["vfs"][0]["original"]["vfs"]["2"]["vlan"] == 5
    host.set_vfs(None)
    assert (settings(host)[2]["vlan"], settings(host)[2]["qos"]) == (5, 1)


def test_an_address_that_another_vf_was_given_before_is_refused(bare):
    bare.set_vfs(2, vfs={0: {"mac": MAC}})
    error = refused(lambda: bare.set_vfs(2, vfs={1: {"mac": MAC}}))
    assert "VF 0" in error.found
    assert bare.set_vfs(2, vfs={0: {"mac": OTHER_MAC}, 1: {"mac": MAC}}).changed


def test_the_address_of_the_pf_itself_is_refused(bare):
    """The card would give the VF what is sent to the host."""
    own = (bare.root / f"sys/bus/pci/devices/{IGB_PF}/net/{bare.links.interface}/address").read_text().strip()
    error = refused(lambda: bare.set_vfs(2, vfs={1: {"mac": own}}))
    assert (error.code, error.subject) == ("invalid_option", f"mac of VF 1 of {IGB_PF}")
    assert f"{own}, which the PF itself has" in error.found
    assert bare.kernel.log == []


def test_an_undo_gives_addresses_back_to_vfs_of_others(host):
    settings(host)[1].update(mac=MAC)
    before = host.host_state()
    host.kernel.fail(3, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    refused(lambda: host.set_vfs(3, take_over=True))
    assert host.host_state() == before


def test_addresses_of_vfs_that_are_taken_over_and_stay_are_set_again(host):
    settings(host)[1].update(mac=MAC)
    host.set_vfs(3, take_over=True)
    assert settings(host)[1]["mac"] == MAC
    host.set_vfs(2)
    assert settings(host)[1]["mac"] == MAC


@pytest.mark.parametrize("fails", [False, True])
def test_cards_that_changed_places_keep_their_entries(bare, fails):
    bare.set_vfs(4)
    bare.write("/sys/bus/pci/devices/0000:03:00.0/sriov_totalvfs", "7\n")
    second = bare.system.inventory().devices["0000:03:00.0"]
    record = bare.record
    (entry,) = record["vfs"]
    record["vfs"] = [
        {**entry, "address": IGB_PF, "identity": second.identity},
        {**entry, "address": second.address},
    ]
    bare.write("/etc/ansible/facts.d/hostdev.fact", json.dumps(record))
    if fails:
        bare.links.refused["trust"] = errno.EPERM
        refused(lambda: bare.set_vfs(4, vfs={0: {"trust": True}}))
    else:
        assert bare.set_vfs(4).changed
    kept = {made["address"]: made["identity"] for made in bare.record["vfs"]}
    assert kept == {IGB_PF: entry["identity"], second.address: second.identity}


def test_a_spoof_check_is_on_again_where_a_run_ended_while_an_address_changed(bare, monkeypatch):
    class Killed(BaseException):
        pass

    bare.set_vfs(2)
    before = bare.host_state()
    ask = type(bare.links).__call__

    def dies(links, words):
        if "mac" in words:
            raise Killed
        return ask(links, words)

    with monkeypatch.context() as patch:
        patch.setattr(type(bare.links), "__call__", dies)
        with pytest.raises(Killed):
            bare.set_vfs(2, vfs={1: {"mac": MAC}})
    assert not settings(bare)[1]["spoof_check"]
    bare.release(owner="nobody")
    assert bare.host_state() == before


def test_an_interrupted_change_takes_no_pf_down_under_vfs_in_use_by_now(host, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_args):
        raise Killed

    host.links.online = False
    with monkeypatch.context() as patch:
        patch.setattr(type(host.system.pfs), "_verify", die)
        with pytest.raises(Killed):
            host.set_vfs(4, take_over=True)
    host.kernel.load_module("vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{VF.format(2)}/driver/unbind", VF.format(2))
    host.kernel.store(f"/sys/bus/pci/devices/{VF.format(2)}/driver_override", "vfio-pci")
    host.kernel.store("/sys/bus/pci/drivers_probe", VF.format(2))
    host.kernel.opens(77, "dpdk-testpmd", [VF.format(2)])
    outcome = host.release(owner="nobody")
    assert any("is left as it is" in warning for warning in outcome.warnings)
    assert host.links.online
