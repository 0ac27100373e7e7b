# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A group of three endpoints: refused with its members named, taken with consent, given back whole."""

from __future__ import annotations

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import HostState, reading, state_at

NIC, MATE, DISK = topology.MULTIFUNCTION
CLAIM = {"domain": "web1", "requests": [{"name": "nic", "address": NIC}]}


def test_group_is_refused_then_taken_with_consent_then_released(lab: Lab, before: HostState) -> None:
    guest_before = lab.guest_pci("web1")
    module = "kvm.hostdev.pci_passthrough_claim"

    claimed = play(
        lab.inventory(),
        tasks(
            {"name": "refused", module: CLAIM, "ignore_errors": True},
            {"name": "consent to one", module: {**CLAIM, "group_members": [MATE]}, "ignore_errors": True},
            reading("after both"),
            {"name": "claim", module: {**CLAIM, "group_members": "claim"}},
            reading("claimed"),
        ),
    )
    assert claimed.code == 0, claimed.output
    assert claimed.of("refused").result["error"]["code"] == "group_incomplete"
    assert claimed.of("refused").result["error"]["group_members"] == [MATE, DISK]
    assert claimed.of("consent to one").result["error"]["group_members"] == [MATE, DISK]
    assert state_at(claimed, "after both") == before

    roles = {device["address"]: device["role"] for device in claimed.of("claim").result["devices"]}
    assert roles == {NIC: "requested", MATE: "group_member", DISK: "group_member"}
    state = state_at(claimed, "claimed")
    assert [state.driver(address) for address in topology.MULTIFUNCTION] == ["vfio-pci"] * 3
    assert [state.has_hostdev("web1", "live", address) for address in topology.MULTIFUNCTION] == [True, False, False]
    guest = lab.wait_guest_pci("web1", lambda devices: len(devices) > len(guest_before))
    assert [device.ids for device in guest if device not in guest_before] == ["8086:10d3"]

    release = {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}}
    released = play(lab.inventory(), tasks(release, reading("released")))
    assert released.code == 0, released.output
    after = state_at(released, "released")
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert lab.wait_guest_pci("web1", lambda devices: len(devices) == len(guest_before)) == guest_before
