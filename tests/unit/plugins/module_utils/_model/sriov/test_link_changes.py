# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which commands bring a VF's settings to what is wanted: one setting each, in an order that leaves no hole."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.link_changes import link_changes
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.link_settings import LinkSettings

MAC = "52:54:00:12:34:56"
FRESH = LinkSettings("00:00:00:00:00:00", 0, 0, "802.1Q", 0, 0, True, False, "auto", False)
SET = LinkSettings(MAC, 100, 3, "802.1Q", 10, 200, False, True, "enable", True)


def commands(present, wanted, driver="i40e", anew=()):
    return [" ".join(change.words) for change in link_changes(present, wanted, driver, anew)]


def test_each_setting_has_a_command_of_its_own_and_they_have_an_order():
    assert commands(FRESH, SET) == [
        "vlan 100 qos 3",
        "spoofchk off",
        f"mac {MAC}",
        "max_tx_rate 200 min_tx_rate 10",
        "trust on",
        "state enable",
        "query_rss on",
    ]


def test_nothing_is_written_where_all_is_so_or_nothing_wanted():
    assert commands(SET, SET) == []
    assert commands(SET, LinkSettings()) == []


@pytest.mark.parametrize("wanted", [None, True])
def test_the_spoof_check_is_off_for_a_new_address_and_on_again(wanted):
    changes = link_changes(FRESH, LinkSettings(mac=MAC, spoof_check=wanted), "ice")
    assert [" ".join(change.words) for change in changes] == ["spoofchk off", f"mac {MAC}", "spoofchk on"]
    assert [change.aside for change in changes] == [True, False, False]


def test_a_spoof_check_that_shall_be_off_or_is_unknown_is_not_put_back():
    (off, _mac) = link_changes(FRESH, LinkSettings(mac=MAC, spoof_check=False), "ice")
    assert (off.words, off.aside) == (("spoofchk", "off"), False)
    assert commands(LinkSettings(), LinkSettings(mac=MAC)) == [f"mac {MAC}"]


def test_igb_gets_a_spoof_check_that_is_off_again_since_its_hardware_forgets():
    assert commands(SET, LinkSettings(spoof_check=False), "igb") == ["spoofchk off"]
    assert commands(FRESH, LinkSettings(spoof_check=True), "igb") == []
    assert commands(SET, LinkSettings(spoof_check=False), "ixgbe") == []


def test_an_address_that_shows_already_is_written_once_where_that_is_asked_for():
    assert commands(SET, LinkSettings(mac=MAC.upper()), "igb") == []
    assert commands(SET, LinkSettings(mac=MAC), "igb", anew={"mac"}) == [f"mac {MAC}"]


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        (LinkSettings(vlan=7), "vlan 7 qos 3"),
        (LinkSettings(qos=0), "vlan 100"),
        (LinkSettings(vlan=0), "vlan 0"),
        (LinkSettings(vlan_protocol="802.1ad"), "vlan 100 qos 3 proto 802.1ad"),
    ],
)
def test_what_is_not_wanted_of_a_vlan_stays_and_goes_with_the_vlan(wanted, command):
    assert commands(SET, wanted) == [command]


def test_without_a_vlan_a_priority_is_not_made_up():
    (change,) = link_changes(SET, LinkSettings(vlan=0), "bnxt_en")
    assert change.settings == {"vlan": 0, "qos": 0, "vlan_protocol": "802.1Q"}


def test_a_vlan_that_is_not_known_is_none():
    assert commands(LinkSettings(), LinkSettings(qos=3)) == ["vlan 0 qos 3"]


def test_both_rates_are_given_since_ip_would_ask_for_the_other():
    assert commands(SET, LinkSettings(max_tx_rate=0)) == ["max_tx_rate 0 min_tx_rate 10"]
    assert commands(FRESH, LinkSettings(min_tx_rate=5)) == ["max_tx_rate 0 min_tx_rate 5"]


def test_an_address_of_the_vfs_own_choice_need_not_show_as_zeros():
    (change,) = link_changes(SET, LinkSettings(mac="00:00:00:00:00:00"), "igb")
    assert change.is_in(SET)
    (change,) = link_changes(FRESH, LinkSettings(trust=True), "igb")
    assert (change.is_in(FRESH), change.is_in(SET), str(change)) == (False, True, "trust on")
