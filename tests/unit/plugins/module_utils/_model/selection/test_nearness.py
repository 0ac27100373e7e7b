# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.nearness import (
    ANYWHERE,
    Guest,
    affinity_warnings,
    policy_warnings,
    too_far,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, requests

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
GUEST = Guest(frozenset({1, 0}), {0: 0, 1: 0, 2: 0, 3: 1})


def nic(policy, **fields):
    return requests({"name": "nic", "numa_policy": policy, **(fields or {"specs": [{"class": "02"}]})})[0]


def test_each_device_that_is_not_on_its_guests_nodes_is_warned_of():
    devices = [device(A, numa_node=2), device(B, numa_node=1), device(C, numa_node=None)]
    assert affinity_warnings(devices, GUEST) == [
        f"{A} is on NUMA node 2, its owner is bound to 0, 1: it works without NUMA affinity",
        f"{C} is on no known NUMA node, its owner is bound to 0, 1: it works without NUMA affinity",
    ]
    assert affinity_warnings([*devices, device("0000:04:00.0", numa_node=2)], GUEST)[0] == (
        f"{A}, 0000:04:00.0 are on NUMA node 2, their owner is bound to 0, 1: they work without NUMA affinity"
    )
    assert affinity_warnings(devices, ANYWHERE) == []


@pytest.mark.parametrize(
    ("policy", "node", "found"),
    [
        ("required", 1, None),
        ("required", 2, "it is on NUMA node 2"),
        ("required", None, "it is on no known NUMA node"),
        ("socket", 2, None),
        ("socket", 3, "it is on NUMA node 3"),
        ("preferred", 3, None),
    ],
)
def test_a_policy_rules_out_what_is_too_far(policy, node, found):
    why = too_far(GUEST, nic(policy), device(A, numa_node=node))
    wanted = found and f"{found}, the owner is bound to 0, 1, and the request's numa_policy is {policy}"
    assert why == wanted


def test_a_device_that_is_asked_for_by_its_address_is_never_too_far():
    assert too_far(GUEST, requests({"name": "nic", "address": A})[0], device(A, numa_node=3)) is None


def test_a_policy_that_nothing_can_follow_is_told():
    asked = [nic("required"), nic("socket"), nic("preferred"), nic("legacy")]
    told = policy_warnings(asked, ANYWHERE, "domain web1")
    assert [warning.split(" has")[0] for warning in told] == [
        "numa_policy required of request nic",
        "numa_policy socket of request nic",
    ]
    assert all("domain web1 is not bound to NUMA nodes" in warning for warning in told)
    assert policy_warnings(asked, GUEST, "domain web1") == []
