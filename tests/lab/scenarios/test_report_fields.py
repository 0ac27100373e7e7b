# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a real host, field by field, against what other tools say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import topology
from tests.lab.scenarios.idle import Idle
from tests.lab.tools import VIEWS, Host

_NOT_COMPARED = {
    "blockers": "compared by code and function below",
    "used_by": "nobody uses a device here; see the scenarios of claims",
    "status": "the record's; see the scenarios of claims",
    "owner": "the record's; see the scenarios of claims",
    "claimable": "follows from status and blockers",
}


@pytest.fixture
def observed(idle: Idle) -> Host:
    return idle.observed


@pytest.fixture
def report(idle: Idle) -> dict[str, Any]:
    return idle.facts


def test_every_field_of_a_function_is_what_other_tools_say(report: dict[str, Any], observed: Host) -> None:
    devices = {
        device["address"]: {
            **device,
            "children": sorted(device["children"], key=lambda child: (child["kind"], child["name"])),
            "affected": sorted(device["affected"], key=lambda name: ("/" in name, name)),
        }
        for device in report["devices"]
        if device["capability"] == "pci"
    }
    compared: set[str] = set()
    for tool, look in VIEWS.items():
        view = look(observed)
        assert sorted(view) == list(devices), tool
        for address, fields in view.items():
            assert {name: devices[address].get(name) for name in fields} == fields, f"{address} by {tool}"
            compared.update(fields)
    unknown = set().union(*devices.values()) - compared
    assert unknown == set(_NOT_COMPARED), "each field is compared or has a reason not to be"


def test_other_node_devices_are_libvirts(report: dict[str, Any], observed: Host) -> None:
    devices = {device["name"]: device for device in report["devices"] if device["capability"] != "pci"}
    expected = {
        name: {
            "parent": node.findtext("parent"),
            "path": node.findtext("path"),
            "driver": node.findtext("driver/name"),
            "capability": node.find("capability").get("type"),  # type: ignore[union-attr]
        }
        for name, node in observed.nodes.items()
        if not name.startswith("pci_")
    }
    assert len(expected) > 20
    assert {name: {key: device[key] for key in expected[name]} for name, device in devices.items()} == expected


def test_tree_and_groups_are_those_of_the_host(report: dict[str, Any], observed: Host) -> None:
    def edges(nodes: list[dict[str, Any]], parent: str | None = None) -> Iterator[tuple[str, str | None]]:
        for node in nodes:
            yield node["name"], parent
            yield from edges(node["children"], node["name"])

    # computer / +- pci_0000_00_01_0 / |   +- drm_card0: four columns a level.
    above: list[str] = []
    expected: dict[str, str | None] = {}
    for line in observed.lines("tree"):
        name = line.lstrip(" |+-")
        if name:
            level = (len(line) - len(name) + 2) // 4
            expected[name] = above[level - 1] if level else None
            above[level:] = [name]
    assert dict(edges(report["tree"])) == expected

    groups: dict[int, list[str]] = {}
    for member in observed.lines("group"):
        groups.setdefault(int(member.split("/")[4]), []).append(member.split("/")[-1])
    assert {group["id"]: group["devices"] for group in report["iommu_groups"]} == groups
    assert groups[next(number for number, members in groups.items() if topology.NVME in members)] == [topology.NVME]


def test_host_is_what_its_tools_say(report: dict[str, Any], observed: Host) -> None:
    host = report["host"]
    loaded = {line.split()[0] for line in observed.lines("modules")}
    assert host["kernel"] == observed.text["kernel"].strip()
    assert host["vfio_present"] is ("vfio_pci" in loaded)
    assert f"Using library: libvirt {host['libvirt_version']}\n" in observed.text["version"]
    assert f"Running hypervisor: {host['hypervisor']} {host['hypervisor_version']}\n" in observed.text["version"]


def test_blockers_by_use_fall_on_the_functions_that_the_tools_name(report: dict[str, Any], observed: Host) -> None:
    expected: dict[str, set[str | None]] = {
        "root_disk": set(),
        "mounted_fs": set(),
        "default_route": {
            observed.function_of("net", route["dev"])
            for route in json.loads(observed.text["routes"])
            if route["dst"] == "default"
        },
        "ip_configured": set(),
        "ssh_nic": set(),
        "boot_vga": {address for address, text in observed.attributes("boot_vga").items() if text == "1"},
        "bmc": {topology.BMC},
    }
    disks = {disk["maj:min"]: disk["name"] for disk in json.loads(observed.text["disks"])["blockdevices"]}
    for mount in json.loads(observed.text["mounts"])["filesystems"]:
        if mount["maj:min"] in disks:
            code = "root_disk" if mount["target"] in ("/", "/boot", "/usr", "/var") else "mounted_fs"
            expected[code].add(observed.function_of("block", disks[mount["maj:min"]]))
    server = observed.text["connection"].split()[2]
    for interface in json.loads(observed.text["addresses"]):
        for address in interface["addr_info"]:
            if address["scope"] == "global":
                expected["ip_configured"].add(observed.function_of("net", interface["ifname"]))
            if address["local"] == server:
                expected["ssh_nic"].add(observed.function_of("net", interface["ifname"]))
    assert observed.text["swaps"] == ""

    addresses: dict[str, set[str]] = {code: set() for code in expected}
    elsewhere = set()
    for device in report["devices"]:
        for blocker in device.get("blockers", ()):
            if device["capability"] == "pci" and blocker["address"] == device["address"]:
                addresses.setdefault(blocker["code"], set()).add(device["address"])
            elif device["capability"] != "pci":
                elsewhere.add(blocker["code"])
    assert {code: addresses[code] for code in expected} == expected
    assert expected["root_disk"] == {topology.ROOT_DISK}
    assert expected["ssh_nic"] == expected["default_route"] == {topology.MANAGEMENT_NIC}
    assert topology.WATCHDOG in addresses["watchdog"]
    assert not elsewhere
    unused = {"swap", "lvm", "md", "zfs", "kernel_holder", "enslaved", "held_by_process"}
    unused |= {"in_domain_xml", "in_interface_hostdev"}
    assert not unused & set(addresses)
