# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices that belong together, vector by vector; KVM_HOSTDEV_TOGETHER names another folder of vectors."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.kvm.hostdev.tests.unit.conformance.together.__main__ import main
from ansible_collections.kvm.hostdev.tests.unit.conformance.together.checks import faults, verdict
from ansible_collections.kvm.hostdev.tests.unit.conformance.together.valid import broken
from ansible_collections.kvm.hostdev.tests.unit.conformance.together.vectors import (
    FOLDER,
    OWN,
    answer,
    host_of,
    read_vectors,
)

VECTORS = list(read_vectors(FOLDER))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_the_vector_holds(vector):
    assert verdict(vector) == ("holds", "")


def of_one(change):
    """The first entry of a mapping changed."""
    return lambda value: {**value, next(iter(value)): change(next(iter(value.values())))}


OTHERS = {
    "selected": of_one(lambda its: its[1:] if isinstance(its, list) else {}),
    "any_of": lambda _ways: [{}],
    "pairs": lambda value: [[pair[::-1] for pair in pairs] for pairs in value],
    "met": lambda value: [[met, of + 1] for met, of in value],
    "alternative": of_one(lambda number: 1 - number),
    "released": lambda _value: ["0000:ff:1f.7"],
    "error": lambda value: f"not {value}",
    "errors": lambda _value: ["no_such_code"],
    "names": lambda value: [*value, "nobody"],
    "host": lambda name: f"not {name}",
    "order": lambda names: [*names, "another"],
    "not": lambda codes: {**codes, "nobody": "no_facts"},
    "where": of_one(of_one(lambda _place: "elsewhere")),
    "distance": lambda value: [[one, other, kind, 99] for one, other, kind, _bridges in value],
}


def others():
    for vector in VECTORS:
        for key in sorted(vector["then"].keys() & OTHERS):
            yield pytest.param(vector, key, id=f"{vector['id']}-{key}")


@pytest.mark.parametrize(("vector", "key"), list(others()))
def test_another_outcome_would_fail(vector, key):
    then = {**vector["then"], key: OTHERS[key](vector["then"][key])}
    assert faults({**vector, "then": then}, answer(vector))


def the(name):
    (vector,) = (vector for vector in read_vectors(OWN) if vector["id"] == name)
    return vector


def test_a_device_that_is_given_back_unasked_is_a_fault():
    vector = the("held-unchanged")
    assert faults(vector, {**answer(vector), "released": ["0000:9a:00.0"]})


def spoilt(way, change):
    changed = copy.deepcopy(way)
    change(changed)
    return changed


def with_one(name, address):
    """A way whose first device of a request is another one."""
    return lambda way: way[name].__setitem__(0, address)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda way: way["gpu"].pop(), "instead of 16 devices"),
        (with_one("gpu", "0000:1b:00.0"), "instead of 16 devices"),
        (with_one("gpu", "0000:15:00.0"), "specs don't fit"),
        (with_one("nic", "0000:1b:00.0"), "is had twice"),
        (with_one("nic", "0000:a1:00.0"), "'pair': True} does not hold"),
        (with_one("gpu", "0000:1c:00.0"), "'distinct': 'pcie_switch'} does not hold"),
    ],
)
def test_a_way_that_breaks_a_rule_is_no_valid_one(change, told):
    vector = the("bounded-sixteen-pairs")
    example = vector["then"]["example"]
    assert not list(broken(vector, host_of(vector), example))
    found = list(broken(vector, host_of(vector), spoilt(example, change)))
    assert any(told in one for one in found), found
    assert faults(vector, {"selected": spoilt(example, change), "complete": True, "cut_short": False})


def test_a_search_that_was_cut_short_must_say_so():
    vector = the("bounded-sixteen-pairs")
    way = {"selected": vector["then"]["example"]}
    assert not faults(vector, {**way, "complete": False, "cut_short": True})
    assert faults(vector, {**way, "complete": True, "cut_short": True})


def test_one_that_takes_too_long_fails():
    assert verdict({**the("match-switch"), "within_s": 0})[1].startswith("took ")


def test_a_failing_vector_is_a_line_and_a_status(tmp_path, capsys):
    data = json.loads((OWN / "together.json").read_text(encoding="utf-8"))
    data["vectors"] = [vector for vector in data["vectors"] if vector["id"] == "match-switch"]
    data["vectors"][0]["then"] = {"error": "constraint_unmet"}
    (tmp_path / "vectors.json").write_text(json.dumps(data), encoding="utf-8")
    assert main(["--cases", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAILS match-switch (match): ")
    assert [line.split()[1:] for line in lines if line.startswith(("match", "all"))] == [["0", "1"], ["0", "1"]]


def test_a_folder_of_which_nothing_runs_is_no_success(tmp_path, capsys):
    (tmp_path / "vectors.json").write_text(json.dumps({"hosts": {}, "vectors": []}), encoding="utf-8")
    assert main(["--cases", str(tmp_path)]) == 1
    assert capsys.readouterr().out.endswith(f"no vectors in {tmp_path}\n")


def test_a_recording_that_is_not_there_is_a_failing_vector(tmp_path, capsys):
    vector = {"id": "one", "area": "match", "host": {"recorded": "gone.txt"}, "requests": [], "then": {"selected": {}}}
    (tmp_path / "vectors.json").write_text(json.dumps({"hosts": {}, "vectors": [vector]}), encoding="utf-8")
    assert main(["--cases", str(tmp_path), "--hosts", str(tmp_path)]) == 1
    assert "its host can't be read: " in capsys.readouterr().out
