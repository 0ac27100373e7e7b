# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a PF is to what it shall be, in an order in which each change can be made."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model import forms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.changes import changes
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState

PF = "0000:01:00.0"


def told(present, target, administered=None):
    return [str(change) for change in changes(PF, present, target, administered)]


def kinds(present, target, **options):
    return [change.kind for change in changes(PF, present, target, **options)]


def test_vfs_are_made_with_the_host_s_drivers_off_and_the_pf_up():
    assert told(PfState(0, True, False, 1500), PfState(5, False, True)) == [
        f"autoprobe of {PF}: true -> false",
        f"interface up of {PF}: false -> true",
        f"VFs of {PF}: 0 -> 5",
    ]


def test_what_is_so_already_is_left():
    state = PfState(5, False, True, 9000, vfs={0: {"vlan": 5, "qos": 0, "vlan_protocol": "802.1Q"}})
    assert told(state, PfState(5, False, True, None, None, dict(state.vfs))) == []


def test_vfs_are_removed_before_the_pf_goes_down():
    assert told(PfState(5, False, True), PfState(0, True, False)) == [
        f"VFs of {PF}: 5 -> 0",
        f"autoprobe of {PF}: false -> true",
        f"interface up of {PF}: true -> false",
    ]


def test_vfs_that_are_led_back_are_made_with_the_pf_up_though_it_was_down():
    assert told(PfState(5, False, True), PfState(3, True, False, vfs={0: {"vlan": 2}})) == [
        f"autoprobe of {PF}: false -> true",
        f"VFs of {PF}: 5 -> 3",
        f"VF 0 of {PF}: vlan 0 -> 2",
        f"interface up of {PF}: true -> false",
    ]
    assert told(PfState(0, False, False), PfState(3, True, False))[1:3] == [
        f"interface up of {PF}: false -> true",
        f"VFs of {PF}: 0 -> 3",
    ]


def test_all_settings_are_written_once_the_vfs_are_made_anew():
    """Those that the kernel showed before are of VFs that are gone."""
    settings = {"vlan": 5, "spoof_check": True}
    assert told(PfState(2, False, True, vfs={0: settings}), PfState(3, False, True, vfs={0: settings}))[1:] == [
        f"VF 0 of {PF}: vlan 0 -> 5",
        f"VF 0 of {PF}: spoof_check unknown -> true",
    ]


def test_what_all_vfs_are_made_with_is_not_written():
    """A driver may refuse to be told what it does not know: igb a link state, also "auto"."""
    asked = {0: {"link_state": "auto", "trust": False, "mac": "00:00:00:00:00:00"}}
    assert told(PfState(0), PfState(1, vfs=asked)) == [f"VFs of {PF}: 0 -> 1"]
    assert told(PfState(1, vfs={0: {}}), PfState(1, vfs=asked), asked) == []


def test_an_address_that_is_shown_may_be_the_vf_s_own_choice():
    mac = {"mac": "52:54:00:12:34:56"}
    present, target = PfState(1, vfs={0: mac}), PfState(1, vfs={0: mac})
    assert told(present, target) == [f"VF 0 of {PF}: mac 52:54:00:12:34:56 -> 52:54:00:12:34:56"]
    assert told(present, target, {0: mac}) == []


def test_a_vf_that_was_told_to_choose_its_address_shows_its_choice():
    present = PfState(1, vfs={0: {"mac": "52:54:00:12:34:56"}})
    target = PfState(1, vfs={0: {"mac": "00:00:00:00:00:00"}})
    assert told(present, target) == [f"VF 0 of {PF}: mac 52:54:00:12:34:56 -> 00:00:00:00:00:00"]
    assert told(present, target, target.vfs) == []
    assert told(present, target, present.vfs) != [], "it was told an address of ours"


def test_a_pf_that_starts_again_may_show_a_spoof_check_that_is_not():
    check = {0: {"spoof_check": False}}
    present, target = PfState(1, None, True, 1500, vfs=check), PfState(1, None, True, 9000, vfs=check)
    assert told(present, target) == [f"MTU of {PF}: 1500 -> 9000", f"VF 0 of {PF}: spoof_check false -> false"]


def test_of_a_vf_that_there_will_not_be_nothing_is_set():
    assert told(PfState(3), PfState(2, vfs={2: {"vlan": 1}})) == [f"VFs of {PF}: 3 -> 2"]


