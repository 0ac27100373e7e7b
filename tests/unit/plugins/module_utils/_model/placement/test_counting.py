# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.counting import rank_hosts, weight


def test_hosts_with_enough_are_ranked_from_the_fewest_free_devices_on():
    free = {"c": [8], "b": [4], "a": [4], "few": [1], "none": [0], "nowhere": []}
    assert rank_hosts(free, 2) == ["a", "b", "c"]
    assert rank_hosts(free) == ["few", "a", "b", "c"]


def test_to_spread_is_to_rank_from_the_most_on():
    assert rank_hosts({"c": [8], "b": [4], "a": [4], "many": [5000], "few": [1]}, 2, "spread") == [
        "many",
        "c",
        "a",
        "b",
    ]


def test_one_place_must_have_enough_and_the_best_place_of_a_host_counts():
    nodes = {"apart": [1, 1], "even": [2, 3], "uneven": [7, 2, 1]}
    assert rank_hosts(nodes, 2) == ["even", "uneven"]
    assert rank_hosts(nodes, 3) == ["even", "uneven"]
    assert rank_hosts(nodes, 2, "spread") == ["uneven", "even"]


def test_from_99_free_devices_on_hosts_are_equal():
    assert [weight(free) for free in (0, 1, 98, 99, 5000)] == [100, 99, 2, 1, 1]
    assert rank_hosts({"b": [100], "a": [5000]}) == ["a", "b"]
