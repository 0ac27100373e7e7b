# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is drawn is what the facts say, counted here without the code that the page is made with."""

from __future__ import annotations

import collections
import typing as t

import pytest

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener, Picture

HOSTS: dict[str, t.Callable[[], made.Facts]] = {
    "gpu": made.gpu_host,
    "switched": made.switched_host,
    "trixie": lambda: made.recorded_host("lab-trixie"),
    "bookworm": lambda: made.recorded_host("lab-bookworm"),
}
BOXES = "() => [...document.querySelectorAll('[data-address]')].map((box) => ({...box.dataset}))"


def functions(facts: made.Facts) -> dict[str, dict[str, t.Any]]:
    """All endpoints by address; class 06 without 0680 are bridges of any kind."""
    return {
        device["address"]: device
        for device in facts["devices"]
        if device["capability"] == "pci"
        and device["header_type"] == 0
        and (device["class"][:2] != "06" or device["class"][:4] == "0680")
    }


def state(device: dict[str, t.Any]) -> str:
    if any(blocker["code"] == "set_aside" for blocker in device["blockers"]):
        return "set_aside"
    return "held" if device["owner"] else "free" if device["claimable"] else "kept"


@pytest.mark.parametrize("name", HOSTS)
def test_each_function_is_drawn_once_with_its_state(picture: Opener, name: str) -> None:
    facts = HOSTS[name]()
    shown = picture({name: facts})
    page = shown.go(f"host={name}")
    shown.open_all()
    expected = {address: state(device) for address, device in functions(facts).items()}
    boxes = page.evaluate(BOXES)
    assert len(boxes) == len(expected)
    assert {box["address"]: box["state"] for box in boxes} == expected
    assert set(expected.values()) >= {"free", "held", "kept"}
    assert name != "gpu" or "set_aside" in expected.values()
    drawn = set(page.locator("[data-bridge]").evaluate_all("all => all.map((b) => b.dataset.bridge)"))
    assert drawn == {d["address"] for d in facts["devices"] if d["capability"] == "pci"} - set(expected)


