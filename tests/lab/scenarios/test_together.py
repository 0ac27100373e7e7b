# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk beside a NIC: the one on the NIC's root bus, from the playbook to what the guest's kernel sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import PlayResult, play, tasks
from tests.lab.state import HostState, read_state, reading, state_at

VF = topology.IGB_VFS[0]
NIC = {"name": "nic", "specs": ["8086:10ca"]}
# Two disks fit, each alone in its group. The one that stands alone on its root spoils least.
DISK = {
    "name": "disk",
    "first_available": [[{"serial": "NOWHERE"}], [{"address": topology.NVME}, {"address": topology.NUMA_NVME}]],
}
BESIDE = {"requests": ["nic", "disk"], "match": "pcie_root"}
APART = {"requests": ["nic", "disk"], "distinct": "pcie_root"}


def _claim(name: str, **options: Any) -> dict[str, Any]:
    wanted = {"domain": "web1", "requests": [NIC, DISK], **options}
    return {"name": name, "kvm.hostdev.pci_passthrough_claim": wanted}


def test_a_disk_is_taken_beside_the_nic_and_stays_there(lab: Lab, before: HostState) -> None:
    guest_before = lab.guest_pci("web1")
    result = play(
        lab.inventory(),
        tasks(
            _claim("anywhere") | {"check_mode": True},
            _claim("beside", constraints=[BESIDE], prefer=[APART]),
            _claim("again", constraints=[BESIDE], prefer=[APART]),
            reading("claimed"),
            _claim("apart", constraints=[APART]) | {"ignore_errors": True},
            {"name": "reconcile", "kvm.hostdev.pci_reconcile": {}},
            reading("as claimed"),
            {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["devices", "claims", "drift"]}},
        ),
    )
    assert [device["address"] for device in result.of("anywhere").result["devices"]] == [VF, topology.NUMA_NVME]
    beside = result.of("beside")
    assert beside.status == "changed", result.output
    assert [device["address"] for device in beside.result["devices"]] == [VF, topology.NVME]
    assert beside.result["alternative"] == {"disk": 1}
    assert [(wish["met"], wish["of"]) for wish in beside.result["met"]] == [(0, 1)]
    assert (result.of("again").status, result.of("again").result["plan"]) == ("ok", [])
    state = state_at(result, "claimed")
    assert all(state.has_hostdev("web1", "live", address) for address in (VF, topology.NVME))
    guest = lab.wait_guest_pci("web1", lambda devices: len(devices) == len(guest_before) + 2)
    assert sorted(device.ids for device in guest if device not in guest_before) == ["1b36:0010", "8086:10ca"]

    error = result.of("apart").result["error"]
    assert error["code"] == "held_device_mismatch", error
    assert result.of("reconcile").status == "ok"
    assert state_at(result, "as claimed") == state
    facts = result.of("facts").result["ansible_facts"]["hostdev"]
    places = {device["address"]: device for device in facts["devices"] if device.get("address") in (VF, topology.NVME)}
    assert {place["pcie_root"] for place in places.values()} == {"pci0000:00"}
    assert [place["pcie_switches"] for place in places.values()] == [[], []]
    assert facts["claims"][0]["constraints"] == [BESIDE]
    assert facts["drift"] == []

    released = play(
        lab.inventory(), tasks({"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}})
    )
    assert released.code == 0, released.output
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)


def _clock(change: str) -> dict[str, Any]:
    return {"name": f"clock {change}", "ansible.builtin.command": {"argv": ["date", "--set", change]}}


def test_a_claim_is_placed_where_it_is_served_and_not_on_a_host_that_is_down(
    lab: Lab, before: HostState, tmp_path: Path
) -> None:
    down = tmp_path / "down.yml"
    # The first by name: it would be chosen, were it to serve as well.
    down.write_text("all: {hosts: {a_host_that_is_down: {ansible_host: 127.0.0.1, ansible_port: 1}}}")
    wanted: dict[str, Any] = {
        "hostdev_domain": "web1",
        "hostdev_requests": [NIC, {"name": "disk", "specs": ["1b36:0010"]}],
        "hostdev_constraints": [BESIDE],
        "hostdev_limits": [{"specs": NIC["specs"], "most": 1, "until": "1h"}],
    }

    def place(**more: Any) -> PlayResult:
        return play(lab.inventory(), "kvm.hostdev.place", "-i", str(down), variables={**wanted, **more})

    first = place()
    assert first.code == 0, first.output
    claimed = first.of("Claim, bind and attach the devices")
    assert [device["address"] for device in claimed.result["devices"]] == [VF, topology.NVME]
    state = read_state(lab)
    assert all(state.has_hostdev("web1", "live", address) for address in (VF, topology.NVME))

    again = place()
    assert again.of("Claim, bind and attach the devices").status == "ok", again.output
    assert read_state(lab) == state

    elsewhere = place(hostdev_constraints=[], hostdev_domain="db1", hostdev_requests=[{**NIC, "count": 99}])
    assert elsewhere.code == 2
    reasons = elsewhere.of("Choose the host").result["ansible_facts"]["hostdev_placement"]["not"]
    assert sorted(reason["code"] for reason in reasons.values()) == ["no_facts", "not_enough_devices"]

    # The limit of one NIC, which the choice knows nothing of, and what is overdue once its hour is over.
    above = place(hostdev_constraints=[], hostdev_domain="db1", hostdev_requests=[NIC])
    assert above.of("Claim, bind and attach the devices").result["error"]["code"] == "limit_reached", above.output
    assert above.code == 2
    assert "web1 holds 1 since" in above.output
    expired = {"kvm.hostdev.pci_passthrough_release": {"expired": True}}
    released = play(
        lab.inventory(),
        tasks(
            {"name": "too early", **expired},
            _clock("+2 hours"),
            {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["claims"]}},
            {"name": "overdue", **expired},
            {"name": "the rest", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
            _clock("-2 hours"),
        ),
    )
    assert released.code == 0, released.output
    assert released.of("too early").status == "ok"
    assert released.of("facts").result["ansible_facts"]["hostdev"]["claims"][0]["overdue"] == [VF]
    assert VF in released.of("overdue").result["msg"]
    assert topology.NVME not in released.of("overdue").result["msg"]
    assert released.of("the rest").status == "changed"
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
