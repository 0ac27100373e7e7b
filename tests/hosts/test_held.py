# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault of each kind is found, and a host without any has none: else what is held would say nothing."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Distance, distance
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import device_report, groups_report
from tests.hosts.__main__ import main
from tests.hosts.held import facts, groups, places
from tests.hosts.held.ids import ids
from tests.hosts.held.lstopo import pictured
from tests.hosts.held.outline import outlined
from tests.hosts.held.pairs import matching, pairs
from tests.hosts.held.picture import picture
from tests.hosts.recording import DRIVERS, GROUPS, WAYS, Recording, flat, function
from tests.hosts.test_udevadm import DATABASE

ROOT, OTHER_ROOT = "/sys/devices/pci0000:40", "/sys/devices/pci0000:80"
PORT, SWITCH, LEFT, RIGHT = "0000:40:01.0", "0000:41:00.0", "0000:42:00.0", "0000:42:01.0"
GPU, NIC, DISK = "0000:43:00.0", "0000:44:00.0", "0000:81:00.0"
BRIDGES = {
    PORT: f"{ROOT}/{PORT}",
    SWITCH: f"{ROOT}/{PORT}/{SWITCH}",
    LEFT: f"{ROOT}/{PORT}/{SWITCH}/{LEFT}",
    RIGHT: f"{ROOT}/{PORT}/{SWITCH}/{RIGHT}",
    "0000:80:01.0": f"{OTHER_ROOT}/0000:80:01.0",
}
ENDPOINTS = {
    GPU: (f"{BRIDGES[LEFT]}/{GPU}", "030200"),
    NIC: (f"{BRIDGES[RIGHT]}/{NIC}", "020000"),
    DISK: (f"{OTHER_ROOT}/0000:80:01.0/{DISK}", "010802"),
}


def recording(**fields: dict[str, t.Any]) -> Recording:
    """A GPU and a NIC below one switch and a disk at another root, each in its group; `fields` by address."""
    named = {address: ("060400", path) for address, path in BRIDGES.items()}
    named.update({address: (kind, path) for address, (path, kind) in ENDPOINTS.items()})
    devices = []
    for number, (address, (kind, path)) in enumerate(named.items()):
        driver = "pcieport" if kind == "060400" else None
        made = {"vendor_id": "10de", "product_id": "20b0", "class_id": kind, "iommu_group": number, "driver": driver}
        devices.append(function(**{"address": address, "path": path, **made, **fields.get(address, {})}))
    told = {device.address: (device.vendor_id, device.product_id, device.class_id) for device in devices}
    return flat("rack", "made", devices, {WAYS, DRIVERS, GROUPS}, told)


@pytest.mark.parametrize("check", [facts.facts, places.places, groups.groups, ids])
def test_a_host_as_it_was_recorded_has_no_fault(check: t.Callable[[Recording], t.Any]) -> None:
    held = check(recording())
    assert held.faults == []
    assert held.count >= len(BRIDGES) + len(ENDPOINTS)


def test_ids_that_differ_from_the_record_and_functions_that_were_lost_are_found() -> None:
    whole = recording()
    other = replace(whole, ids={**whole.ids, GPU: ("10de", "20b1", "0302"), "0000:99:00.0": ("1", "2", "3")})
    assert [fault.partition(",")[0] for fault in ids(other).faults] == [
        f"ids: {GPU}: ('10de'",
        "ids: 0000:99:00.0 is not there",
    ]


