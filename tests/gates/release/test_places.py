# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files the gates are given, and a check that did not run is no check that passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates import places
from tests.gates.docs import antsibull

KNOWN = [
    Path(name)
    for name in (
        ".gitignore",
        ".github/ISSUE_TEMPLATE/bug.yml",
        "CONTRIBUTING.md",
        "README.md",
        "changelogs/changelog.yaml",
        "changelogs/fragments/new.yml",
        "extensions/patterns/claim/meta/pattern.json",
        "galaxy.yml",
        "meta/ee-requirements.txt",
        "noxfile.py",
        "plugins/modules/pci_facts.py",
        "plugins/test/pci_claimed.py",
        "tests/config.yml",
        "tests/gates/places.py",
        "tests/integration/targets/pci_facts/tasks/main.yml",
        "tests/unit/conftest.py",
    )
]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "known_files", lambda: KNOWN)


def test_what_ships_is_what_users_need() -> None:
    assert list(map(str, places.shipped_files())) == [
        "README.md",
        "changelogs/changelog.yaml",
        "extensions/patterns/claim/meta/pattern.json",
        "meta/ee-requirements.txt",
        "plugins/modules/pci_facts.py",
        "plugins/test/pci_claimed.py",
    ]


def test_what_is_tested_is_more_than_what_ships() -> None:
    tools = {".gitignore", ".github/ISSUE_TEMPLATE/bug.yml", "noxfile.py", "tests/gates/places.py"}
    assert {str(name) for name in places.files_under_test()} == {str(name) for name in KNOWN} - tools


def test_a_check_that_did_not_run_is_named() -> None:
    ran = "\n".join(f"python /x/antsibull_nox/data/{name}.py --data y" for name in sorted(antsibull.CHECKS)[1:])
    assert antsibull.unrun(ran) == ["action-groups"]
