# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request says of the guest: a VF as an interface with its network settings, the guest's own addresses, ROMs."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

from tests.lab import guest, topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import HostState, read_state, reading, state_at

VF = topology.IGB_VFS[1]
MAC, OTHER_MAC = "52:54:00:12:34:56", "52:54:00:12:34:57"
CLAIM = "kvm.hostdev.pci_passthrough_claim"
RELEASE = {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}}
_SHOW = f"ip -j -d link show dev $(ls /sys/bus/pci/devices/{topology.IGB_PF}/net)"


def vf_info(lab: Lab) -> dict[str, Any]:
    """What iproute2 says of the VF: the second one."""
    return _vf_info(lab.sh(_SHOW).stdout)


def _vf_info(said: str) -> dict[str, Any]:
    (link,) = (link for link in json.loads(said) if link)
    info = next(vf for vf in link["vfinfo_list"] if vf["vf"] == 1)
    vlans = info.get("vlan_list") or [{}]
    return {
        "mac": info["address"],
        "vlan": vlans[0].get("vlan", 0),
        "trust": info["trust"],
        "spoof_check": info["spoofchk"],
    }


def elements(state: HostState, place: str, path: str, domain: str = "web1") -> list[dict[str, str]]:
    return [element.attrib for element in ET.fromstring(state.domains[domain, place]).iterfind(f"devices/{path}")]


def test_a_vf_is_an_interface_with_its_network_settings_then_another_owner_s_and_all_is_put_back(
    lab: Lab, before: HostState
) -> None:
    guest_before = lab.guest_pci("web1")
    lab.sh(f"ip link set $(ls /sys/bus/pci/devices/{topology.IGB_PF}/net) up")
    settings_before = vf_info(lab)
    network = {"mac": MAC, "vlan": 42, "trust": True, "spoof_check": False}
    assert all(settings_before[name] != value for name, value in network.items())
    wanted = {"domain": "web1", "requests": [{"name": "nic", "address": VF, "network": network}]}

    claimed = play(lab.inventory(), tasks({"name": "claim", CLAIM: wanted}, {"name": "claim again", CLAIM: wanted}))
    assert claimed.code == 0, claimed.output
    assert [task.status for task in claimed.tasks] == ["changed", "ok"]
    assert vf_info(lab) == network
    state = read_state(lab)
    for place in ("config", "live"):
        assert elements(state, place, "interface[@type='hostdev']/mac") == [{"address": MAC}]
        assert elements(state, place, "interface/vlan/tag") == [{"id": "42"}]
    seen = lab.wait_guest_pci("web1", lambda devices: len(devices) > len(guest_before))
    assert [(device.ids, device.driver) for device in seen if device not in guest_before] == [("8086:10ca", "igbvf")]

    # The next owner has it by the time that the first one's play cleans up once more.
    other = {"mac": OTHER_MAC, "vlan": 43, "trust": False, "spoof_check": True}
    of_other = {"requests": [{"name": "nic", "address": VF, "network": other}], "attach": ["config"]}
    lab.sh("virsh -q define /dev/stdin", text=guest.domain_xml("db1", kernel=False))
    try:
        released = play(
            lab.inventory(),
            tasks(
                RELEASE,
                {"name": "claim for db1", CLAIM: {"domain": "db1", **of_other}},
                {**RELEASE, "name": "late"},
                {"name": "with db1", "ansible.builtin.raw": f"virsh -q start db1 && {_SHOW}"},
                {"name": "stop", "ansible.builtin.raw": "virsh -q destroy db1"},
                {"name": "release db1", "kvm.hostdev.pci_passthrough_release": {"domain": "db1"}},
            ),
        )
    finally:
        lab.sh("virsh -q destroy db1 2> /dev/null; virsh -q define /dev/stdin", text=guest.domain_xml("db1"))
    assert released.code == 0, released.output
    assert [released.of(name).status for name in ("release", "late", "release db1")] == ["changed", "ok", "changed"]
    assert _vf_info(released.of("with db1").result["stdout"]) == other
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    settings = vf_info(lab)
    # A VF without a MAC address that was set for it gets one by chance whenever its driver binds it.
    assert {**settings, "mac": ""} == {**settings_before, "mac": ""}
    assert settings["mac"] not in (MAC, OTHER_MAC)
    assert lab.wait_guest_pci("web1", lambda devices: len(devices) == len(guest_before)) == guest_before