@pytest.mark.parametrize(
    ("driver", "kernel", "viable"),
    [
        (None, (6, 12), True),
        ("vfio-pci", (6, 12), True),
        ("mlx5_vfio_pci", (6, 12), True),
        ("pci-stub", (6, 12), True),
        ("pcieport", (6, 12), True),
        ("shpchp", (6, 12), False),
        ("shpchp", (5, 18), True),
    ],
)
def test_viability_is_the_kernels_rule_and_its_contrary_a_fault(
    monkeypatch: pytest.MonkeyPatch, driver: str | None, kernel: tuple[int, int], viable: bool
) -> None:
    made = recording(**{LEFT: {"driver": driver, "iommu_group": 90, "vfio": "vfio" in (driver or "")}})
    host = replace(made.inventory.host, kernel=kernel)
    made = replace(made, inventory=Inventory(host, made.inventory.devices.values()))
    right = groups_report(made.inventory)
    assert [group["viable"] for group in right if group["id"] == 90] == [viable]
    assert groups.groups(made).faults == []
    wrong = [{**group, "viable": not group["viable"]} for group in right]
    monkeypatch.setattr(groups, "groups_report", lambda _inventory: wrong)
    assert f"groups: 90 viable: {not viable}, wanted {viable}" in groups.groups(made).faults


def test_members_that_differ_from_the_record_are_found() -> None:
    other = replace(recording(), members={0: frozenset({PORT, GPU, "0000:99:00.0"})})
    (fault,) = groups.groups(other).faults
    assert fault.startswith("groups: members of 0: ")


def test_a_blocker_without_a_step_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*arguments: t.Any) -> dict[str, t.Any]:
        made = device_report(*arguments)
        return {**made, "blockers": [{**blocker, "remedy": " ", "detail": ""} for blocker in made["blockers"]]}

    monkeypatch.setattr(facts, "device_report", without)
    faults = facts.facts(recording()).faults
    assert f"facts: {PORT}: not_endpoint without a detail" in faults
    assert any(fault.startswith(f"facts: {PORT}: not_endpoint without a remedy") for fault in faults)


@pytest.mark.parametrize("wrong", [Distance("PHB", 0), Distance("PIX", 2), Distance("SYS", None), Distance(None, None)])
def test_distances_that_contradict_the_paths_are_found(monkeypatch: pytest.MonkeyPatch, wrong: Distance) -> None:
    monkeypatch.setattr(places, "distance", lambda _one, _other: wrong)
    assert places.places(recording()).faults


def test_a_distance_that_depends_on_the_direction_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        places, "distance", lambda one, other: distance(one, other) if one.slot < other.slot else (None, 1)
    )
    assert places.places(recording()).faults


# Pictures


def box(kind: str, number: int, x: int, y: int, width: int, height: int, text: str = "") -> str:
    name = f"{kind}_{number}"
    label = f"<text id='{name}_text' class='{kind}' x='{x}' y='{y}'>{text}</text>" if text else ""
    return f"<rect id='{name}_rect' class='{kind}' x='{x}' y='{y}' width='{width}' height='{height}'/>{label}"


def line(name: str, number: int, x1: int, x2: int, y: int, y2: int | None = None) -> str:
    kind, down = name.partition("_")[0], y if y2 is None else y2
    return f"<line id='{name}_line_{number}' class='{kind}' x1='{x1}' y1='{y}' x2='{x2}' y2='{down}'/>"


