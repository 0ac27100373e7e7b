# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenStack Nova's PCI tracker, case by case; KVM_HOSTDEV_CONFORMANCE names another folder of cases."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.kvm.hostdev.tests.unit.conformance.nova.__main__ import main
from ansible_collections.kvm.hostdev.tests.unit.conformance.nova.cases import (
    FOLDER,
    LEFT_OUT,
    OPS,
    OWN,
    read_cases,
    verdict,
)

CASES = [case for case in read_cases(FOLDER) if case["when"]["op"] not in LEFT_OUT]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_what_is_wanted_holds_or_differs_as_declared(case):
    word, why = verdict(case)
    assert word in ("holds", "differs"), why


def test_every_op_is_there_or_left_out():
    assert not OPS.keys() & LEFT_OUT
    assert {case["when"]["op"] for case in read_cases(OWN)} <= OPS.keys()


@pytest.mark.parametrize(("free", "best"), [({"a": 5, "b": 2, "c": 9}, "b"), ({"b": 150, "a": 200}, "a")])
def test_the_host_with_the_fewest_free_devices_weighs_most(free, best):
    case = {"given": {"free_devices": free}, "when": {"op": "weigh"}, "level": "must", "then": {"best": best}}
    assert verdict({**case, "area": "scheduler"})[0] == "holds"


def test_a_device_that_a_smart_nic_manages_is_had_when_it_is_asked_for():
    vf = {"address": "0000:3d:02.0", "vendor_id": "15b3", "product_id": "101e", "dev_type": "type-VF"}
    serial = {"capabilities": {"vpd": {"card_serial_number": "SN1"}}, "parent_addr": "0000:3d:00.0"}
    spec = {"vendor_id": "15b3", "product_id": "101e", "remote_managed": "true"}
    wanted = [{"id": "r1", "alias": None, "count": 1, "specs": [{"remote_managed": "True"}]}]
    case = {
        "area": "consume",
        "level": "must",
        "given": {"specs": [spec], "devices": [{**vf, **serial}]},
        "when": {"op": "consume", "requests": wanted, "numa_cells": None},
        "then": {"selected": ["0000:3d:02.0"]},
    }
    assert verdict(case) == ("holds", "")


OTHERS = {
    "match": lambda value: not value,
    "error": lambda value: f"not {value}",
    "tags": lambda value: {**value, "more": "1"},
    "tags_absent": lambda _value: ["managed"],
    "spec_index": lambda _value: 7,
    "count": lambda value: value + 1,
    "aliases": lambda value: {**value, "more": {"numa_policy": "legacy", "specs": []}},
    "requests": lambda value: value[1:],
    "states": lambda value: dict.fromkeys(value, "dancing"),
    "owners": lambda value: dict.fromkeys(value, "nobody"),
    "free": lambda value: [*value, "0000:ff:1f.7"],
    "selected": lambda value: value[1:],
    "selected_count": lambda value: value + 1,
    "supported": lambda value: not value,
    "pools": lambda value: value[1:],
    "props": lambda value: {address: {"vendor_id": "ffff"} for address in value},
    "warned": lambda _value: "all is well",
}


@pytest.mark.parametrize("case", [case for case in CASES if verdict(case)[0] == "holds"], ids=lambda case: case["id"])
def test_another_outcome_would_fail(case):
    other = copy.deepcopy(dict(case))
    wanted = other["better" if case["level"] == "nova-quirk" else "then"]
    for key in set(wanted) & set(OTHERS):
        wanted[key] = OTHERS[key](wanted[key])
    assert verdict(other)[0] == "fails"


def test_a_failing_case_is_a_line_and_a_status(tmp_path, capsys):
    cases = copy.deepcopy(read_cases(OWN))
    (case,) = [candidate for candidate in cases if candidate["id"] == "spec-ids"]
    case["then"] = {"match": False}
    (tmp_path / "cases.json").write_text(json.dumps({"cases": cases}), encoding="utf-8")
    assert main(["--cases", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'FAILS spec-ids (device_spec.ids, must): wanted {"match": false}, found {"match": true}'
    assert [line.split()[-1] for line in lines if line.startswith(("device_spec.ids", "all"))] == ["1", "1"]
    assert main(["--cases", str(OWN)]) == 0


def test_an_unknown_op_fails():
    assert verdict({"area": "", "when": {"op": "dance"}, "level": "must", "then": {}}) == (
        "fails",
        "there is no op dance",
    )


def test_a_folder_without_cases_is_no_success(tmp_path):
    with pytest.raises(ValueError, match="no cases in"):
        read_cases(tmp_path)
