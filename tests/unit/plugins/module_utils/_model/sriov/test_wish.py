# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked for of VFs: read strictly, with the place of each mistake."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model import forms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.settings import FORM, NAMES, parse_settings
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.wish import VfsWish, parse_number, parse_vfs


def refused(call):
    with pytest.raises(HostdevError) as caught:
        call()
    return caught.value


def test_settings_are_read_into_one_spelling():
    settings = parse_settings(
        {
            "mac": "52-54-00-AB-CD-EF",
            "vlan": "100",
            "qos": 2,
            "vlan_protocol": "802.1AD",
            "max_tx_rate": 100,
            "spoof_check": "yes",
            "trust": False,
            "link_state": "Enable",
            "query_rss": None,
            "mtu": "9000",
        },
        "settings",
    )
    assert settings == {
        "mac": "52:54:00:ab:cd:ef",
        "vlan": 100,
        "qos": 2,
        "vlan_protocol": "802.1ad",
        "max_tx_rate": 100,
        "spoof_check": True,
        "trust": False,
        "link_state": "enable",
        "mtu": 9000,
    }
    FORM(settings, "settings")


def test_a_vlan_brings_its_priority_and_protocol_along():
    """The kernel takes the three at once: what is not said of them would be what somebody set before."""
    assert parse_settings({"vlan": 5}, "settings") == {"vlan": 5, "qos": 0, "vlan_protocol": "802.1Q"}


@pytest.mark.parametrize(
    ("settings", "subject", "found"),
    [
        ({"mac": "52:54:00:12:34"}, "vfs[1].mac", "52:54:00:12:34"),
        ({"mac": "01:54:00:12:34:56"}, "vfs[1].mac", "01:54:00:12:34:56"),
        ({"mac": 525400123456}, "vfs[1].mac", "525400123456"),
        ({"mtu": 67}, "vfs[1].mtu", "67"),
        ({"mtu": 65536}, "vfs[1].mtu", "65536"),
        ({"vlan": 4095}, "vfs[1].vlan", "4095"),
        ({"vlan": -1}, "vfs[1].vlan", "-1"),
        ({"vlan": True}, "vfs[1].vlan", "True"),
        ({"vlan": 1, "qos": 8}, "vfs[1].qos", "8"),
        ({"qos": 2}, "vfs[1].qos", "without a VLAN"),
        ({"vlan": 0, "qos": 2}, "vfs[1].qos", "without a VLAN"),
        ({"vlan_protocol": "802.1ad"}, "vfs[1].vlan_protocol", "without a VLAN"),
        ({"vlan": 2, "vlan_protocol": "q-in-q"}, "vfs[1].vlan_protocol", "q-in-q"),
        ({"trust": "maybe"}, "vfs[1].trust", "maybe"),
        ({"link_state": "up"}, "vfs[1].link_state", "up"),
        ({"min_tx_rate": 200, "max_tx_rate": 100}, "vfs[1].min_tx_rate", "200"),
        ({"max_tx_rate": "fast"}, "vfs[1].max_tx_rate", "fast"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(settings, subject, found):
    error = refused(lambda: parse_settings(settings, "vfs[1]"))
    assert (error.code, error.subject) == ("invalid_option", subject)
    assert found in error.found


def test_an_address_without_quotes_is_told_with_what_was_meant():
    error = refused(lambda: parse_settings({"mac": 41135085296}, "vfs[1]"))
    assert error.found == "found 41135085296, which is 52:54:00:12:34:56 without quotes"
    assert error.remedy == 'put the address into quotes: "52:54:00:12:34:56"'


def test_a_misspelt_setting_is_told_with_the_one_that_is_meant():
    error = refused(lambda: parse_settings({"spoofcheck": True}, "settings"))
    assert (error.code, error.subject) == ("invalid_option", "settings.spoofcheck")
    assert "spoof_check" in error.remedy


def test_each_setting_may_be_on_record():
    for name in NAMES:
        with pytest.raises(forms.DocumentError):
            FORM({name: []}, "settings")


def test_one_vf_twice_is_refused_with_both_places():
    error = refused(lambda: parse_vfs([{"vf": 2, "vlan": 1}, {"vf": 0}, {"vf": "2", "trust": True}], 5))
    assert error.subject == "vfs[2].vf"
    assert "here and in vfs[0]" in error.found


def test_a_vf_that_there_will_not_be_is_refused():
    error = refused(lambda: parse_vfs([{"vf": 5, "vlan": 1}], 5))
    assert (error.subject, error.found) == ("vfs[0].vf", "found VF 5, and number: 5")
    assert "set number to 6" in error.remedy
    assert parse_vfs([{"vf": 5, "vlan": 1}], None).keys() == {5}


def test_an_entry_without_its_vf_is_refused():
    assert refused(lambda: parse_vfs([{"vlan": 1}], 5)).subject == "vfs[0].vf"


def test_an_address_that_yaml_takes_for_a_number_is_to_be_quoted():
    assert "into quotes" in refused(lambda: parse_vfs([{"vf": 0, "mac": 41137353296}], 5)).remedy


def test_one_address_for_two_vfs_is_refused():
    mac = "52:54:00:12:34:56"
    error = refused(lambda: parse_vfs([{"vf": 0, "mac": mac}, {"vf": 1, "mac": mac}], 5))
    assert error.subject == "vfs[1].mac"
    zeros = "00:00:00:00:00:00"
    assert len(parse_vfs([{"vf": 0, "mac": zeros}, {"vf": 1, "mac": zeros}], 5)) == 2


@pytest.mark.parametrize(("value", "number"), [("max", None), (" MAX ", None), (0, 0), ("4", 4), (7, 7)])
def test_a_number_or_max(value, number):
    assert parse_number(value) == number


@pytest.mark.parametrize("value", ["many", -1, "010x", True, 1.5])
def test_no_number(value):
    assert refused(lambda: parse_number(value)).subject == "number"


def test_what_is_asked_of_one_vf_goes_before_what_is_asked_of_all():
    wish = VfsWish((), "specs", 2, every={"trust": True, "vlan": 3}, vfs={1: {"trust": False}})
    assert wish.settings_of(0) == {"trust": True, "vlan": 3}
    assert wish.settings_of(1) == {"trust": False, "vlan": 3}


def test_the_parts_of_a_vlan_that_an_entry_leaves_out_are_those_of_all():
    every = parse_settings({"vlan": 100, "qos": 3, "trust": True}, "settings")

    vfs = parse_vfs(
        [{"vf": 0, "vlan": 200}, {"vf": 1, "qos": 5}, {"vf": 2, "vlan": 0}, {"vf": 3, "mac": None}], 4, every
    )

    assert vfs == {
        0: {"vlan": 200, "qos": 3, "vlan_protocol": "802.1Q"},
        1: {"vlan": 100, "qos": 5, "vlan_protocol": "802.1Q"},
        2: {"vlan": 0, "qos": 0, "vlan_protocol": "802.1Q"},
        3: {},
    }