def test_switchdev_comes_after_the_vfs_and_their_settings_and_goes_before():
    settings = {0: {"vlan": 5}}
    legacy, switchdev = PfState(0, eswitch="legacy"), PfState(2, eswitch="switchdev", vfs=settings)
    assert kinds(legacy, switchdev) == ["number", "setting", "eswitch"]
    assert kinds(switchdev, PfState(2, eswitch="legacy")) == ["eswitch"]
    assert kinds(switchdev, legacy) == ["number", "eswitch"]


def test_ice_changes_the_mode_without_vfs():
    none, some = PfState(0, eswitch="legacy"), PfState(2, eswitch="legacy", vfs={0: {"trust": True}})
    wanted = PfState(2, eswitch="switchdev", vfs={0: {"trust": True}})
    assert kinds(none, wanted, driver="ice") == ["eswitch", "number", "setting"]
    assert kinds(some, wanted, driver="ice") == ["number", "eswitch", "number", "setting"]
    removed, _mode, made, _setting = changes(PF, some, wanted, driver="ice")
    assert (removed.before, removed.after, made.before, made.after) == (2, 0, 0, 2)


def test_each_change_has_a_command():
    present = PfState(2, True, False, 1500, "legacy", {0: {"spoof_check": True}})
    target = PfState(3, False, True, 9000, "switchdev", {0: {"spoof_check": False, "link_state": "enable", "vlan": 7}})
    commands = [change.command() for change in changes(PF, present, target)]
    assert commands == [
        f"echo 0 > /sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe",
        f'ip link set dev "$(ls /sys/bus/pci/devices/{PF}/net | head -n 1)" mtu 9000',
        f'ip link set dev "$(ls /sys/bus/pci/devices/{PF}/net | head -n 1)" up',
        f"echo 0 > /sys/bus/pci/devices/{PF}/sriov_numvfs; echo 3 > /sys/bus/pci/devices/{PF}/sriov_numvfs",
        f'ip link set dev "$(ls /sys/bus/pci/devices/{PF}/net | head -n 1)" vf 0 vlan 7',
        f'ip link set dev "$(ls /sys/bus/pci/devices/{PF}/net | head -n 1)" vf 0 spoofchk off',
        f'ip link set dev "$(ls /sys/bus/pci/devices/{PF}/net | head -n 1)" vf 0 state enable',
        f"devlink dev eswitch set pci/{PF} mode switchdev",
    ]


def follow(state, change):
    """The state after a change, as the kernel has it: VFs that are made have nothing of those that were."""
    if change.kind == "number":
        return PfState(change.after, state.autoprobe, state.up, state.mtu, state.eswitch)
    if change.kind == "setting":
        vfs = {**state.vfs, change.vf: {**state.vfs.get(change.vf, {}), change.name: change.after}}
        return PfState(state.number, state.autoprobe, state.up, state.mtu, state.eswitch, vfs)
    parts = {**vars(state), change.kind: change.after}
    return PfState(**parts)


def test_whatever_a_pf_was_it_ends_as_it_shall_be():
    """Every pair of states, and back; made with the PF up, and stable from then on."""
    states = [
        PfState(number, autoprobe, up, mtu, None, {vf: {"vlan": vlan} for vf in range(number)})
        for number, autoprobe, up, mtu, vlan in itertools.product(
            (0, 1, 3), (True, False), (True, False), (1500, 9000), (0, 5)
        )
    ]
    for present, target in itertools.product(states, states):
        state = present
        for change in changes(PF, present, target):
            if change.kind == "number" and change.after:
                assert state.up, "igbvf and bnxt want it up"
            state = follow(state, change)
        vlans = [[part.vfs.get(vf, {}).get("vlan", 0) for vf in range(3)] for part in (state, target)]
        assert vlans[0] == vlans[1]
        assert vars(state) | {"vfs": None} == vars(target) | {"vfs": None}
        assert changes(PF, state, target, target.vfs) == []


def test_a_state_is_read_as_it_was_written():
    state = PfState(3, False, True, 9000, "legacy", {0: {"vlan": 5}, 2: {"trust": True}})
    PfState.FORM(state.as_dict(), "wanted")
    assert PfState.from_dict(state.as_dict()) == state
    assert PfState.from_dict(PfState(0).as_dict()) == PfState(0)


@pytest.mark.parametrize("key", ["one", "-1", "01", "1.0"])
def test_what_is_no_vf_s_number_is_refused_on_record(key):
    with pytest.raises(forms.DocumentError, match="the number of a VF"):
        PfState.FORM({"number": 3, "vfs": {key: {}}}, "wanted")


def test_a_number_of_a_vf_of_many_digits_is_none():
    with pytest.raises(forms.DocumentError, match="the number of a VF"):
        PfState.FORM({"number": 1, "vfs": {"1" * 5000: {}}}, "wanted")