def svg(gpu: str = "43:00.0", inside: str = "", second_node: int = 1) -> str:
    """The host as lstopo draws it: a package with a switch, of which the GPU and the NIC are below, and one more."""
    return "".join(
        [
            "<svg xmlns='http://www.w3.org/2000/svg'>",
            box("Machine", 0, 0, 0, 900, 500, "Machine (10GB total)"),
            box("Package", 0, 10, 10, 800, 200, "Package L#0")
            + box("NUMANode", 0, 20, 20, 90, 10, "NUMANode L#0 P#0 (5GB)"),
            box("Package", 1, 10, 220, 800, 90, "Package L#1"),
            box("NUMANode", 1, 20, 230, 90, 10, f"NUMANode L#1 P#{second_node} (5GB)"),
            box("HostBridge", 0, 100, 50, 7, 7) + line("HostBridge_0", 2, 114, 138, 53),
            box("PCIBridge", 1, 138, 50, 7, 7) + line("PCIBridge_1", 2, 152, 176, 53),
            box("PCIBridge", 2, 176, 50, 7, 7)
            + line("PCIBridge_2", 2, 190, 214, 53)
            + line("PCIBridge_2", 3, 190, 214, 103),
            line("PCIBridge_2", 1, 190, 190, 53, 103),
            box("PCIBridge", 3, 214, 50, 7, 7) + line("PCIBridge_3", 2, 228, 252, 53),
            box("PCIBridge", 4, 214, 100, 7, 7) + line("PCIBridge_4", 2, 228, 252, 103),
            box("PCI", 0, 252, 50, 80, 40, f"PCI {gpu}") + inside,
            box("PCI", 1, 252, 100, 80, 40, "PCI 44:00.0") + box("Net", 0, 260, 120, 50, 10, "Net eth0"),
            box("HostBridge", 5, 100, 260, 7, 7) + line("HostBridge_5", 2, 114, 138, 263),
            box("PCIBridge", 6, 138, 260, 7, 7) + line("PCIBridge_6", 2, 152, 176, 263),
            box("PCI", 2, 176, 260, 80, 40, "PCI 0000:81:00.0"),
            "</svg>",
        ]
    )


def test_a_picture_tells_bridges_nodes_and_what_devices_do() -> None:
    gpu, nic, disk = pictured(svg()).devices
    assert (gpu.address, nic.address, disk.address) == (GPU, NIC, DISK)
    assert gpu.above == ("HostBridge_0", "PCIBridge_1", "PCIBridge_2", "PCIBridge_3")
    assert nic.above == ("HostBridge_0", "PCIBridge_1", "PCIBridge_2", "PCIBridge_4")
    assert [device.node for device in (gpu, nic, disk)] == [0, 0, 1]
    assert (set(gpu.classes), set(nic.classes)) == (set(), {"02"})


def test_functions_in_one_box_are_several_devices() -> None:
    assert [device.address for device in pictured(svg("43:00.0-2")).devices[:3]] == [
        f"0000:43:00.{n}" for n in range(3)
    ]


def test_a_host_like_its_picture_has_no_fault() -> None:
    held = picture(recording(), pictured(svg()))
    assert (held.faults, held.left_out) == ([], 0)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({GPU: {"path": f"{BRIDGES[RIGHT]}/{GPU}"}}, f"{RIGHT}: 'PCIBridge_4', wanted 'PCIBridge_3'"),
        ({GPU: {"path": f"{BRIDGES[PORT]}/{GPU}"}}, f"{GPU} bridges above: 2, wanted 4"),
        ({DISK: {"path": f"{ROOT}/0000:80:01.0/{DISK}"}}, "pci0000:40: 'HostBridge_5', wanted 'HostBridge_0'"),
        ({DISK: {"numa_node": 0}}, f"{DISK} node: 0, wanted 1"),
    ],
)
def test_a_host_that_differs_from_its_picture_has_faults(fields: dict[str, t.Any], fault: str) -> None:
    assert any(fault in found for found in picture(recording(**fields), pictured(svg())).faults)


def test_the_nodes_of_a_picture_make_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    assert picture(recording(), pictured(svg(second_node=0))).faults == []
    monkeypatch.setattr("tests.hosts.held.picture.distance", lambda _one, _other: Distance("NODE", None))
    faults = picture(recording(), pictured(svg())).faults
    assert [fault.partition(" to ")[0] for fault in faults] == [f"picture: {GPU}", f"picture: {GPU}", f"picture: {NIC}"]


@pytest.mark.parametrize("drawn", [svg("47:00.0"), svg(inside=box("Block", 0, 260, 60, 50, 10, "Block sda"))])
def test_below_a_host_bridge_with_other_cards_nothing_is_held(drawn: str) -> None:
    moved = recording(**{NIC: {"path": f"{BRIDGES[PORT]}/{NIC}"}})
    held = picture(moved, pictured(drawn))
    assert (held.faults, held.left_out) == ([], 1)


