# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table against texts that a person has looked at, which lie beside their inputs."""

from __future__ import annotations

import copy
import re
import textwrap
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import check
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.schema import FUNCTION
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.models import summary
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.terminal.cells import WIDTH, width
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.terminal.held import together_lines
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.terminal.overview import overview
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.terminal.table import table
from ansible_collections.kvm.hostdev.tests.unit.helpers.reported import (
    REPORTS,
    facts_in_guide,
    facts_of,
    recorded_facts,
)

GUIDE = Path(__file__).resolve().parents[6] / "docs/docsite/rst/guide_report.rst"


@pytest.mark.parametrize("host", ["gpu-host", "odd-host"])
def test_a_host_is_shown_as_it_was_looked_at(host):
    assert table(host, facts_of(host)) == (REPORTS / f"{host}.txt").read_text(encoding="utf-8").splitlines()


def test_the_made_up_host_has_values_of_the_types_that_a_host_gives():
    devices = facts_of("gpu-host")["devices"]
    assert any("size" in child for device in devices for child in device.get("children", []))
    for device in devices:
        check(device, FUNCTION, device["address"])


@pytest.mark.parametrize("host", ["lab-trixie", "lab-bookworm"])
def test_a_recorded_host_is_shown_as_it_was_looked_at(host, tmp_path):
    lines = table(host, recorded_facts(host, tmp_path))
    assert lines == (REPORTS / f"{host}.txt").read_text(encoding="utf-8").splitlines()


