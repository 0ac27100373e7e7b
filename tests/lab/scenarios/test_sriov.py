# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs by pci_sriov on a real igb: made by others and by us, counted anew, set, used meanwhile, and given back."""

from __future__ import annotations

import json
from typing import Any

from tests.lab import guest, topology
from tests.lab.guest import RESTED, RESTLESS
from tests.lab.machine import Lab
from tests.lab.patience import stretched
from tests.lab.play import PlayResult, play, tasks
from tests.lab.scenarios.names import FUNCTIONS
from tests.lab.state import RECORD, HostState, read_state

PF, VFS = topology.IGB_PF, topology.IGB_VFS
_FOLDER = f"/sys/bus/pci/devices/{PF}"
_SHOW = f"ip -j -d link show dev $(ls {_FOLDER}/net)"
_BY_HAND = f"echo 0 > {_FOLDER}/sriov_numvfs; echo 1 > {_FOLDER}/sriov_drivers_autoprobe"
_FOUR = f"{_BY_HAND}; echo 4 > {_FOLDER}/sriov_numvfs; udevadm settle"


def vfs(name: str, number: int | str | None, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """Return a task NAME of pci_sriov; without a number all is given back, and a playbook goes on after its failure."""
    asked = {"state": "absent"} if number is None else {"number": number}
    return {
        "name": name,
        "kvm.hostdev.pci_sriov": {"address": PF, **asked, **options},
        "ignore_errors": True,
        "check_mode": check,
    }


def shell(name: str, command: str) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.raw": command}


def shown(name: str) -> dict[str, Any]:
    """Return a task NAME that reads what the kernel has of the PF."""
    return shell(name, _SHOW)


def kernel(result: PlayResult, name: str) -> dict[int, dict[str, Any]]:
    """Return what it has read of the VFs, by their numbers."""
    (link,) = (link for link in json.loads(lines(result, name)[0]) if link)
    return {vf["vf"]: vf for vf in link.get("vfinfo_list", ())}


def lines(result: PlayResult, name: str) -> list[str]:
    """Return what it has read, line by line; `ip` writes one."""
    said: str = result.of(name).result["stdout"]
    return said.splitlines()


def error(result: PlayResult, name: str) -> dict[str, str]:
    of_task = result.of(name)
    assert of_task.status == "failed", f"{name}: {of_task}"
    told: dict[str, str] = of_task.result["error"]
    return told


def statuses(result: PlayResult, *names: str) -> dict[str, str]:
    return {name: result.of(name).status for name in names}


def source(address: str) -> str:
    """Return where a domain's XML has the function at ADDRESS."""
    segment, bus, slot, function = address.replace(".", ":").split(":")
    place = f"type='pci' domain='0x{segment}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'"
    return f"<source><address {place}/></source>"


def count(lab: Lab) -> int:
    return len(lab.sh(f"ls -d {_FOLDER}/virtfn* 2> /dev/null", check=False).stdout.split())


def test_vfs_of_others_stay_theirs_until_they_are_taken_over(lab: Lab, before: HostState) -> None:
    try:
        result = play(
            lab.inventory(),
            tasks(
                vfs("as many", 4, settings={"trust": True}),
                vfs("back, not ours", None),
                vfs("more", 5),
                shown("theirs"),
                vfs("taken over", 5, take_over=True),
                {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["!all", "drift"]}},
                vfs("back", None),
                shown("theirs again"),
            ),
        )
        assert result.code == 0, result.output
        assert statuses(result, "as many", "back, not ours", "taken over", "back") == {
            "as many": "ok",
            "back, not ours": "ok",
            "taken over": "changed",
            "back": "changed",
        }
        assert "did not make" in result.of("as many").result["warnings"][0]
        assert error(result, "more")["code"] == "foreign_vfs"
        assert {vf["trust"] for vf in kernel(result, "theirs").values()} == {False}
        assert result.of("taken over").result["pfs"][0]["number"] == 5
        assert result.of("facts").result["ansible_facts"]["hostdev"]["drift"] == []
        assert set(kernel(result, "theirs again")) == {0, 1, 2, 3}
    finally:
        lab.sh(_FOUR)
    assert read_state(lab).bindings == before.bindings


#: VLANs that the driver of a VF on the host asks for: with these igb has room for three more, of all VFs.
_VLANS = "seq 28 | sed 's/.*/link {} name lab&{}/' | ip -batch -"
_MTUS = f"cat {_FOLDER}/virtfn[0-4]/net/*/mtu"
_CROWDED = f"""
{FUNCTIONS}
echo {VFS[2]} > /sys/bus/pci/drivers/igbvf/unbind
vf=$(interface {VFS[4]})
{_VLANS.format("add link '$vf'", " type vlan id 20&")}
{_SHOW}
{_MTUS}
"""


