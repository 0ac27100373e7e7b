# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON and CSV of several hosts."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.documents.export import (
    COLUMNS,
    SCHEMA,
    csv_text,
    json_text,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.reported import facts_of

HOSTS = {"kvm2": facts_of("gpu-host"), "kvm1": facts_of("odd-host"), "kvm3": None}
GUIDE = Path(__file__).resolve().parents[6] / "docs/docsite/rst/guide_report.rst"


def rows(hosts):
    return list(csv.DictReader(io.StringIO(csv_text(hosts))))


def devices(name, hosts):
    return {
        device["address"]: device
        for host in json.loads(json_text(hosts))["hosts"]
        if host["name"] == name
        for device in host["devices"]
    }


def test_the_document_says_of_each_host_what_it_has():
    document = json.loads(json_text(HOSTS))
    assert document["schema"] == SCHEMA == 1
    first, second, third = document["hosts"]
    assert (first["name"], second["name"]) == ("kvm1", "kvm2")
    assert third == {"name": "kvm3", "gathered": False}
    numbers = {key: second[key] for key in ("functions", "free", "held", "set_aside", "kernel", "iommu", "libvirt")}
    assert numbers == {
        "functions": 53,
        "free": 20,
        "held": 4,
        "set_aside": 1,
        "kernel": "6.12.48+deb13-amd64",
        "iommu": True,
        "libvirt": "11.3.0",
    }
    assert (first["gathered_at"], second["gathered_at"]) == (None, "2026-11-28T07:00:00Z")
    assert second["models"][0] == {
        "ids": "10de:20b2",
        "name": "GA100 [A100 SXM4 80GB]",
        "kind": "GPU",
        "physical_function": None,
        "functions": 6,
        "free": 2,
        "free_by_node": [{"numa_node": 0, "free": 1}, {"numa_node": 1, "free": 1}],
    }
    assert second["drift"][0] == {
        "code": "removed",
        "address": "0000:d8:00.0",
        "owner": "web1",
        "detail": "there is no such device on the host",
    }


def test_a_device_has_its_state_and_who_has_it_or_why_it_stays():
    found = devices("kvm2", HOSTS)
    assert found["0000:31:00.0"] == {
        "address": "0000:31:00.0",
        "ids": "10de:20b2",
        "name": "GA100 [A100 SXM4 80GB]",
        "kind": "GPU",
        "class": "030200",
        "type": None,
        "state": "held",
        "owner": "web1",
        "request": "gpu",
        "since": "2026-11-26T07:00:00Z",
        "until": "2026-11-27T19:00:00Z",
        "overdue": True,
        "labels": ["team=vision", "tier=2"],
        "driver": "vfio-pci",
        "iommu_group": 31,
        "numa_node": 0,
        "socket": None,
        "pcie_root": None,
        "pcie_switches": None,
        "slot": None,
        "physical_function": None,
        "interfaces": [],
        "disks": [],
        "blockers": [],
        "remedies": [],
    }
    boot = found["0000:b4:00.0"]
    assert (boot["state"], boot["disks"], boot["blockers"]) == ("kept", ["nvme1n1"], ["root_disk"])
    assert boot["remedies"] == ["it stays with the host: ask for another device"]
    port = found["0000:5e:00.1"]
    assert (port["since"], port["until"], port["overdue"], port["labels"]) == ("2026-11-20T09:12:00Z", None, None, [])
    assert (boot["since"], boot["overdue"]) == (None, None)
    waiting = found["10001:01:00.0"]
    assert (waiting["state"], waiting["blockers"], waiting["numa_node"]) == ("kept", ["needs_cleaning"], None)
    assert found["0000:e3:00.0"]["state"] == "set_aside"
    assert found["0000:5e:00.3"]["interfaces"] == ["enp94s0v2"]


def test_bridges_and_what_is_no_pci_function_are_left_out():
    assert not {"0000:00:00.0", "0000:00:1c.0"} & set(devices("kvm2", HOSTS))
    assert len(devices("kvm1", HOSTS)) == 48


def test_the_sheet_has_a_row_for_each_function_and_one_for_a_host_without_facts():
    read = rows(HOSTS)
    assert tuple(read[0]) == COLUMNS
    assert [row["host"] for row in read] == ["kvm1"] * 48 + ["kvm2"] * 53 + ["kvm3"]
    assert {key: value for key, value in read[-1].items() if value} == {"host": "kvm3", "state": "no facts"}
    gpu = next(row for row in read if row["address"] == "0000:31:00.0")
    assert (gpu["ids"], gpu["owner"], gpu["numa_node"], gpu["blockers"]) == ("10de:20b2", "web1", "0", "")
    route = next(row for row in read if row["address"] == "0000:98:00.1")
    assert route["blockers"] == "default_route; ssh_nic"


