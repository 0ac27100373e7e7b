# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where devices sit: NUMA nodes with their sockets, and how far devices are apart."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener
from ansible_collections.kvm.hostdev.tests.pages.test_drawn import HOSTS, functions


def test_nodes_name_their_sockets_where_there_are_several(picture: Opener) -> None:
    facts = made.gpu_host()
    page = picture({"gpu": facts}).go("host=gpu")
    assert page.locator(".numa h2").all_inner_texts() == ["NUMA node 0, socket 0", "NUMA node 1, socket 1"]
    facts["host"]["numa_nodes"] = [{"id": 0, "socket": 0}, {"id": 1, "socket": 0}]
    page = picture({"gpu": facts}).go("host=gpu")
    assert page.locator(".numa h2").all_inner_texts() == ["NUMA node 0", "NUMA node 1"]


def test_a_host_with_exactly_one_node_has_all_its_devices_there(picture: Opener) -> None:
    facts = made.gpu_host()
    for device in facts["devices"]:
        device["numa_node"] = None
    for nodes, title, told in (
        ([{"id": 2, "socket": 0}], "NUMA node 2", "on the same NUMA node"),
        ([{"id": 2, "socket": 0}, {"id": 3, "socket": None}], "No NUMA node", "not known how far"),
    ):
        facts["host"]["numa_nodes"] = nodes
        page = picture({"gpu": facts}).go("host=gpu&device=0000:41:00.0")
        assert page.locator(".numa h2").all_inner_texts() == [title]
        assert told in page.locator("dialog[open] .apart").inner_text()


def test_a_node_without_cpus_is_no_other_socket(picture: Opener) -> None:
    facts = made.gpu_host()
    facts["host"]["numa_nodes"] = [{"id": 0, "socket": 0}, {"id": 1, "socket": 0}, {"id": 2, "socket": None}]
    page = picture({"gpu": facts}).go("host=gpu")
    assert page.locator(".numa h2").all_inner_texts() == ["NUMA node 0", "NUMA node 1"]


@pytest.mark.parametrize("name", HOSTS)
def test_distances_are_those_of_the_rules(picture: Opener, name: str) -> None:
    facts = HOSTS[name]()
    page = picture({name: facts}).go(f"host={name}")
    drawn = page.evaluate(
        """() => {
            const devices = HOSTS[0].devices.filter(({glance}) => glance.role === 'function');
            const places = devices.map((device) => [device.address, placeOf(device)]);
            return Object.fromEntries(places.map(([address, one]) => [address,
                Object.fromEntries(places.map(([other, there]) => [other, apart(one, there)]))]));
        }"""
    )
    wanted = made.distances(facts, functions(facts))
    assert drawn == wanted
    assert len({word for words in wanted.values() for word in words.values()}) >= 3


def test_a_device_says_how_far_others_are(picture: Opener) -> None:
    page = picture({"gpu": made.gpu_host()}).go("host=gpu&device=0000:04:00.0")
    told = page.locator("dialog .apart tr").all_inner_texts()
    assert [line.split()[0] for line in told] == ["PIX", "PHB", "SYS"]
    assert "0000:03:00.0 GA100" in told[0]
    assert "0000:05:00.0 GA100" in told[0]
    assert "0000:06:00.0" in told[1]
    assert "3 devices" in told[2]


def test_what_is_not_known_of_where_a_device_sits_is_not_said_to_be_none(picture: Opener) -> None:
    facts = made.gpu_host()
    known, unknown = (device for device in facts["devices"] if device["address"] in ("0000:06:00.0", "0000:07:00.0"))
    keys = ("pcie_root", "pcie_switch", "pcie_switches", "socket", "numa_node")
    unknown.update(dict.fromkeys(keys))
    shown = picture({"gpu": facts})
    rows = (
        "() => Object.fromEntries([...document.querySelectorAll('.fields tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.innerText)))"
    )
    told = shown.go(f"host=gpu&device={unknown['address']}").evaluate(rows)
    assert {key: told[key] for key in keys} == dict.fromkeys(keys, "not known")
    told = shown.go(f"host=gpu&device={known['address']}").evaluate(rows)
    assert (told["pcie_switch"], told["pcie_switches"], told["pcie_root"]) == ("none", "none", "pci0000:00")