def test_settings_are_read_back_and_what_igb_refuses_leaves_all_as_it_was(lab: Lab, before: HostState) -> None:
    """The rows of the kernel's own answers: igb knows no link state, no least rate, no 802.1ad, no e-switch.

    libvirt has VLANs without a priority. An MTU is of VFs with interfaces on the host, and VLANs may become too many.
    """
    tagged = {"vf": 1, "vlan": 1, "qos": 2}
    interface = f"<interface type='hostdev' managed='yes'>{source(VFS[1])}</interface>"
    deaf = guest.domain_xml("db1", kernel=False).replace("</devices>", f"{interface}</devices>")
    mtus = [{"vf": vf, "mtu": 2000} for vf in range(2)]
    try:
        lab.sh("virsh -q define /dev/stdin", text=deaf)
        result = play(
            lab.inventory(),
            tasks(
                shell("none", f"{_BY_HAND}; ip link set dev $(ls {_FOLDER}/net) down"),
                vfs("five", 5),
                vfs("link state", 5, vfs=[{"vf": 2, "vlan": 100, "link_state": "enable"}]),
                vfs("switchdev", 5, eswitch_mode="switchdev"),
                vfs("set", 5, vfs=[tagged, {"vf": 0, "spoof_check": False, "max_tx_rate": 100}]),
                vfs("set again", 5, vfs=[tagged, {"vf": 0, "spoof_check": False, "max_tx_rate": 100}]),
                shell("started", f"virsh -q start db1 && {_SHOW}"),
                vfs("while it runs", 5, check=True),
                shell("stopped", f"virsh -q destroy db1; virsh -q undefine db1; {_SHOW}"),
                vfs("put back", 5),
                shown("as set"),
                vfs("least", 5, vfs=[{"vf": 0, "min_tx_rate": 40}]),
                vfs("too fast", 5, vfs=[{"vf": 0, "max_tx_rate": 2000}]),
                vfs("802.1ad", 5, vfs=[{**tagged, "vlan_protocol": "802.1ad"}]),
                shown("still so"),
                vfs("two", 2),
                shown("two left"),
                vfs("no vlan", 2, vfs=[{"vf": 1, "vlan": 0}]),
                vfs("all", "max"),
                vfs("with drivers", 5, autoprobe=True, vfs=mtus),
                vfs("with drivers again", 5, autoprobe=True, vfs=mtus),
                shell("crowded", _CROWDED),
                vfs("no interface", 5, autoprobe=True, vfs=[{"vf": 3, "trust": True}, {"vf": 2, "mtu": 2000}]),
                vfs("too many", 5, autoprobe=True, vfs=[{"vf": vf, "vlan": 100 + vf} for vf in range(4)]),
                shell("as before", f"{_SHOW}; {_MTUS}; grep -c vfs_journal {RECORD}; {_VLANS.format('del', '')}"),
                vfs("back", None),
                shell("down", f"cat /sys/class/net/$(ls {_FOLDER}/net)/operstate"),
            ),
        )
        assert result.code == 0, result.output
        changed = ("five", "set", "put back", "two", "no vlan", "all", "with drivers", "back")
        assert statuses(result, *changed) == dict.fromkeys(changed, "changed")
        unchanged = ("set again", "while it runs", "with drivers again")
        assert statuses(result, *unchanged) == dict.fromkeys(unchanged, "ok")
        assert [step["kind"] for step in result.of("five").result["plan"]] == ["autoprobe", "up", "number"]
        assert "igb" in error(result, "link state")["found"]
        assert error(result, "link state")["subject"].startswith("link_state of VF 2")
        assert "e-switch" in error(result, "switchdev")["found"]
        as_set = kernel(result, "as set")
        assert as_set[1]["vlan_list"] == [{"vlan": 1, "qos": 2}]
        assert as_set[2]["vlan_list"] == [{}]
        assert (as_set[0]["spoofchk"], as_set[0]["rate"]["max_tx"]) == (False, 100)
        assert kernel(result, "started")[1]["vlan_list"] == [{}]
        assert f"of VF 1 of {PF} is libvirt's" in result.of("while it runs").result["warnings"][0]
        assert kernel(result, "stopped")[1]["vlan_list"] == [{"vlan": 1}]
        assert [(step["vf"], step["name"]) for step in result.of("put back").result["plan"]] == [(1, "qos")]
        for refused in ("least", "too fast", "802.1ad"):
            assert "igb" in error(result, refused)["found"], refused
        assert kernel(result, "still so") == as_set
        two = kernel(result, "two left")
        assert (set(two), two[1]["vlan_list"], two[0]["rate"]["max_tx"]) == ({0, 1}, [{"vlan": 1, "qos": 2}], 100)
        assert result.of("all").result["pfs"][0]["number"] == topology.IGB_TOTAL_VFS
        without = error(result, "no interface")
        assert (without["code"], without["found"]) == ("vf_without_interface", "it has no driver")
        assert f"{VFS[2]}, VF 2 of {PF}" in without["subject"]
        assert error(result, "too many")["subject"].startswith(f"vlan of {VFS[3]}, VF 3 of {PF}")
        assert "room for 31 VLANs" in error(result, "too many")["found"]
        assert lines(result, "crowded")[1:] == ["2000", "2000", "1500", "1500"]
        assert lines(result, "as before") == [*lines(result, "crowded"), "0"]
        assert result.of("down").result["stdout"].strip() == "down"
        assert count(lab) == 0
    finally:
        lab.sh("virsh -q destroy db1 2> /dev/null; virsh -q define /dev/stdin", text=guest.domain_xml("db1"))
        lab.sh(f"ip link set dev $(ls {_FOLDER}/net) up; {_FOUR}")
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)