def test_below_no_switch_and_not_known_are_told_apart():
    facts = copy.deepcopy(facts_of("gpu-host"))
    addresses = ("0000:31:00.0", "0000:98:00.1", "0000:b4:00.0")
    places = ({"pcie_switches": ["0000:2b:00.0", "0000:2a:00.0"]}, {"pcie_switches": []}, {"pcie_switches": None})
    for device in facts["devices"]:
        if device["address"] in addresses:
            device.update(places[addresses.index(device["address"])], pcie_root="pci0000:2a", socket=0)
    read = {row["address"]: row for row in rows({"kvm1": facts})}
    found = devices("kvm1", {"kvm1": facts})
    assert [read[address]["pcie_switches"] for address in addresses] == ["0000:2b:00.0; 0000:2a:00.0", "none", ""]
    assert [found[address]["pcie_switches"] for address in addresses] == [
        ["0000:2b:00.0", "0000:2a:00.0"],
        [],
        None,
    ]
    assert (read[addresses[0]]["pcie_root"], read[addresses[0]]["socket"]) == ("pci0000:2a", "0")


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        ("=", "'="),
        ("+", "'+"),
        ("-", "'-"),
        ("@", "'@"),
        ("\uff1d", "'\uff1d"),
        ("\t=", "\\t="),
        ("\r=", "\\r="),
        ("\n=", "\\n="),
    ],
)
def test_no_cell_is_a_formula(begin, told):
    facts = copy.deepcopy(facts_of("gpu-host"))
    text = 'HYPERLINK("http://x","y")'
    for device in facts["devices"]:
        device["product_name"] = device["driver"] = begin + text
        if device["owner"]:
            device["owner"]["label"] = begin + text
    read = rows({begin + text: facts})
    assert {row["host"] for row in read} == {row["name"] for row in read} == {row["driver"] for row in read}
    assert {row["name"] for row in read} == {told + text}
    assert {row["owner"] for row in read} == {told + text, ""}


def test_no_part_of_a_cell_is_a_formula_where_semicolons_divide_cells():
    facts = copy.deepcopy(facts_of("gpu-host"))
    for device in facts["devices"]:
        device["product_name"] = "a;=1; \N{FULLWIDTH EQUALS SIGN}2;b-c"
    assert {row["name"] for row in rows({"kvm1": facts})} == {"a;'=1; '\N{FULLWIDTH EQUALS SIGN}2;b-c"}


def test_a_bridge_that_may_be_claimed_counts_as_it_does_for_the_modules():
    bridge = {**facts_of("gpu-host")["devices"][0], "class": "060400", "header_type": 0, "owner": None}
    hosts = {"kvm1": {"devices": [{**bridge, "claimable": True}, {**bridge, "claimable": False}]}}
    assert [row["state"] for row in rows(hosts)] == ["free"]


def test_drift_that_was_not_gathered_is_null():
    facts = facts_of("gpu-host")
    hosts = {"kvm1": {"devices": facts["devices"]}, "kvm2": {**facts, "drift": []}}
    assert [host["drift"] for host in json.loads(json_text(hosts))["hosts"]] == [None, []]


def test_each_row_says_when_its_host_was_looked_at():
    told = {row["host"]: set() for row in rows(HOSTS)}
    for row in rows(HOSTS):
        told[row["host"]].add(row["gathered_at"])
    assert told == {"kvm1": {""}, "kvm2": {"2026-11-28T07:00:00Z"}, "kvm3": {""}}


def test_the_order_in_which_hosts_come_makes_no_difference():
    turned = dict(reversed(HOSTS.items()))
    assert json_text(turned) == json_text(HOSTS)
    assert csv_text(turned) == csv_text(HOSTS)


def test_the_guide_explains_each_column_and_each_key():
    text = GUIDE.read_text(encoding="utf-8")
    sheet = text.split("\n.. _ansible_collections.kvm.hostdev.docsite.guide_report.csv:\n")[1]
    listed = [
        name for cell in re.findall(r"^   \* - (``.*)", sheet, re.MULTILINE) for name in re.findall("``(.*?)``", cell)
    ]
    assert sorted(listed) == sorted(COLUMNS)
    keys = text.split("\n.. _ansible_collections.kvm.hostdev.docsite.guide_report.json:\n")[1].split("\n.. _ansible")[0]
    told = set(re.findall(r"^   \* - ``(\w+)``", keys, re.MULTILINE))
    host = json.loads(json_text(HOSTS))["hosts"][1]
    assert told == {"schema", "hosts", *host}
