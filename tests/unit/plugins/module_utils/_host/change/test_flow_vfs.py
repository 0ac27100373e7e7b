# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making VFs on the lab host's igb: who is asked, what is written, read back and put on record."""

from __future__ import annotations

import errno
import json
import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.pfs import check_rates
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.wish import VfsWish
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import pf
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import (
    FOLDER,
    VF,
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


def test_vfs_are_made_and_on_record_and_a_second_run_writes_nothing(bare):
    before = bare.host_state()
    assert bare.set_vfs(4, check_mode=True).changed
    assert bare.host_state() == before
    assert bare.record_or_none() is None

    outcome = bare.set_vfs(4)
    assert outcome.changed
    assert vfs(bare) == ["virtfn0", "virtfn1", "virtfn2", "virtfn3"]
    assert bare.links.online
    assert bare.kernel.driver(VF.format(0)) is None, "the host's own driver must not take it"
    assert bare.kernel.log == [
        f"devices/{IGB_PF}/sriov_drivers_autoprobe <- '0'",
        f"devices/{IGB_PF}/sriov_numvfs <- '4'",
    ]
    entry = made(bare)[IGB_PF]
    assert entry["wanted"] == {"number": 4, "autoprobe": False, "up": True}
    assert entry["original"] == {"number": 0, "autoprobe": True, "up": False, "mtu": 1500}

    bare.kernel.log.clear()
    bare.links.log.clear()
    record = bare.record
    assert not bare.set_vfs(4).changed
    assert (bare.kernel.log, bare.links.log, bare.record) == ([], [], record)


def test_check_mode_tells_the_same_plan_and_diff(bare):
    wish = {"vfs": {1: {"vlan": 5, "qos": 2, "vlan_protocol": "802.1Q"}}}
    foretold = bare.set_vfs(3, check_mode=True, **wish)
    done = bare.set_vfs(3, **wish)
    assert foretold.diff == done.diff
    assert "number: 0\n" in done.diff[0]["before"]
    assert "number: 3\n" in done.diff[0]["after"]
    assert "VF 1 vlan: 5\n" in done.diff[0]["after"]


def test_all_is_given_back_as_it_was(bare):
    before = bare.host_state()
    bare.set_vfs(4, vfs={0: {"mac": "52:54:00:12:34:56"}}, mtu=9000)
    assert bare.links.mtu == 9000
    assert bare.set_vfs(None).changed
    assert bare.host_state() == before
    assert "vfs" not in bare.record
    assert not bare.set_vfs(None).changed


def test_another_number_goes_through_0_and_what_was_set_is_set_again(bare):
    bare.set_vfs(4, vfs={0: {"vlan": 7, "qos": 0, "vlan_protocol": "802.1Q", "trust": True}})
    bare.links.settings[bare.links.interface][1]["vlan"] = 9  # by somebody's hand
    bare.kernel.log.clear()
    bare.set_vfs(2)
    assert bare.kernel.log == [
        f"devices/{IGB_PF}/sriov_numvfs <- '0'",
        f"devices/{IGB_PF}/sriov_numvfs <- '2'",
    ]
    settings = bare.links.settings[bare.links.interface]
    assert (settings[0]["vlan"], settings[0]["trust"], settings[1]["vlan"]) == (7, True, 9)


def test_more_than_the_driver_makes_is_refused_before_a_write(bare):
    error = refused(lambda: bare.set_vfs(8, check_mode=True))
    assert (error.code, error.subject) == ("too_many_vfs", IGB_PF)
    assert "7 at most" in error.wanted
    assert "sriov_totalvfs" in error.wanted
    assert bare.kernel.log == []


def test_a_claimed_vf_is_named_with_its_owner_before_anything_is_written(bare):
    bare.set_vfs(4)
    bare.claim({"name": "nic", "address": VF.format(6)})
    bare.kernel.log.clear()
    for number in (2, 0, None):
        error = refused(lambda number=number: bare.set_vfs(number))
        assert error.code == "vfs_in_use"
        assert "VF 3 (0000:01:10.6): held by domain web1" in error.found
    assert bare.kernel.log == []
    assert not bare.set_vfs(4).changed


def test_a_vf_of_a_domain_that_is_shut_off_counts(bare):
    bare.set_vfs(4)
    bare.claim({"name": "nic", "address": VF.format(0)}, attach=("config",))
    record = bare.record
    record["claims"] = []
    bare.write("/etc/ansible/facts.d/hostdev.fact", json.dumps(record))
    assert "domain web1" in refused(lambda: bare.set_vfs(2)).found


def test_a_vf_that_somebody_began_to_use_since_it_was_decided_stays(bare, monkeypatch):
    bare.set_vfs(4)
    from ansible_collections.kvm.hostdev.plugins.module_utils._host.change import vfs as module

    decide = module.decide_vfs

    def then_used(*args):
        decision = decide(*args)
        bare.kernel.load_module("vfio-pci")
        bare.kernel.store(f"/sys/bus/pci/devices/{VF.format(2)}/driver_override", "vfio-pci")
        bare.kernel.store("/sys/bus/pci/drivers_probe", VF.format(2))
        bare.kernel.opens(77, "dpdk-testpmd", [VF.format(2)])
        return decision

    monkeypatch.setattr(module, "decide_vfs", then_used)
    error = refused(lambda: bare.set_vfs(2))
    assert error.code == "vfs_in_use"
    assert "VF 1 (0000:01:10.2): held_by_process" in error.found
    assert len(vfs(bare)) == 4
    assert bare.record.get("vfs_journal") is None


def test_a_setting_that_is_refused_in_the_middle_leads_all_back(bare):
    before = bare.host_state()
    bare.links.refused["trust"] = errno.EPERM
    error = refused(lambda: bare.set_vfs(4, every={"vlan": 3}, vfs={3: {"trust": True}}))
    assert error.code == "vf_setting_failed"
    assert "VF 3" in error.subject
    assert bare.host_state() == before
    assert "vfs" not in bare.record
    assert "vfs_journal" not in bare.record


def test_what_a_driver_is_known_to_refuse_is_refused_before_a_write(bare):
    error = refused(lambda: bare.set_vfs(4, check_mode=True, vfs={2: {"vlan": 100, "link_state": "enable"}}))
    assert "igb" in error.found
    assert "link_state" in error.subject
    assert bare.kernel.log == bare.links.log == []


def test_a_driver_that_makes_fewer_and_says_success_is_found_out(bare):
    before = bare.host_state()
    bare.kernel.makes_at_most = 2
    error = refused(lambda: bare.set_vfs(4))
    assert "there are 2" in error.found or "2 " in error.found
    assert bare.host_state() == before


def test_a_refused_number_is_led_back_to_what_there_was(bare):
    bare.set_vfs(4, vfs={1: {"trust": True}})
    before = bare.host_state()
    bare.kernel.fail(2, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert refused(lambda: bare.set_vfs(2)).code
    assert bare.host_state() == before
    assert made(bare)[IGB_PF]["wanted"]["number"] == 4


def test_a_pf_without_its_driver_is_refused(bare):
    bare.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/driver/unbind", IGB_PF)
    error = refused(lambda: bare.set_vfs(4))
    assert (error.code, error.subject) == ("pf_without_driver", IGB_PF)


def test_a_claimed_pf_is_refused(bare):
    bare.claim({"name": "nic", "address": IGB_PF})
    error = refused(lambda: bare.set_vfs(4))
    assert error.code == "pf_in_use"
    assert "held by domain web1" in error.found


def test_no_e_switch_no_switchdev(bare):
    error = refused(lambda: bare.set_vfs(4, eswitch="switchdev"))
    assert "e-switch" in error.found
    assert bare.kernel.log == []


def test_an_e_switch_changes_its_mode_and_back(bare):
    bare.links.eswitch = "legacy"
    bare.set_vfs(4, eswitch="switchdev")
    assert bare.links.eswitch == "switchdev"
    bare.set_vfs(None)
    assert bare.links.eswitch == "legacy"


def test_an_mtu_is_raised_and_a_larger_one_is_left_and_told(bare):
    bare.set_vfs(2, mtu=9000)
    outcome = bare.set_vfs(2, mtu=4000)
    assert bare.links.mtu == 9000
    assert any("MTU of 9000" in warning for warning in outcome.warnings)
    bare.links.mtu = 3500
    bare.set_vfs(2, mtu=4000)
    assert bare.links.mtu == 4000


def test_an_mtu_is_not_raised_under_a_vf_in_use(bare):
    bare.set_vfs(2)
    bare.claim({"name": "nic", "address": VF.format(0)})
    assert "a restart of the PF" in refused(lambda: bare.set_vfs(2, mtu=9000)).subject


def test_no_vfs_where_there_are_none_are_not_ours(bare):
    assert not bare.set_vfs(0).changed
    bare.set_vfs(4)
    before = bare.record["vfs"]
    assert before
    bare.set_vfs(0)
    assert "vfs" not in bare.record
    assert not bare.links.online


def test_a_pf_that_the_host_uses_by_now_stays_up(bare):
    bare.set_vfs(4)
    inventory = type(bare.system.inventory())
    uses = {IGB_PF: [HostUse("ip_configured", IGB_PF, "192.0.2.1 on enp1s0")]}
    original = inventory.host_uses
    try:
        inventory.host_uses = uses
        outcome = bare.set_vfs(None)
    finally:
        inventory.host_uses = original
    assert bare.links.online
    assert any("stays up" in warning for warning in outcome.warnings)


def test_an_undo_of_settings_writes_no_address_that_a_vf_gave_itself(bare):
    bare.set_vfs(4)
    own = "52:54:00:99:99:99"
    bare.links.settings[bare.links.interface][0]["mac"] = own
    bare.links.refused["trust"] = errno.EPERM
    bare.links.log.clear()
    refused(lambda: bare.set_vfs(4, vfs={0: {"vlan": 5, "qos": 0, "vlan_protocol": "802.1Q"}, 1: {"trust": True}}))
    assert bare.links.settings[bare.links.interface][0]["vlan"] == 0
    assert not [line for line in bare.links.log if "mac" in line]


def test_one_address_for_several_vfs_is_refused(bare):
    error = refused(lambda: bare.set_vfs(2, every={"mac": "52:54:00:12:34:56"}))
    assert error.subject == "settings.mac"
    assert bare.set_vfs(1, every={"mac": "52:54:00:12:34:56"}).changed


def test_the_record_counts_the_free_vfs(bare):
    bare.set_vfs(3)
    counts = [pool["count"] for pool in bare.record["pools"] if pool.get("product_id") == "10ca"]
    assert sum(counts) == 3


RULES = "etc/udev/rules.d/90-kvm-hostdev-vfs.rules"
NETWORK = "etc/systemd/network/00-kvm-hostdev-vfs.network"


def test_the_host_s_network_services_are_kept_off_vfs_that_have_interfaces(bare):
    foretold = bare.set_vfs(2, autoprobe=True, check_mode=True)
    assert not (bare.root / RULES).exists()
    done = bare.set_vfs(2, autoprobe=True)
    assert foretold.diff == done.diff
    rules = (bare.root / RULES).read_text()
    assert 'ENV{NM_UNMANAGED}="1"' in rules
    assert f"PCI_SLOT_NAME={IGB_PF}" in rules
    assert "Unmanaged=yes" in (bare.root / NETWORK).read_text()
    assert not bare.set_vfs(2, autoprobe=True).changed
    bare.set_vfs(None)
    assert not (bare.root / RULES).exists()
    assert not (bare.root / NETWORK).exists()


@pytest.mark.parametrize("path", [RULES, NETWORK])
def test_rules_that_somebody_removed_or_edited_are_there_again(bare, path):
    bare.set_vfs(2, autoprobe=True)
    text = (bare.root / path).read_text()
    (bare.root / path).unlink()
    foretold = bare.set_vfs(2, autoprobe=True, check_mode=True)
    assert not (bare.root / path).exists()
    done = bare.set_vfs(2, autoprobe=True)
    assert (foretold.changed, foretold.diff) == (True, done.diff)
    assert (bare.root / path).read_text() == text
    (bare.root / path).write_text(f"#{text}")
    assert bare.set_vfs(2, autoprobe=True).changed
    assert (bare.root / path).read_text() == text
    assert not bare.set_vfs(2, autoprobe=True).changed


def test_rules_that_can_t_be_written_leave_nothing_begun(bare):
    bare.write("/etc/udev/rules.d", "no folder")
    before = bare.host_state()
    error = refused(lambda: bare.set_vfs(2, autoprobe=True))
    assert (error.code, error.subject) == ("vfs_failed", f"/{RULES}")
    assert bare.host_state() == before
    assert "vfs_journal" not in bare.record
    assert bare.set_vfs(2).warnings == []


def test_vfs_without_interfaces_need_no_rules(bare):
    bare.set_vfs(2, autoprobe=True)
    outcome = bare.set_vfs(3, autoprobe=False)
    assert not (bare.root / RULES).exists()
    assert outcome.warnings == []


def test_vfs_that_keep_their_interfaces_are_told(host):
    """The host's drivers have them from before, and autoprobe is asked as they are made alone."""
    outcome = host.set_vfs(4, take_over=True, check_mode=True)
    assert "VF 0, VF 1" in outcome.warnings[0]
    assert "autoprobe: false is of VFs that are made anew" in outcome.warnings[0]
    assert host.set_vfs(4, take_over=True).warnings == outcome.warnings
    assert host.set_vfs(4).warnings == []


def test_a_vf_in_the_host_s_network_that_its_services_are_kept_off_from_now_on_is_told(host, monkeypatch):
    use = HostUse("ip_configured", VF.format(2), "IPv4 address 192.0.2.5 on enp1s0v1")
    monkeypatch.setattr(type(host.system.inventory()), "host_uses", {VF.format(2): [use]})
    outcome = host.set_vfs(4, take_over=True, autoprobe=True)
    assert "VF 1 of" in outcome.warnings[0]
    assert "(ip_configured)" in outcome.warnings[0]
    assert host.set_vfs(4, take_over=True, autoprobe=True).warnings == []


def test_rules_of_a_change_that_is_led_back_are_gone(bare):
    bare.links.refused["trust"] = errno.EPERM
    refused(lambda: bare.set_vfs(2, autoprobe=True, every={"trust": True}))
    assert not (bare.root / RULES).exists()


def test_rates_of_several_tasks_must_fit_each_other():
    error = refused(lambda: check_rates(pf(IGB_PF), {0: {"min_tx_rate": 200, "max_tx_rate": 100}}))
    assert (error.code, error.subject) == ("invalid_option", f"min_tx_rate of VF 0 of {IGB_PF}")
    check_rates(pf(IGB_PF), {0: {"min_tx_rate": 200, "max_tx_rate": 0}, 1: {"min_tx_rate": 1, "max_tx_rate": 1}})


def test_giving_back_what_there_is_not_is_told(bare):
    specs = parse_device_specs([{"devname": "enp9s9"}], "specs")
    outcome = bare.flow().set_vfs(VfsWish(specs, "devname enp9s9", 0, absent=True))
    assert outcome.warnings == ["devname enp9s9: no device of this host fits, and nothing is given back"]


def test_rates_are_set_once_the_link_is_there_again(bare, monkeypatch):
    """Drivers refuse them without one, and it is gone for seconds after another number of VFs."""
    interface = bare.links.interface
    states = iter(["down", "down", "up"])
    operstate = f"{FOLDER}/net/{interface}/operstate"
    asked = []

    def pause(_seconds):
        asked.append(len(bare.links.log))
        bare.write(operstate, f"{next(states)}\n")

    bare.write(operstate, "down\n")
    monkeypatch.setattr(bare.tree, "may_hang", True)
    monkeypatch.setattr("time.sleep", pause)
    bare.set_vfs(2, vfs={0: {"max_tx_rate": 100}})
    assert len(asked) == 3
    (rate,) = [number for number, line in enumerate(bare.links.log) if "max_tx_rate 100" in line]
    assert rate >= asked[-1]
    asked.clear()
    bare.set_vfs(2, vfs={1: {"trust": True}})
    assert asked == []