_MAC_OF_VF_3 = f"""
{FUNCTIONS}
refused() {{ dmesg | grep 'VF 3 attempted to override'; }}
has() {{ ip link show dev $(ls {_FOLDER}/net) | grep "vf 3 .*$1"; }}
"""
#: VF 2 is in a guest that does not answer, and somebody writes to the PF: the kernel waits for the guest.
_STUCK = f"""
{FUNCTIONS}
virsh -q start db1
virsh -q attach-device db1 /run/lab-vf.xml
setsid sh -c 'echo 0 > {_FOLDER}/sriov_numvfs' < /dev/null > /dev/null 2>&1 &
await test ! -e {_FOLDER}/virtfn2
ls {_FOLDER}
"""
_LET_GO = f"""
{FUNCTIONS}
virsh -q destroy db1
no_vfs() {{ ! ls -d {_FOLDER}/virtfn* && cat {_FOLDER}/sriov_numvfs; }}
await no_vfs
"""


def test_vfs_in_use_keep_their_number_and_are_named_with_their_users(lab: Lab, before: HostState) -> None:
    """A guest's, whose MAC address stays what it was set to unless it is trusted; and one in another namespace.

    One that somebody removes by hand from a guest that does not answer; and the PF over which the host's route leads.
    """
    claim = {"domain": "web1", "requests": [{"name": "nic", "address": VFS[3]}], "attach": ["live"]}
    elsewhere = (
        f"echo igbvf > /sys/bus/pci/devices/{VFS[1]}/driver_override; echo {VFS[1]} > /sys/bus/pci/drivers_probe; "
        f"udevadm settle; ip netns add lab-vf; ip link set dev $(ls /sys/bus/pci/devices/{VFS[1]}/net) netns lab-vf"
    )
    interface = f"$(ls {_FOLDER}/net)"
    routed = f"ip addr add 192.0.2.1/24 dev {interface}; ip route add default via 192.0.2.254 metric 9999"
    hostdev = f"<hostdev mode='subsystem' type='pci' managed='yes'>{source(VFS[2])}</hostdev>"
    try:
        lab.sh(_BY_HAND)
        lab.put(hostdev, "/run/lab-vf.xml")
        lab.sh("virsh -q define /dev/stdin", text=guest.domain_xml("db1", kernel=False))
        result = play(
            lab.inventory(),
            tasks(
                vfs("five", 5, vfs=[{"vf": 3, "mac": RESTLESS}]),
                {"name": "claim", "kvm.hostdev.pci_passthrough_claim": claim},
                shell("not trusted", f"{_MAC_OF_VF_3} await refused && has {RESTLESS}"),
                vfs("trust", 5, vfs=[{"vf": 3, "trust": True}]),
                shell("trusted", f"{_MAC_OF_VF_3} await has {RESTED}"),
                vfs("guest, none", 0),
                vfs("guest, mtu", 5, mtu=9000),
                {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
                shell("elsewhere", elsewhere),
                vfs("namespace", 0),
                shell(
                    "home",
                    f"ip netns delete lab-vf; echo {VFS[1]} > /sys/bus/pci/drivers/igbvf/unbind; "
                    f"echo > /sys/bus/pci/devices/{VFS[1]}/driver_override",
                ),
                shell("stuck", _STUCK),
                {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["devices"], "fields": ["blockers"]}},
                vfs("stuck, five", 5),
                shell("let go", _LET_GO),
                shell("routed", routed),
                vfs("host's route", 2),
                vfs("host's route, accepted", 2, allow=["default_route"], mtu=2000),
                shell("still routed", "ip -4 route show default"),
                shell("not routed", f"ip route del default via 192.0.2.254; ip addr flush dev {interface}"),
                vfs("back", None),
                shell("mtu", f"cat /sys/class/net/{interface}/mtu"),
            ),
        )
        assert result.code == 0, result.output
        for name in ("guest, none", "guest, mtu"):
            told = error(result, name)
            assert told["code"] == "vfs_in_use", name
            assert f"VF 3 ({VFS[3]}): held by domain web1" in told["found"], name
        assert result.of("trust").status == "changed"
        assert f"VF 1 ({VFS[1]}): other_netns" in error(result, "namespace")["found"]
        assert error(result, "stuck, five")["code"] == "vfs_hang"
        devices = result.of("facts").result["ansible_facts"]["hostdev"]["devices"]
        (of_vf,) = (str(device["blockers"]) for device in devices if device.get("address") == VFS[2])
        for said in (of_vf, error(result, "stuck, five")["found"]):
            for name in (VFS[2], "domain db1", "(sh) writes to", "/sriov_numvfs"):
                assert name in said, (name, said)
        for name in ("facts", "stuck, five"):
            assert result.of(name).seconds < stretched(60), name
        assert error(result, "host's route")["code"] == "pf_in_use"
        assert "allow: [default_route]" in error(result, "host's route")["remedy"]
        assert result.of("host's route, accepted").status == "changed"
        assert "192.0.2.254" in result.of("still routed").result["stdout"]
        assert (result.of("back").status, result.of("mtu").result["stdout"].strip()) == ("changed", "1500")
        assert count(lab) == 0
    finally:
        lab.sh("virsh -q destroy db1 2> /dev/null; virsh -q define /dev/stdin", text=guest.domain_xml("db1"))
        lab.sh(f"ip netns delete lab-vf 2> /dev/null; {_FOUR}", check=False)
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)


