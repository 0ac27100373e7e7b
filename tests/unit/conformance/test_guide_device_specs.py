# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide on device specs says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._model import values as spec_values
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests import aliases, request
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.numa_policy import POLICIES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs import device_spec
from ansible_collections.kvm.hostdev.plugins.modules import pci_passthrough_claim
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, pf, vf

GUIDE = (Path(__file__).resolve().parents[3] / "docs/docsite/rst/guide_device_specs.rst").read_text(encoding="utf-8")
OPTIONS = yaml.safe_load(pci_passthrough_claim.DOCUMENTATION)["options"]
PF, VF = "0000:3b:00.0", "0000:3b:02.1"
DEVICES = [pf(PF, VF), vf(VF, PF), device("0001:3b:00.0"), device("0000:3a:1f.1"), device("0000:3c:00.3")]


def first_cells(title):
    """The first cells of the table below a title, without its head."""
    section = re.split(r"\n[^\n]+\n-{5,}\n", GUIDE.split(f"\n{title}\n", 1)[1].split("\n", 1)[1])[0]
    return [row.split("\n     - ")[0] for row in re.split(r"\n   \* - ", section)[2:]]


def keys(title):
    return sorted(re.findall("``([a-z_]+)``", " ".join(first_cells(title))))


def test_the_guide_has_all_keys_of_a_device_spec():
    assert keys("Keys of a device spec") == sorted(device_spec.KEYS)


def test_the_guide_has_all_keys_of_an_alias():
    assert keys("Aliases") == sorted(aliases.KEYS)


def test_the_options_name_all_keys_too():
    told = {name: set(re.findall(r"C\(([a-z_]+)\)", " ".join(OPTIONS[name]["description"]))) for name in OPTIONS}
    assert set(device_spec.KEYS) <= told["device_spec"]
    assert set(aliases.KEYS) <= told["aliases"]
    assert set(OPTIONS["requests"]["suboptions"]) == set(request.KEYS)
    assert set(OPTIONS["requests"]["suboptions"]["numa_policy"]["choices"]) == set(POLICIES)


@pytest.mark.parametrize(
    ("row", "covered"),
    [
        (0, [PF, VF]),
        (1, [PF, "0001:3b:00.0"]),
        (2, [PF, VF, "0001:3b:00.0"]),
        (3, [PF, "0001:3b:00.0"]),
        (4, [VF, "0000:3a:1f.1"]),
        (5, [PF, VF, "0001:3b:00.0", "0000:3a:1f.1"]),
    ],
)
def test_the_guides_addresses_fit_what_it_says(row, covered):
    for written in re.findall("``(.+?)``", first_cells("Addresses")[row]):
        spec = device_spec.parse_device_spec({"address": yaml.safe_load(written)}, "spec")
        assert [function.address for function in DEVICES if spec.matches(function)] == covered


def test_the_guides_booleans_are_those_that_are_read():
    told = re.findall("``([a-z01]+)``", GUIDE.split("Booleans may be written as", 1)[1].split("in any case", 1)[0])
    assert [spec_values.flag(word, "spec") for word in told] == ["true"] * 6 + ["false"] * 6
    assert len(set(told)) == 12


def test_the_guides_examples_are_understood():
    blocks = re.findall(r"^\.\. code-block:: yaml\n\n((?: {3}.*\n|\n)+)", GUIDE, re.MULTILINE)
    claims = [task["kvm.hostdev.pci_passthrough_claim"] for block in blocks for task in yaml.safe_load(block)]
    assert len(claims) == 5
    for options in claims:
        device_spec.parse_device_specs(options.get("device_spec", []), "device_spec")
        known = aliases.parse_aliases(options.get("aliases", []))
        assert request.parse_requests(options["requests"], known)


def test_the_guides_ids_in_short_are_the_spec_that_it_writes_beside_them():
    short, written = re.search(r'^``"([0-9a-f:]+)"`` is the spec ``({.+})``', GUIDE, re.MULTILINE).groups()
    assert f"[{short}]" in GUIDE
    in_short, in_full = device_spec.parse_device_specs([short, yaml.safe_load(written)], "specs")
    assert in_short == in_full


@pytest.mark.parametrize("text", ["a100:0", "a100:-1"])
def test_what_the_guide_calls_an_error_is_one(text):
    assert f"``{text}``" in GUIDE
    known = aliases.parse_aliases([{"name": "a100", "vendor_id": "10de", "product_id": "20b5"}])
    with pytest.raises(HostdevError):
        request.parse_requests(text, known)