def test_the_guide_shows_what_is_shown():
    shown = [
        table("kvm1", facts_in_guide()),
        overview({"kvm1": facts_in_guide(), "kvm2": facts_of("odd-host"), "kvm3": None}),
    ]
    blocks = re.findall(
        r"^\.\. code-block:: text\n\n((?: {3}.*\n|\n)+)", GUIDE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [textwrap.dedent(block).strip().splitlines() for block in blocks] == shown


def test_no_line_is_wider_than_a_terminal():
    for host in ("gpu-host", "odd-host"):
        assert max(map(width, table(host, facts_of(host)))) <= WIDTH


HOSTILE = {
    "a line break": "A100\nFREE TO CLAIM  everything",
    "a command to the terminal": "\x1b[2J\x1b[31mA100",
    "text from right to left": "\u202eA100\u2066",
    "wide characters": "\u30aa\u30fc\u30c7\u30a3\u30aa" * 30,
    "marks upon marks": "A" + "\u0301\u0489" * 200,
    "no width": "A\u200b\u200d\ufe0f100",
    "half a character": "\udcff",
    "very much": "A" * 5000,
    "spaces only": "   ",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_no_name_breaks_the_columns(name):
    """All texts that somebody may have chosen are this one; the shape of the table is that of harmless names."""
    facts = facts_of("gpu-host")
    lines = table("kvm1", _named(facts, name))
    harmless = table("kvm1", _named(facts, "name"))
    assert max(map(width, lines)) <= WIDTH
    assert all(line.isprintable() for line in lines)
    starts = ("FREE TO CLAIM", "HELD", "DRIFT", "STAYS", "IOMMU GROUPS", "VIRTUAL")
    assert [line for line in lines if line.startswith(starts)] == [line for line in harmless if line.startswith(starts)]


def _named(facts, name):
    facts = copy.deepcopy(facts)
    for device in facts["devices"]:
        device["product_name"] = device["driver"] = name
        for child in device.get("children", ()):
            child["name"] = name
        for blocker in device["blockers"]:
            blocker["detail"] = blocker["remedy"] = name
    for claim in facts["claims"]:
        claim["owner"]["label"] = name
        for held in claim["devices"]:
            held["request"] = name
    for entry in facts["drift"]:
        entry["owner"]["label"] = entry["detail"] = name
    facts["host"]["kernel"] = facts["host"]["libvirt_version"] = name
    return facts


def test_parts_that_were_not_gathered_are_left_out():
    facts = facts_of("gpu-host")
    lines = table("kvm1", {"devices": facts["devices"]})
    assert lines[0] == "kvm1: 20 of 53 functions free; 4 held; 1 set aside; gathered at an unknown time"
    assert "HELD  4 devices" in lines
    assert not [line for line in lines if line.startswith(("DRIFT", "IOMMU GROUPS"))]
    assert table("kvm1", {"devices": [], "drift": []})[0] == (
        "kvm1: 0 of 0 functions free; 0 held; drift 0; gathered at an unknown time"
    )


def test_nothing_is_said_of_what_was_not_gathered():
    facts = facts_of("gpu-host")
    devices = [device for device in facts["devices"] if device["address"] != "0000:31:00.0"]
    del facts["drift"]
    lines = table("kvm1", {**facts, "devices": devices})
    assert "drift" not in lines[0]
    assert "3 claims" in lines[1]
    assert [line.endswith("not in these facts") for line in lines if " 0000:d8:00.0 " in line] == [True]
    assert not any("not on the host" in line for line in lines)
    del facts["claims"]
    assert "claim" not in table("kvm1", facts)[1]


def test_held_usb_and_scsi_devices_are_named_as_the_facts_name_them():
    facts = facts_of("gpu-host")
    stick = {"name": "usb_1_2", "capability": "usb_device", "vendor_id": "0951", "product_id": "1666", "driver": "usb"}
    disk = {"name": "scsi_12_0_10_0", "capability": "scsi", "model": "Drive 9", "driver": "sd"}
    facts["devices"] += [{**stick, "product_name": "DataTraveler"}, disk]
    held = [{"name": name, "request": "one"} for name in ("usb_1_2", "scsi_12_0_10_0", "usb_9_9")]
    owner = {"kind": "domain", "id": "1", "label": "backup1"}
    facts["claims"] = [
        {"owner": owner, "devices": [{"address": "0000:31:00.0", "request": None}], "node_devices": held}
    ]
    lines = table("kvm1", facts)
    at = lines.index("HELD  4 devices")
    assert [line.split(None, 2)[2].split(None, 3) for line in lines[at + 2 : at + 6]] == [
        ["mate", "0000:31:00.0", "10de:20b2", "vfio-pci        GA100 [A100 SXM4 80GB]"],
        ["usb_1_2", "0951:1666", "usb", "DataTraveler"],
        ["scsi_12_0_10_0", "-", "sd", "Drive 9"],
        ["usb_9_9", "-", "-", "USB or SCSI device"],
    ]


def test_what_requests_are_bound_to_each_other_is_told_with_their_owners():
    facts = facts_of("gpu-host")
    one = {"requests": ["a/b", "gpu"], "match": "slot"}
    several = {"requests": ["web1/a/b", "web1/gpu"], "match": "rack"}
    owner = {"kind": "name", "id": "web1", "label": "web1"}
    requests = [{"name": "a/b"}, {"name": "gpu"}]
    facts["claims"] = [{"owner": owner, "requests": requests, "devices": [], "prefer": [one], "constraints": [several]}]
    assert together_lines(facts)[1:] == [
        f"  {'web1':24}  a/b, gpu: match rack",
        f"  {'web1':24}  a/b, gpu: match slot (a wish)",
    ]
    del facts["claims"]
    assert together_lines(facts) == []


def test_a_group_of_very_many_does_not_fill_the_table():
    facts = facts_of("gpu-host")
    gpu = next(device for device in facts["devices"] if device["product_id"] == "20b2")
    facts["devices"] = [{**gpu, "address": f"0000:{bus:02x}:00.0"} for bus in range(200)]
    facts["iommu_groups"] = [{"id": 7, "devices": [device["address"] for device in facts["devices"]], "viable": True}]
    lines = table("kvm1", facts)
    at = next(number for number, line in enumerate(lines) if line.startswith("IOMMU GROUPS"))
    group = lines[at + 1 : at + 9]
    assert group[0].startswith("      7  0000:00:00.0 10de:20b2")
    assert group[-1].endswith(" ...")
    assert lines[at + 9 : at + 10] in ([], [""])


def test_what_keeps_all_functions_is_said_once():
    reason = {"code": "iommu_off", "detail": "off: no DMAR", "override": None, "remedy": "switch it on"}
    facts = facts_of("gpu-host")
    for device in facts["devices"]:
        device.update(claimable=False, owner=None, blockers=[{**reason, "address": device["address"]}])
    lines = table("kvm1", {"devices": facts["devices"]})
    assert lines.count("      iommu_off: off: no DMAR") == 1
    assert lines.index("  all of them") < lines.index("      iommu_off: off: no DMAR")


def test_the_one_line_says_what_is_free_by_model_and_node():
    assert summary(facts_of("gpu-host")) == (
        "20 of 53 functions free: 2 x 10de:20b2 A100 SXM4 80GB (node 0: 1, node 1: 1), "
        "12 x 15b3:101c ConnectX-6 Virtual Function (node 0: 12), "
        "1 x 8086:1592 Ethernet Controller E810-C for QSFP (node 1: 1), "
        "1 x 144d:a80a NVMe SSD Controller PM9A1/PM9A3/980PRO (node 1: 1), 4 more; 4 held; 1 set aside; drift 2"
    )
    facts = facts_of("gpu-host")
    for device in facts["devices"]:
        device["product_name"] = "A\n[100\x1b]"
    assert summary(facts).isprintable()


def below(switches, *addresses, facts=None):
    """The lines of the section on switches, where these functions sit below some."""
    facts = copy.deepcopy(facts_of("gpu-host")) if facts is None else facts
    for device in facts["devices"]:
        if device["address"] in addresses:
            device.update(pcie_root="pci0000:16", pcie_switches=switches, slot=device["address"][:-2])
    lines = table("kvm1", facts)
    if not any(line.startswith("BELOW ONE SWITCH") for line in lines):
        return []
    start = next(number for number, line in enumerate(lines) if line.startswith("BELOW ONE SWITCH"))
    return lines[start : lines.index("", start)]


GPU_FREE, NIC_FREE, GPU_HELD = "0000:17:00.0", "0000:98:00.0", "0000:31:00.0"


def test_what_is_free_below_one_switch_stands_together():
    assert below(["0000:1a:00.0", "0000:16:00.0"], GPU_FREE, NIC_FREE, GPU_HELD) == [
        "BELOW ONE SWITCH  these reach each other without the CPU",
        "  SWITCH         ROOT          NODE  FREE",
        "  0000:16:00.0   pci0000:16       0  1 of 2 10de:20b2 A100 SXM4 80GB,",
        "                                     1 of 1 8086:1592 Ethernet Controller E810-C for QSFP",
    ]


@pytest.mark.parametrize(
    ("switches", "addresses"),
    [
        ([], (GPU_FREE, NIC_FREE)),
        (None, (GPU_FREE, NIC_FREE)),
        (["0000:16:00.0"], (GPU_FREE,)),  # as a card with a switch of its own
        (["0000:16:00.0"], (GPU_HELD, "0000:ca:00.0")),
    ],
)
def test_where_nothing_is_free_in_company_no_switch_is_told(switches, addresses):
    assert below(switches, *addresses) == []


def test_two_functions_of_one_card_are_no_company():
    facts = copy.deepcopy(facts_of("gpu-host"))
    assert below(["0000:97:00.0"], NIC_FREE, "0000:98:00.1", facts=facts) == []


def test_the_line_of_a_switch_with_much_below_it_does_not_go_on_and_on():
    facts = copy.deepcopy(facts_of("gpu-host"))
    free = [device["address"] for device in facts["devices"] if device.get("claimable")]
    for number, device in enumerate(facts["devices"]):
        if device["address"] in free:
            device.update(product_id=f"{number:04x}", physical_function=None)
    lines = below(["0000:16:00.0"], *free, facts=facts)
    assert len(lines) == 4
    assert lines[-1].endswith(" ...")
    assert max(map(width, lines)) <= WIDTH