def test_root_ports_are_there_after_the_next_start_and_take_devices_at_the_asked_address(
    lab: Lab, before: HostState
) -> None:
    prepare = {"domain": "plain1", "requests": [], "ensure_root_ports": 2}
    disk = {"name": "disk", "address": topology.NVME, "guest_address": "0000:02:00.0", "rom": {"bar": False}}
    wanted = {"domain": "plain1", "requests": [disk]}
    lab.put(before.domains["plain1", "config"], "/run/plain1.xml")
    try:
        prepared = play(lab.inventory(), tasks({"name": "ports", CLAIM: prepare}, {"name": "again", CLAIM: prepare}))
        assert prepared.code == 0, prepared.output
        assert [task.status for task in prepared.tasks] == ["changed", "ok"]
        assert prepared.of("ports").result["plan"][0]["kind"] == "root_ports"

        guest_before = lab.start_guest("plain1")
        release = {"kvm.hostdev.pci_passthrough_release": {"domain": "plain1"}}
        claimed = play(lab.inventory(), tasks({"name": "claim", CLAIM: wanted}, {"name": "claim again", CLAIM: wanted}))
        assert claimed.code == 0, claimed.output
        assert [task.status for task in claimed.tasks] == ["changed", "ok"]
        guest = lab.wait_guest_pci("plain1", lambda devices: len(devices) > len(guest_before))
        assert [(device.address, device.ids) for device in guest if device not in guest_before] == [
            ("0000:02:00.0", "1b36:0010")
        ]
        state = read_state(lab)
        for place in ("config", "live"):
            assert [rom["bar"] for rom in elements(state, place, "hostdev/rom", "plain1")] == ["off"]

        # Detached by hand from the definition, and asked for without an address: it comes back to the same.
        definition = ET.fromstring(state.domains["plain1", "config"])
        hostdev = definition.find("devices/hostdev")
        assert hostdev is not None
        lab.sh("virsh -q detach-device plain1 /dev/stdin --config", text=ET.tostring(hostdev, encoding="unicode"))
        plain = {"name": "disk", "address": topology.NVME}
        again = play(
            lab.inventory(),
            tasks(
                {"name": "again", CLAIM: {"domain": "plain1", "requests": [plain]}},
                reading("claimed again"),
                {"name": "release", **release},
            ),
        )
        assert again.code == 0, again.output
        state = state_at(again, "claimed again")
        assert [address["bus"] for address in elements(state, "config", "hostdev/address", "plain1")] == ["0x02"]
        assert read_state(lab).bindings == before.bindings
    finally:
        lab.sh("virsh -q destroy plain1; virsh -q define /run/plain1.xml", check=False)
    assert read_state(lab).domains["plain1", "config"] == before.domains["plain1", "config"]


def test_functions_of_one_slot_are_one_slot_in_a_guest_that_is_started_with_them(lab: Lab, before: HostState) -> None:
    requests = [{"name": address, "address": address} for address in topology.MULTIFUNCTION]
    wanted = {"domain": "db1", "requests": requests, "attach": ["config"]}
    release = {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "db1"}}
    claimed = play(lab.inventory(), tasks({"name": "claim", CLAIM: wanted}, {"name": "again", CLAIM: wanted}))
    assert claimed.code == 0, claimed.output
    assert [task.status for task in claimed.tasks] == ["changed", "ok"]
    try:
        guest = lab.start_guest("db1")
        addresses = [device.address for device in guest if device.ids in ("8086:10d3", "1b36:0010")]
        (slot,) = {address.rpartition(".")[0] for address in addresses}
        assert addresses == [f"{slot}.{number}" for number in range(3)]
        released = play(
            lab.inventory(),
            tasks(
                {**release, "name": "release while it runs", "ignore_errors": True},
                {"name": "stop", "ansible.builtin.raw": "virsh -q destroy db1"},
                release,
            ),
        )
        assert released.of("release while it runs").result["error"]["code"] == "multifunction_slot"
        assert released.code == 0, released.output
    finally:
        lab.sh("virsh -q destroy db1 2> /dev/null", check=False)
    after = read_state(lab)
    assert after.bindings == before.bindings
    assert after.domains["db1", "config"] == before.domains["db1", "config"]
