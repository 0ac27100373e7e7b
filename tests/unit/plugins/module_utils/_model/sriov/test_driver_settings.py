# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each driver refuses for good, which check mode knows before any write, and what is known where it refused."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.driver_settings import known_of, refusals
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.link_settings import LinkSettings


@pytest.mark.parametrize(
    ("driver", "wanted", "refused"),
    [
        ("igb", {"link_state": "enable", "trust": True}, ["link_state"]),
        ("igb", {"link_state": "auto"}, []),
        ("igb", {"min_tx_rate": 40, "max_tx_rate": 100}, ["min_tx_rate"]),
        ("igb", {"min_tx_rate": 0, "vlan": 1, "vlan_protocol": "802.1Q"}, []),
        ("igb", {"vlan": 1, "vlan_protocol": "802.1ad"}, ["vlan_protocol"]),
        ("ixgbe", {"max_tx_rate": 10}, ["max_tx_rate"]),
        ("ixgbe", {"max_tx_rate": 11, "link_state": "disable"}, []),
        ("ixgbe", {"max_tx_rate": 0, "min_tx_rate": 1, "link_state": "enable"}, ["min_tx_rate", "link_state"]),
        ("i40e", {"trust": True, "min_tx_rate": 1}, []),
        ("mlx4_core", {"trust": True}, ["trust"]),
        ("enic", {"mac": "52:54:00:12:34:56", "vlan": 0, "vlan_protocol": "802.1Q", "trust": False}, []),
        ("enic", {"vlan": 3, "trust": True, "link_state": "enable"}, ["vlan", "trust", "link_state"]),
        ("be2net", {"trust": True, "min_tx_rate": 2}, ["min_tx_rate", "trust"]),
        ("bnx2x", {"trust": True, "max_tx_rate": 2}, ["max_tx_rate", "trust"]),
        ("cxgb4", {"trust": True, "min_tx_rate": 2, "spoof_check": True}, ["min_tx_rate", "spoof_check", "trust"]),
        ("sfc", {"trust": True, "max_tx_rate": 2}, ["max_tx_rate", "trust"]),
        (
            "rvu_nicpf",
            {"max_tx_rate": 2, "spoof_check": True, "link_state": "disable"},
            ["max_tx_rate", "spoof_check", "link_state"],
        ),
        ("ena", {"mac": "52:54:00:12:34:56"}, ["mac"]),
        ("unheard_of", {"trust": True}, []),
        (None, {"trust": True}, []),
    ],
)
def test_what_a_driver_never_takes_is_known_before(driver, wanted, refused):
    assert list(refusals(driver, LinkSettings(**wanted))) == refused


def test_a_limit_of_qede_goes_only_with_the_vfs():
    nothing = LinkSettings(max_tx_rate=0)
    assert refusals("qede", nothing, LinkSettings(max_tx_rate=0)) == {}
    assert "ignores rate 0" in refusals("qede", nothing, LinkSettings(max_tx_rate=100))["max_tx_rate"]
    assert refusals("qede", LinkSettings(max_tx_rate=50), LinkSettings(max_tx_rate=100)) == {}


@pytest.mark.parametrize(
    ("driver", "wanted", "refused"),
    [
        ("mlx5_core", {"vlan": 0}, []),
        (
            "mlx5_core",
            {"vlan": 5, "spoof_check": True, "trust": True, "link_state": "enable"},
            ["vlan", "spoof_check", "trust", "link_state"],
        ),
        ("ice", {"trust": True, "vlan": 3}, ["trust"]),
    ],
)
def test_an_e_switch_has_its_own_refusals(driver, wanted, refused):
    assert list(refusals(driver, LinkSettings(**wanted), switchdev=True)) == refused
    assert refusals(driver, LinkSettings(**wanted)) == {}


def test_what_is_so_already_is_not_refused():
    assert refusals("mlx4_core", LinkSettings(trust=False), LinkSettings(trust=False)) == {}


def test_a_refusal_names_driver_and_reason():
    assert refusals("igb", LinkSettings(link_state="enable")) == {
        "link_state": "the driver igb refuses it: it has no link state of VFs"
    }


@pytest.mark.parametrize(
    ("driver", "name", "part"),
    [
        ("igb", "max_tx_rate", "on the 82576 only"),
        ("ixgbe", "max_tx_rate", "at a link of 10 Gbit/s only"),
        ("ixgbe", "query_rss", "82599 and X540"),
        ("i40e", "mac", "resets the VF"),
        ("i40e", "trust", "MFP mode"),
        ("ice", "min_tx_rate", "below the link's speed"),
        ("ice", "vlan_protocol", "double VLAN mode"),
        ("mlx5_core", "mac", "manages the e-switch"),
        ("mlx5_core", "spoof_check", "no MAC address"),
        ("bnxt_en", "qos", "with a VLAN only"),
        ("bnxt_en", "trust", "says nothing"),
        ("qede", "trust", "later"),
        ("be2net", "max_tx_rate", "while the link is up"),
    ],
)
def test_what_is_known_of_a_setting_is_told_where_it_was_refused(driver, name, part):
    assert part in known_of(driver, [name])


def test_nothing_is_known_of_other_drivers():
    assert known_of("unheard_of", ["trust"]) == known_of(None, ["trust"]) == ""