@pytest.mark.parametrize("name", HOSTS)
def test_boxes_are_where_their_devices_hang(picture: Opener, name: str) -> None:
    facts = HOSTS[name]()
    shown = picture({name: facts})
    page = shown.go(f"host={name}")
    shown.open_all()
    above = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('[data-address]')].map((box) => {
            const stack = box.closest('.vfs');
            if (stack && !stack.previousElementSibling.isSameNode(box)) return [box.dataset.address, stack.dataset.pf];
            const bus = box.closest('.bus').parentElement.closest('.twig, .root, .fold');
            let twig = box.closest('.bus').parentElement;
            while (twig.classList.contains('fold')) twig = twig.closest('.bus').parentElement;
            const owner = twig.querySelector(':scope > .bridge, :scope > .own > .box');
            return [box.dataset.address, owner.dataset.bridge || owner.dataset.address || null];
        }))"""
    )
    present = {device["address"] for device in facts["devices"] if device["capability"] == "pci"}
    expected = {
        address: device["physical_function"] or (device["parent"] if device["parent"] in present else None)
        for address, device in functions(facts).items()
    }
    assert above == expected


@pytest.mark.parametrize("name", HOSTS)
def test_numa_nodes_hold_their_devices(picture: Opener, name: str) -> None:
    facts = HOSTS[name]()
    shown = picture({name: facts})
    page = shown.go(f"host={name}")
    shown.open_all()
    drawn = page.evaluate(
        "() => [...document.querySelectorAll('[data-address]')]"
        ".map((b) => [b.dataset.address, b.closest('.numa').dataset.node])"
    )
    expected = {
        a: "-" if device["numa_node"] is None else str(device["numa_node"]) for a, device in functions(facts).items()
    }
    assert dict(drawn) == expected


def test_groups_of_several_are_outlined_and_those_in_several_places_have_a_badge(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go("host=gpu")
    groups = page.evaluate(
        """() => [...document.querySelectorAll('.group')].map((group) => [group.dataset.group,
            group.querySelector('.badge')?.textContent, getComputedStyle(group).borderTopStyle,
            [...group.querySelectorAll('[data-address]')].map((box) => box.dataset.address)])"""
    )
    assert groups == [["31", "A", "dashed", ["0000:04:00.0"]], ["31", "A", "dashed", ["0000:05:00.0"]]]


@pytest.mark.parametrize("name", ["trixie", "bookworm"])
def test_groups_of_recorded_hosts_are_outlined(picture: Opener, name: str) -> None:
    facts = HOSTS[name]()
    shown = picture({name: facts})
    page = shown.go(f"host={name}")
    shown.open_all()
    groups = collections.defaultdict(list)
    for address, device in functions(facts).items():
        if device["iommu_group"] is not None and not device["physical_function"]:
            groups[device["iommu_group"]].append(address)
    drawn: dict[str, list[str]] = collections.defaultdict(list)
    for group, members in page.evaluate(
        """() => [...document.querySelectorAll('.group')].map((group) => {
            const own = ':scope > .member > .twig > .own > [data-address]';
            const boxes = group.querySelectorAll(`${own}, :scope > .member > .stack [data-address]`);
            return [group.dataset.group, [...boxes].map((box) => box.dataset.address)];
        })"""
    ):
        drawn[group] += members
    assert {int(group): sorted(members) for group, members in drawn.items()} == {
        group: sorted(members) for group, members in groups.items() if len(members) > 1
    }


def links(shown: Picture, host: str) -> dict[str, list[str]]:
    """What stands on the line below each bridge."""
    page = shown.go(f"host={host}")
    shown.open_all()
    return dict(
        page.evaluate(
            """() => [...document.querySelectorAll('.drawing [data-bridge]')].map((bridge) => [bridge.dataset.bridge,
                [...bridge.querySelectorAll('.link')].map((link) => link.textContent.replace(', link ', ''))])"""
        )
    )


def test_lines_tell_the_links_of_what_hangs_on_a_port(picture: Opener) -> None:
    facts = made.recorded_host("lab-trixie")
    express = {
        device["parent"]: f"{device['link']['current_speed'].split()[0]} GT/s x{device['link']['current_width']}"
        for device in functions(facts).values()
        if device["parent"] and device["link"] and not device["physical_function"]
    }
    assert len(express) == 5
    drawn = links(picture({"lab": facts}), "lab")
    assert {bridge: told for bridge, told in drawn.items() if told} == {port: [told] for port, told in express.items()}


def test_a_link_below_what_its_device_can_do_says_so_and_a_switch_has_none_within(picture: Opener) -> None:
    facts = made.gpu_host()
    known = {
        "0000:00:01.0": (16, 16, 32, 16),  # the root port, which could do more than what hangs on it
        "0000:01:00.0": (16, 16, 16, 16),  # the upstream port of the switch
        "0000:02:00.0": (8, 8, 16, 16),  # the ports of the switch
        "0000:02:01.0": (16, 16, 16, 16),
        "0000:03:00.0": (8, 8, 16, 16),
        "0000:04:00.0": (2.5, 16, 16, 16),
        "0000:05:00.0": (None, None, 16, 16),
        "0000:41:00.0": (8, 8, 8, None),
    }
    for device in facts["devices"]:
        if device["address"] in known:
            now, lanes, best, most = known[device["address"]]
            speed = None if now is None else f"{now:.1f} GT/s PCIe"
            best = f"{best:.1f} GT/s PCIe"
            device["link"] = {"current_speed": speed, "current_width": lanes, "max_speed": best, "max_width": most}
    drawn = links(picture({"gpu": facts}), "gpu")
    assert {bridge: told for bridge, told in drawn.items() if told} == {
        "0000:00:01.0": ["16 GT/s x16"],
        "0000:02:00.0": ["8 GT/s x8", "of 16 GT/s x16"],
        "0000:02:01.0": ["2.5 GT/s x16", "of 16 GT/s x16"],
        "0000:40:01.0": ["8 GT/s x8"],
    }


def test_boxes_say_who_holds_a_device_and_why_the_host_keeps_it(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go("host=gpu")
    shown.open_all()
    said = dict(
        page.evaluate(
            "() => [...document.querySelectorAll('[data-address]')].map((b) => [b.dataset.address, b.innerText])"
        )
    )
    assert "held by web1" in said["0000:03:00.0"]
    assert "kept: root_disk (/dev/nvme0n1p2 is mounted at /)" in said["0000:44:00.0"]
    assert "nvme0n1" in said["0000:44:00.0"].splitlines()[2]
    assert "kept: in_domain_xml" in said["0000:43:00.0"]
    assert "db1" in said["0000:43:00.0"]
    assert "set aside" in said["0000:42:00.0"]
    assert "enp65s0f0" in said["0000:41:00.0"]
    assert said["0000:41:10.1"].rstrip().endswith("free")
    assert [said[f"0000:41:10.{number}"].splitlines()[1].split()[:2] for number in range(4)] == [
        ["VF", str(number)] for number in range(4)
    ]
    assert said["0000:04:00.0"].rstrip().endswith("kept: group_incomplete (only with its whole group)")


def test_that_the_iommu_is_off_is_told_once_in_full(picture: Opener) -> None:
    facts = made.gpu_host()
    why = "off: no DMAR table; switch VT-d on in the firmware"
    facts["host"].update(iommu=False, iommu_reason=why)
    for device in facts["devices"]:
        device.update(claimable=False, owner=None, blockers=[{"code": "iommu_off", "detail": why, "address": "x"}])
    page = picture({"gpu": facts}).go("host=gpu")
    assert page.locator("header b").inner_text() == f"IOMMU {why}"
    assert page.locator("[data-address='0000:03:00.0']").inner_text().rstrip().endswith("kept: iommu_off")


def test_vfs_are_one_stack_until_they_are_looked_at(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go("host=gpu")
    stack = page.locator(".vfs")
    assert stack.locator("summary").inner_text() == "3 free of 4 VFs, 1 held"
    assert page.locator("[data-address^='0000:41:10']").count() == 0
    stack.locator("summary").click()
    vfs = page.locator(".vfs [data-address^='0000:41:10']")
    vfs.nth(3).wait_for()  # the browser tells the page of what was unfolded after the click
    assert vfs.count() == 4


def test_what_looks_the_same_and_is_of_the_platform_is_folded(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go("host=gpu")
    assert shown.texts(".fold > summary") == ["4 parts of the platform, 4 free"]
    page.locator(".fold > summary").click()
    assert page.locator(".fold .stack").get_attribute("data-count") == "4"


@pytest.mark.parametrize("name", HOSTS)
def test_all_fields_of_a_device_are_shown(picture: Opener, name: str) -> None:
    facts = HOSTS[name]()
    shown = picture({name: facts})
    device = next(device for device in functions(facts).values() if device["children"])
    page = shown.go(f"host={name}&device={device['address']}")
    rows = dict(
        page.evaluate(
            "() => [...document.querySelectorAll('.fields tr')]"
            ".map((row) => [row.cells[0].innerText, row.cells[1].innerText])"
        )
    )
    assert rows.keys() == device.keys() - {"blockers"}
    assert rows["address"] == device["address"]
    assert rows["path"] == device["path"]
    assert rows["rom"] == ("none" if device["rom"] is None else str(device["rom"]).lower())
    assert all(child["name"] in rows["children"] for child in device["children"])


def test_the_dialog_has_every_reason_with_what_to_do(picture: Opener) -> None:
    facts = made.gpu_host()
    shown = picture({"gpu": facts})
    page = shown.go("host=gpu&device=0000:43:00.0")
    text = page.locator("dialog[open]").inner_text()
    blockers = functions(facts)["0000:43:00.0"]["blockers"]
    assert blockers
    for blocker in blockers:
        assert blocker["code"] in text
        assert blocker["detail"] in text
        assert blocker["remedy"].replace("`", "") in text


def test_the_dialog_says_what_a_device_was_chosen_with(picture: Opener) -> None:
    facts = made.gpu_host()
    held = next(device for device in functions(facts).values() if device["owner"])
    facts["claims"] = [
        {
            "owner": held["owner"],
            "requests": [{"name": "gpu"}, {"name": "nic"}],
            "devices": [{"address": held["address"], "request": "gpu"}],
            "constraints": [{"requests": ["gpu", "nic"], "match": "pcie_switch"}],
            "prefer": [{"requests": ["gpu"], "match": "numa_node"}, {"requests": ["nic"], "match": "socket"}],
        }
    ]
    page = picture({"gpu": facts}).go(f"host=gpu&device={held['address']}")
    told = "Chosen with others: gpu, nic: match pcie_switch; gpu: match numa_node (a wish)."
    assert page.locator("dialog[open] .together").inner_text() == told
    page = picture({"gpu": facts}).go("host=gpu&device=0000:43:00.0")
    assert page.locator("dialog[open] .together").count() == 0


def test_a_host_without_facts_says_so(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host(), "silent": None, "odd": {"host": {}}})
    page = shown.go()
    assert page.locator(".note summary").inner_text() == "2 hosts without facts"
    page.locator(".note summary").click()
    assert "odd silent" in page.locator(".note").inner_text()
    page = shown.go("host=silent")
    assert "There are no facts of this host" in page.locator("main").inner_text()
    page = shown.go("host=nowhere")
    assert "nowhere is not in this report" in page.locator("main").inner_text()


def test_a_play_without_hosts_is_a_page(picture: Opener) -> None:
    page = picture({}).go()
    assert page.locator("h1").inner_text() == "PCI devices of 0 hosts"


def test_a_switch_is_drawn_around_all_that_is_below_it(picture: Opener) -> None:
    facts = made.gpu_host()
    shown = picture({"gpu": facts})
    page = shown.go("host=gpu")
    shown.open_all()
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('.switch')].map((one) => [one.dataset.switch,
            one.querySelector('.bridge').innerText, [...one.querySelectorAll('[data-address]')]
            .map((box) => box.dataset.address)])"""
    )
    below = ["0000:03:00.0", "0000:04:00.0", "0000:05:00.0"]
    assert [address for address, device in functions(facts).items() if device["pcie_switches"]] == below
    assert drawn == [["0000:01:00.0", "Switch 01:00.0", below]]
    edges = page.evaluate(
        """() => {
            const frame = document.querySelector('.switch');
            const outer = frame.getBoundingClientRect();
            return [...frame.querySelectorAll('*')].map((one) => one.getBoundingClientRect())
                .filter((box) => box.width).every((box) => box.left >= outer.left && box.right <= outer.right
                    && box.top >= outer.top && box.bottom <= outer.bottom);
        }"""
    )
    assert edges is True


