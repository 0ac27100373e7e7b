# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guides on promises and on others name tests that there are; the first also the modes that faults are tried in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.tests.unit.conformance import test_guides

ROOT = Path(__file__).resolve().parents[3]
GUIDE, COMPARED = (
    (ROOT / f"docs/docsite/rst/guide_{name}.rst").read_text(encoding="utf-8") for name in ("promises", "compared")
)
# Not in the collection that is built: of these only a checkout can tell.
REPOSITORY_ONLY = ("tests/fleet", "tests/lab", "tests/pages")


@pytest.mark.parametrize("guide", [GUIDE, COMPARED], ids=["promises", "compared"])
def test_every_file_that_is_named_is_there(guide):
    named = re.findall(r"``(tests/[\w/.]+)``", guide)
    assert len(named) > 30
    there = [name for name in named if not any(name.startswith(f) and not (ROOT / f).exists() for f in REPOSITORY_ONLY)]
    assert [name for name in there if not (ROOT / name).exists()] == []


def test_every_promise_names_a_test():
    table = GUIDE.split("\nPromises\n", 1)[1].split("\nWhat the sessions count\n")[0]
    rows = re.split(r"\n   \* - ", table)[2:]
    assert len(rows) > 15
    assert [row for row in rows if not re.search(r"\n     - .*``tests/", row)] == []


def test_everything_that_is_compared_names_a_test_and_says_who_else_has_it():
    tables = re.split(r"\n     - kvm\.hostdev, shown by\n     - Others\n", COMPARED)[1:]
    rows = [row for table in tables for row in re.split(r"\n   \* - ", "\n" + table.split("\n\n", 1)[0])[1:]]
    assert len(rows) > 50
    cells = [re.split(r"\n     - ", row) for row in rows]
    assert [row for row in cells if len(row) != 3] == []
    assert [what for what, shown, _others in cells if not shown.startswith("``tests/")] == []


def test_each_program_that_is_compared_is_introduced():
    others = re.findall(r"\n     - ``tests/(?:.|\n {7})+\n     - ((?:.|\n {7})+)", COMPARED)
    assert len(others) > 50
    introduced = COMPARED.split("Name here", 1)[1].split("\n\nSee what there is", 1)[0]
    names = set(re.findall(r"\n   \* - (.+)", introduced))
    assert {"Nova", "Proxmox VE", "OpenNebula, one-deploy"} <= names
    each = {part for name in names for part in name.split(", ")}
    assert [name for name in each if name.split(" and ")[0] not in "\n".join(others)] == []


def test_every_session_that_is_named_is_documented():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sessions = set(re.findall(r"``\./run ([a-z_]+)", GUIDE))
    assert {"faults", "lab", "units"} <= sessions
    assert [name for name in sessions if f"`./run {name}" not in contributing] == []


def test_the_ways_in_which_effects_go_wrong_are_all_named():
    from ansible_collections.kvm.hostdev.tests.faults.effects import MODES

    listed = GUIDE.split("The ways are:", 1)[1].split("\n``./run")[0]
    assert set(re.findall(r"``([^`]+)``", listed)) == set(MODES)
    assert "in each of eleven ways" in GUIDE
    assert len(MODES) == 11


def test_the_guides_are_in_the_table_of_contents():
    listed = (ROOT / "docs/docsite/extra-docs.yml").read_text(encoding="utf-8")
    assert {guide.stem for guide in test_guides.GUIDES.glob("*.rst")} == set(re.findall(r"- (guide_\w+)", listed))
