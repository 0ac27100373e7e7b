# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VF by what it is: claimed for a running domain, seen by its guest, left alone by a second run, given back."""

from __future__ import annotations

import json

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import RECORD, HostState, read_state, reading, state_at

VF = topology.IGB_VFS[0]
CLAIM = {
    "domain": "web1",
    "requests": [{"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF"}]}],
}


def test_vf_is_claimed_attached_left_alone_and_released(lab: Lab, before: HostState) -> None:
    guest_before = lab.guest_pci("web1")
    assert before.driver(VF) == "igbvf"

    claimed = play(
        lab.inventory(),
        tasks(
            {"name": "claim", "kvm.hostdev.pci_passthrough_claim": CLAIM},
            {"name": "claim again", "kvm.hostdev.pci_passthrough_claim": CLAIM},
            {"name": "local facts", "ansible.builtin.setup": {"gather_subset": ["!all", "!min", "local"]}},
            {"name": "facts", "kvm.hostdev.pci_facts": {}},
        ),
    )
    assert claimed.code == 0, claimed.output

    state = read_state(lab)
    assert claimed.of("claim").status == "changed"
    assert state.bindings[VF] == ("vfio-pci", "vfio-pci")
    assert state.has_hostdev("web1", "config", VF)
    assert state.has_hostdev("web1", "live", VF)
    guest = lab.wait_guest_pci("web1", lambda devices: len(devices) > len(guest_before))
    assert [(device.ids, device.driver) for device in guest if device not in guest_before] == [("8086:10ca", "igbvf")]

    again = claimed.of("claim again")
    assert (again.status, again.result["plan"]) == ("ok", [])
    untouched = {address for address in before.bindings if state.bindings[address] == before.bindings[address]}
    assert set(before.bindings) - untouched == {VF}

    # What fact gathering reads of the record, and what the facts make of it.
    local = claimed.of("local facts").result["ansible_facts"]["ansible_local"]["hostdev"]
    assert [device["address"] for device in local["claims"][0]["devices"]] == [VF]
    assert lab.sh(f"stat -c %a {RECORD}").stdout.strip() == "644"
    facts = claimed.of("facts").result["ansible_facts"]["hostdev"]
    device = next(device for device in facts["devices"] if device.get("address") == VF)
    assert (device["status"], device["owner"]["label"], device["claimable"]) == ("allocated", "web1", False)
    assert facts["drift"] == []

    released = play(
        lab.inventory(),
        tasks(
            {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
            {"name": "release again", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
        ),
    )
    assert released.code == 0, released.output
    assert [task.status for task in released.tasks] == ["changed", "ok"]
    after = read_state(lab)
    assert after.bindings == before.bindings
    assert after.domains == before.domains
    assert json.loads(after.record)["claims"] == []
    assert json.loads(after.record)["journal"] is None
    assert lab.wait_guest_pci("web1", lambda devices: len(devices) == len(guest_before)) == guest_before


def test_count_grows_and_shrinks_and_two_owners_never_share(lab: Lab, before: HostState) -> None:
    def claim(count: int, **owner: str) -> dict[str, object]:
        specs = [{"vendor_id": "8086", "product_id": "10ca"}]
        return {**owner, "requests": [{"name": "nic", "count": count, "specs": specs}], "attach": []}

    module = "kvm.hostdev.pci_passthrough_claim"
    done = play(
        lab.inventory(),
        tasks(
            {"name": "one for dpdk0", module: claim(1, owner="dpdk0")},
            {"name": "two for db1", module: claim(2, domain="db1")},
            {"name": "two for dpdk0", module: claim(2, owner="dpdk0")},
            {"name": "three for db1", module: claim(3, domain="db1"), "ignore_errors": True},
            {
                "name": "release one address",
                "kvm.hostdev.pci_passthrough_release": {"addresses": [topology.IGB_VFS[3]]},
            },
            {"name": "three for db1 again", module: claim(3, domain="db1")},
            {"name": "one again for db1", module: claim(1, domain="db1")},
            {"name": "release db1", "kvm.hostdev.pci_passthrough_release": {"domain": "db1"}},
            reading("one is left"),
            {"name": "rest", "kvm.hostdev.pci_passthrough_release": {"owner": "dpdk0"}},
        ),
    )
    assert done.code == 0, done.output
    held = {
        name: [device["address"] for device in done.of(name).result["devices"]]
        for name in ("one for dpdk0", "two for db1", "two for dpdk0", "three for db1 again", "one again for db1")
    }
    assert held == {
        "one for dpdk0": [topology.IGB_VFS[0]],
        "two for db1": [topology.IGB_VFS[1], topology.IGB_VFS[2]],
        "two for dpdk0": [topology.IGB_VFS[0], topology.IGB_VFS[3]],
        "three for db1 again": [*topology.IGB_VFS[1:3], topology.IGB_VFS[3]],
        "one again for db1": [topology.IGB_VFS[1]],
    }
    short = done.of("three for db1").result
    assert short["error"]["code"] == "not_enough_devices"
    for address in (topology.IGB_VFS[0], topology.IGB_VFS[3]):
        assert f"{address} is refused: held by owner dpdk0" in short["msg"]

    state = state_at(done, "one is left")
    assert [claim["owner"]["label"] for claim in state.claims()] == ["dpdk0"]
    changed = {address for address in before.bindings if state.bindings[address] != before.bindings[address]}
    assert changed == {topology.IGB_VFS[0]}
    assert read_state(lab).bindings == before.bindings