OUTLINE = """\
Machine (10GB total)
  Package L#0
    NUMANode L#0 (P#0 5GB)
    L3 L#0 (16MB) + Core L#0 + PU L#0 (P#0)
    HostBridge
      PCIBridge
        PCIBridge
          PCIBridge
            PCI 43:00.0 (3D)
          PCIBridge
            PCI 44:00.0 (Ethernet)
              Net "eth0"
  Package L#1
    NUMANode L#1 (P#1 5GB)
    PU L#1 (P#7)
    HostBridge L#5 (buses=0000:[80-81])
      PCIBridge L#6 (busid=0000:80:01.0 id=8086:0000 class=0604(PCIBridge) buses=0000:[81-81])
        PCI L#2 (busid=0000:81:00.0 id=144d:a808 class=0108(NVMExp))
"""
WORDS = """<?xml version="1.0"?><!DOCTYPE topology SYSTEM "hwloc2.dtd"><topology version="2.0">
<object type="Machine"><object type="Package"><object type="NUMANode" os_index="0"/>
<object type="Bridge" gp_index="5" bridge_type="0-1"><object type="Bridge" gp_index="6" bridge_type="1-1">
<object type="Bridge" gp_index="7" bridge_type="1-1">
<object type="Bridge" gp_index="8" bridge_type="1-1"><object type="PCIDev" pci_busid="0000:43:00.0"/></object>
<object type="Bridge" gp_index="9" bridge_type="1-1"><object type="PCIDev" pci_busid="0000:44:00.0"/></object>
</object></object></object></object>
<object type="Package"><object type="NUMANode" os_index="1"/>
<object type="Bridge" gp_index="15" bridge_type="0-1"><object type="Bridge" gp_index="16" bridge_type="1-1">
<object type="PCIDev" pci_busid="0000:81:00.0"/></object></object></object></object></topology>"""


@pytest.mark.parametrize("text", [OUTLINE, WORDS])
def test_hwloc_in_words_tells_the_same_as_its_picture(text: str) -> None:
    told, drawn = outlined(text), pictured(svg())
    assert told.nodes == drawn.nodes == {0, 1}
    for one, other in zip(told.devices, drawn.devices, strict=True):
        assert (one.address, len(one.above), one.node) == (other.address, len(other.above), other.node)
    assert picture(recording(), told).faults == []
    assert picture(recording(**{GPU: {"path": f"{BRIDGES[RIGHT]}/{GPU}"}}), told).faults


# Pairs


def test_a_gpu_and_a_nic_below_one_switch_are_a_pair() -> None:
    assert pairs(recording().inventory) == (1, 1)
    assert pairs(recording(**{NIC: {"path": f"{BRIDGES[PORT]}/{NIC}"}}).inventory) == (0, 1)


def test_pairs_are_as_many_as_there_can_be() -> None:
    """Who comes last has one partner, whom the first has taken, and so on."""
    assert matching({"a": ["1", "2"], "b": ["1", "3"], "c": ["1"], "d": []}) == 3


# The command


def test_the_command_tells_what_failed_by_its_line_and_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([str(tmp_path)]) == 1
    (tmp_path / "rack.txt").write_text(DATABASE, encoding="utf-8")
    capsys.readouterr()
    assert main([str(tmp_path)]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("rack.txt ")
    assert "4 functions,  1 roots,  0 switches, groups unknown" in first
    (tmp_path / "rack.lstopo.svg").write_text("<svg", encoding="utf-8")
    assert main([str(tmp_path)]) == 1
    assert "CRASHED" in capsys.readouterr().out
    (tmp_path / "rack.lstopo.svg").unlink()
    monkeypatch.setattr(places, "distance", lambda _one, _other: Distance("PHB", 0))
    assert main([str(tmp_path)]) == 1
    assert "  FAILED places: " in capsys.readouterr().out