def test_switches_are_drawn_within_each_other_and_all_of_them_is_seen_on_a_narrow_screen(picture: Opener) -> None:
    shown = picture({"switched": made.switched_host()})
    page = shown.go("host=switched")
    frames = "() => [...document.querySelectorAll('.switch')].map((one) => [one.dataset.switch, %s])"
    above = "one.parentElement.closest('.switch')?.dataset.switch"
    assert page.evaluate(frames % above) == [
        ["0000:17:00.0", None],
        ["0000:19:00.0", "0000:17:00.0"],
        ["0000:1b:00.0", "0000:19:00.0"],
    ]
    for width in (400, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        sizes = (
            "() => [...document.querySelectorAll('.buses, .drawing')].map((one) => [one.scrollWidth, one.clientWidth])"
        )
        assert all(needed <= seen for needed, seen in page.evaluate(sizes))


def test_facts_of_before_switches_were_told_are_drawn_without(picture: Opener) -> None:
    facts = made.gpu_host()
    for device in facts["devices"]:
        for key in ("pcie_root", "pcie_switch", "pcie_switches", "slot", "socket"):
            del device[key]
    del facts["host"]["numa_nodes"]
    page = picture({"gpu": facts}).go("host=gpu&device=0000:03:00.0")
    assert page.locator(".switch").count() == 0
    assert page.locator("[data-bridge='0000:01:00.0']").count() == 1
    assert page.locator(".numa h2").all_inner_texts() == ["NUMA node 0", "NUMA node 1"]
