# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What queries are held against is what the module tells, and what is documented."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability import states
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.subset import PARTS
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.schema import FACTS, FUNCTION, STATUS, Kind
from ansible_collections.kvm.hostdev.tests.unit.helpers.fleet import gathered, made

ROOT = Path(__file__).resolve().parents[5]
RETURN = yaml.safe_load(importlib.import_module("ansible_collections.kvm.hostdev.plugins.modules.pci_facts").RETURN)
DOCUMENTED = RETURN["ansible_facts"]["contains"]["hostdev"]["contains"]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return gathered(made(tmp_path_factory.mktemp("host"), "kvm2"))


def misfits(shape, value, where):
    """Where a value has fields that its shape has not, or is of another kind."""
    if value is None or shape is None:
        return []
    if isinstance(shape, Kind):
        return [] if shape.fits(value) else [f"{where}: {value!r}"]
    if isinstance(shape, list):
        return [text for item in value for text in misfits(shape[0], item, f"{where}[]")]
    unknown = [f"{where}.{key}" for key in value.keys() - shape.keys()]
    known = value.keys() & shape.keys()
    return unknown + [text for key in known for text in misfits(shape[key], value[key], f"{where}.{key}")]


def test_all_that_is_gathered_fits(facts):
    assert misfits([FUNCTION], facts["devices"], "devices") == []
    assert misfits(FACTS, {part: facts[part] for part in FACTS}, "facts") == []


def test_the_fields_of_a_function_are_those_that_are_gathered_and_documented(facts):
    text = (ROOT / "docs/docsite/rst/guide_fields.rst").read_text(encoding="utf-8")
    firsts = re.findall(r"\n   \* - (``.*)", text)
    documented = {name for first in firsts for name in re.findall("``([a-z0-9_]+)``", first)}
    assert FUNCTION.keys() == documented
    assert {key for device in facts["devices"] for key in device} == documented


def test_the_parts_are_those_that_can_be_gathered():
    assert {"devices", "node_devices", *FACTS} == set(PARTS)
    assert {"devices", *FACTS} == DOCUMENTED.keys()
    assert FACTS["host"].keys() == DOCUMENTED["host"]["contains"].keys()
    assert FACTS["pools"][0].keys() == DOCUMENTED["pools"]["sample"][0].keys()


def test_each_status_is_known():
    words = {states.AVAILABLE, states.CLAIMED, states.ALLOCATED, states.UNCLAIMABLE, states.UNAVAILABLE}
    assert {*words, "needs_cleaning"} == set(STATUS.words)