def test_vfs_that_somebody_removed_a_cable_that_is_off_a_disk_s_and_those_that_networkd_would_configure(
    lab: Lab, before: HostState
) -> None:
    interface = f"$(ls {_FOLDER}/net)"
    catch_all = "/etc/systemd/network/90-lab-vfs.network"
    wants_vfs = f"printf '[Match]\\nName={{interface}}v*\\n[Network]\\nDHCP=ipv4\\n' > {catch_all}; networkctl reload"
    of_vf = f"/sys/bus/pci/devices/{VFS[0]}/net"
    macs = [{"vf": vf, "mac": f"52:54:00:12:34:5{vf}"} for vf in range(2)]
    try:
        lab.sh(_BY_HAND)
        name = lab.sh(f"ls {_FOLDER}/net").stdout.strip()
        lab.qmp("set_link", name="igb", up=False)
        result = play(
            lab.inventory(),
            tasks(
                vfs("no cable", 2, vfs=macs),
                shown("without a link"),
                shell("by somebody", f"echo 0 > {_FOLDER}/sriov_numvfs"),
                {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["!all", "drift"]}},
                vfs("made again", 2),
                shown("as before"),
                vfs("back", None),
                shell("networkd", wants_vfs.format(interface=name)),
                vfs("with drivers", 1, autoprobe=True),
                shell(
                    "managed",
                    f"udevadm settle; for second in $(seq 30); do networkctl --no-legend list $(ls {of_vf}) "
                    "| grep unmanaged && break; sleep 1; done",
                ),
                vfs("back again", None),
                shell("files", "ls /etc/udev/rules.d/*kvm-hostdev* /etc/systemd/network/*kvm-hostdev* 2>&1 || true"),
                {"name": "disk", "kvm.hostdev.pci_sriov": {"address": topology.NVME_PF, "number": 4}},
                shell("disk's", f"ls /sys/bus/pci/devices/{topology.NVME_PF}"),
                {"name": "disk back", "kvm.hostdev.pci_sriov": {"address": topology.NVME_PF, "state": "absent"}},
            ),
        )
    finally:
        lab.qmp("set_link", name="igb", up=True)
        lab.sh(f"rm -f {catch_all}; networkctl reload; ip link set dev {interface} up; {_FOUR}", check=False)
    assert result.code == 0, result.output
    names = ("no cable", "made again", "back", "with drivers", "back again", "disk", "disk back")
    assert statuses(result, *names) == dict.fromkeys(names, "changed")
    for reading in ("without a link", "as before"):
        addresses = {vf: of_vf["address"] for vf, of_vf in kernel(result, reading).items()}
        assert addresses == {vf["vf"]: vf["mac"] for vf in macs}, reading
    drift = result.of("facts").result["ansible_facts"]["hostdev"]["drift"]
    assert [(entry["code"], entry["address"]) for entry in drift] == [("vfs_differ", PF)]
    assert "unmanaged" in result.of("managed").result["stdout"], result.of("managed").result
    assert "kvm-hostdev-vfs" not in result.of("files").result["stdout"]
    assert "nvme virt-mgmt" in result.of("disk").result["warnings"][0]
    assert result.of("disk's").result["stdout"].count("virtfn") == 4
    assert read_state(lab).bindings == before.bindings
