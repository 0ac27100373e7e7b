# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two playbooks at once, and a hand at virsh in between: no device has two owners, and all is seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import PlayResult, play, tasks
from tests.lab.state import HostState, read_state

CLAIM, RELEASE = "kvm.hostdev.pci_passthrough_claim", "kvm.hostdev.pci_passthrough_release"
VF = {"vendor_id": "8086", "product_id": "10ca"}
BY_HAND = topology.IGB_VFS[0]
BY_HAND_XML = (
    "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x01' slot='0x10' "
    "function='0x0'/></source></hostdev>"
)


def _at_once(lab: Lab, *plays: list[dict[str, Any]]) -> list[PlayResult]:
    with ThreadPoolExecutor(len(plays)) as pool:
        return list(pool.map(lambda task_list: play(lab.inventory(), task_list), plays))


def _claim(domain: str, count: int) -> list[dict[str, Any]]:
    options = {"domain": domain, "requests": [{"name": "nic", "specs": [VF], "count": count}], "attach": ["config"]}
    return tasks({"name": "claim", CLAIM: options, "ignore_errors": True})


@pytest.mark.usefixtures("both_processors")
def test_two_playbooks_at_once_share_the_devices_out(lab: Lab, before: HostState) -> None:
    results = _at_once(lab, _claim("web1", 2), _claim("db1", 2))
    assert [result.of("claim").status for result in results] == ["changed", "changed"], results[0].output
    taken = [device["address"] for result in results for device in result.of("claim").result["devices"]]
    assert sorted(taken) == sorted(topology.IGB_VFS[:4])
    state = read_state(lab)
    for claim in state.claims():
        for device in claim["devices"]:
            assert state.has_hostdev(claim["owner"]["label"], "config", device["address"])
            assert state.driver(device["address"]) == "vfio-pci"

    # All are gone: whoever comes now fails for lack of devices, and for nothing else.
    third = _at_once(lab, _claim("plain1", 1))[0].of("claim").result
    assert third["error"]["code"] == "not_enough_devices"
    assert set(third["error"]["refused"]) == set(topology.IGB_VFS[:4])

    releases = _at_once(lab, *(tasks({"name": "release", RELEASE: {"domain": domain}}) for domain in ("web1", "db1")))
    assert [result.code for result in releases] == [0, 0], releases[0].output + releases[1].output
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert after.claims() == []


def test_a_device_that_was_attached_by_hand_is_reported_and_not_given_out_again(lab: Lab, before: HostState) -> None:
    lab.sh("virsh -q attach-device db1 /dev/stdin --config", text=BY_HAND_XML)
    result = play(
        lab.inventory(),
        tasks(
            {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["!all", "drift"]}},
            *_claim("web1", 4)[0]["tasks"],
            {
                "name": "three",
                CLAIM: {
                    "domain": "web1",
                    "requests": [{"name": "nic", "specs": [VF], "count": 3}],
                    "attach": ["config"],
                },
            },
            # What the domain has by hand is adopted when it is asked for, and kept by its own domain.
            {"name": "release", RELEASE: {"domain": "web1"}},
            {
                "name": "adopt",
                CLAIM: {"domain": "db1", "requests": [{"name": "nic", "specs": [VF]}], "attach": ["config"]},
            },
            {"name": "give back", RELEASE: {"domain": "db1"}},
        ),
    )
    assert result.code == 0, result.output
    drift = result.of("facts").result["ansible_facts"]["hostdev"]["drift"]
    assert [(difference["code"], difference["address"]) for difference in drift] == [("not_on_record", BY_HAND)]
    refused = result.of("claim").result["error"]
    assert [(blocker["code"], blocker["address"]) for blocker in refused["blockers"]] == [("in_domain_xml", BY_HAND)]
    assert BY_HAND not in {device["address"] for device in result.of("three").result["devices"]}
    assert [device["address"] for device in result.of("adopt").result["devices"]] == [BY_HAND]
    # The release left it where it had been put by hand.
    assert read_state(lab).has_hostdev("db1", "config", BY_HAND)
    lab.sh("virsh -q detach-device db1 /dev/stdin --config", text=BY_HAND_XML)
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
