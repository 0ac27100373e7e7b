# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be given away is refused with its reason, and what can't be done leaves the host as it was."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab import guest, topology
from tests.lab.machine import Lab
from tests.lab.play import PlayResult, play, tasks
from tests.lab.state import RECORD, read_state, reading, state_at

CLAIM = "kvm.hostdev.pci_passthrough_claim"


def _claims(*wanted: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, CLAIM: options, "ignore_errors": True} for name, options in wanted]


def _address(address: str, **options: Any) -> dict[str, Any]:
    return {"domain": "web1", "requests": [{"name": "it", "address": address}], **options}


VF = {"vendor_id": "8086", "product_id": "10ca"}
GUARDED = (
    ("root disk", _address(topology.ROOT_DISK)),
    ("ssh NIC", _address(topology.MANAGEMENT_NIC, allow=["default_route", "ip_configured"])),
    ("clump", _address(topology.SATA_CONTROLLER, group_members="claim")),
    ("bridge", _address("0000:00:10.0")),
    ("PF with VFs", _address(topology.IGB_PF)),
    ("boot display", _address(topology.BOOT_VGA)),
)
MISTAKES = (
    ("unknown domain", {**_address(topology.NVME), "domain": "web9"}),
    ("no such device", _address("0000:42:00.0")),
    ("too many", {"domain": "web1", "requests": [{"name": "nic", "count": 5, "specs": [VF]}]}),
    ("bad address", _address("0000:zz:00.0")),
    ("bad spec", {"domain": "web1", "requests": [{"name": "nic", "specs": [{"vendor": "8086"}]}]}),
    ("no root port", {"domain": "plain1", "requests": [{"name": "nic", "specs": [VF]}]}),
    ("conventional", _address(topology.CONVENTIONAL[0], group_members="claim")),
    ("remote uri", {**_address(topology.NVME), "uri": "qemu+ssh://other/system"}),
    ("no libvirt", {**_address(topology.NVME), "uri": "qemu:///nowhere"}),
)
NOT_ROOT = {
    "name": "not root",
    CLAIM: _address(topology.NVME),
    "become": True,
    "become_user": "nobody",
    "become_method": "ansible.builtin.sudo",
    "vars": {"ansible_pipelining": True},
    "ignore_errors": True,
}


@pytest.fixture(scope="module")
def refused(host: Lab) -> PlayResult:
    """All of these claims in one playbook, while plain1 runs, and the host's state between and after them."""
    host.sh("virsh -q define /dev/stdin", text=guest.domain_xml("plain1", kernel=False))
    host.sh("virsh -q start plain1")
    try:
        result = play(
            host.inventory(),
            tasks(
                reading("before"),
                *_claims(*GUARDED),
                reading("after the guarded"),
                *_claims(*MISTAKES),
                NOT_ROOT,
                reading("after the mistakes"),
            ),
        )
    finally:
        host.sh("virsh -q destroy plain1; virsh -q define /dev/stdin", text=guest.domain_xml("plain1"))
    assert result.code == 0, result.output
    return result


def test_guards_name_what_the_host_lives_on(lab: Lab, refused: PlayResult) -> None:
    def blockers(name: str) -> dict[str, set[str]]:
        error = refused.of(name).result["error"]
        assert error["code"] == "device_blocked"
        addresses: dict[str, set[str]] = {}
        for blocker in error["blockers"]:
            addresses.setdefault(blocker["code"], set()).add(blocker["address"])
        return addresses

    assert blockers("root disk") == {"root_disk": {topology.ROOT_DISK}}
    assert blockers("ssh NIC") == {"ssh_nic": {topology.MANAGEMENT_NIC}}
    assert blockers("clump") == {"group_blocked": {topology.ISA_BRIDGE, topology.SMBUS}}
    assert blockers("bridge") == {"not_endpoint": {"0000:00:10.0"}}
    assert blockers("PF with VFs") == {"pf_has_vfs": {topology.IGB_PF}}
    assert blockers("boot display") == {"boot_vga": {topology.BOOT_VGA}}
    assert "/dev/vda is mounted at /" in refused.of("root disk").result["msg"]
    assert state_at(refused, "after the guarded") == state_at(refused, "before")


def test_mistakes_are_explained_and_change_nothing(lab: Lab, refused: PlayResult) -> None:
    names = [name for name, _options in MISTAKES] + ["not root"]
    assert {name: refused.of(name).result.get("error", {}).get("code") for name in names} == {
        "unknown domain": "unknown_domain",
        "no such device": "no_such_device",
        "too many": "not_enough_devices",
        "bad address": "invalid_request",
        "bad spec": "invalid_spec",
        "no root port": "no_free_root_port",
        "conventional": "no_pci_bridge",
        "remote uri": "remote_uri",
        "no libvirt": "no_libvirt",
        "not root": "not_root",
    }
    assert "web1, db1, plain1" in refused.of("unknown domain").result["msg"]
    assert "did you mean vendor_id?" in refused.of("bad spec").result["msg"]
    assert "<controller type='pci' model='pcie-root-port'/>" in refused.of("no root port").result["msg"]
    assert state_at(refused, "after the mistakes") == state_at(refused, "before")


def test_unreadable_record_stops_every_change_and_stays_as_it_is(lab: Lab) -> None:
    kept = lab.sh(f"cat {RECORD} 2> /dev/null", check=False).stdout
    lab.put('{"schema": 1, "claims": [', RECORD)
    try:
        before = read_state(lab)
        result = play(
            lab.inventory(),
            tasks(
                {"name": "claim", CLAIM: _address(topology.NVME), "ignore_errors": True},
                {"name": "facts", "kvm.hostdev.pci_facts": {}},
            ),
        )
        assert result.code == 0, result.output
        assert result.of("claim").result["error"]["code"] == "record_unreadable"
        assert RECORD in result.of("claim").result["msg"]
        assert len(result.of("facts").result["ansible_facts"]["hostdev"]["devices"]) > 20
        assert read_state(lab) == before
    finally:
        lab.put(kept, RECORD) if kept else lab.sh(f"rm -f {RECORD}")
