# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout that must not be released is told why."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.gates.release import building, changelog, checks

DAY = "2026-11-28"
CHANGES = {"release_summary": "The first release gives ``hosts`` away.", "major_changes": ["claim - claims devices."]}
FIRST = {"1.0.0": {"release_date": DAY, "changes": CHANGES}}


def of_changelog(
    releases: t.Mapping[str, t.Any] = FIRST, fragments: t.Sequence[str] = (), version: str = "1.0.0", day: str = DAY
) -> list[str]:
    return checks.of_changelog(releases, fragments, version, day)


def first_with(**changes: t.Any) -> dict[str, t.Any]:
    return {"1.0.0": {"release_date": DAY, "changes": {**CHANGES, **changes}}}


def test_a_clean_tree_without_the_tag_is_released() -> None:
    assert checks.of_git("", "0.9.0\nv0.9.1", "1.0.0") == []


@pytest.mark.parametrize("tag", ["1.0.0", "v1.0.0"])
def test_a_tag_that_is_there_is_named(tag: str) -> None:
    assert checks.of_git("", f"0.9.0\n{tag}", "1.0.0") == [f"the tag {tag} is there already"]


def test_what_is_not_committed_is_named() -> None:
    found = checks.of_git(" M README.md\n?? notes.txt", "", "1.0.0")
    assert found == ["not committed: README.md", "not committed: notes.txt"]


def test_the_first_letter_of_a_changed_file_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "CHECKOUT", tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    building.git("init", "--quiet")
    (tmp_path / "README.md").write_text("one\n")
    building.git("add", "README.md")
    building.git("-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "--message=x")
    assert checks.of_git(building.git("status", "--porcelain"), "", "1.0.0") == []
    (tmp_path / "README.md").write_text("two\n")
    assert checks.of_git(building.git("status", "--porcelain"), "", "1.0.0") == ["not committed: README.md"]


def test_a_changelog_of_the_day_is_released() -> None:
    assert of_changelog() == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        pytest.param(of_changelog(fragments=["eda.yml", ".keep"]), "fragments/eda.yml is in no release", id="fragment"),
        pytest.param(of_changelog(version="1.1.0"), "has no release 1.1.0", id="no release"),
        pytest.param(of_changelog(day="2026-11-29"), "1.0.0 is of 2026-11-28, the commit of 2026-11-29", id="day"),
        pytest.param(of_changelog({**FIRST, "1.10.0": {}}), "a later release than 1.0.0", id="not the newest"),
        pytest.param(of_changelog(first_with(release_summary="")), "no release_summary", id="no summary"),
        pytest.param(of_changelog(first_with(breaking_changes=["x"])), "has breaking_changes", id="nothing to break"),
        pytest.param(of_changelog(first_with(bugfixes=["x"])), "has bugfixes", id="nothing to mend"),
    ],
)
def test_a_changelog_that_is_not_of_this_release_is_told(found: list[str], fault: str) -> None:
    assert len(found) == 1
    assert fault in found[0]


def test_a_later_release_may_mend_and_break() -> None:
    later = {"1.0.1": {"release_date": DAY, "changes": {**CHANGES, "bugfixes": ["x"], "breaking_changes": ["y"]}}}
    assert of_changelog({**FIRST, **later}, version="1.0.1") == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("version_added: 1.0.0", []),
        ("version_added: '0.1.0'", ["guide.rst: version_added is 0.1.0, which is no release of the changelog"]),
        ("version_added: 1.2.0", ["guide.rst: version_added is 1.2.0, which is no release of the changelog"]),
        ("install dist/kvm-hostdev-1.1.0.tar.gz", []),
        ("install dist/kvm-hostdev-0.1.0.tar.gz", ["guide.rst names version 0.1.0, this is 1.1.0"]),
        ("install kvm.hostdev:==1.0.0", ["guide.rst names version 1.0.0, this is 1.1.0"]),
        ("needs kvm.hostdev 1.0.0 or later, and kvm.hostdev.pci_facts", []),
    ],
)
def test_versions_that_are_named_are_this_one(text: str, faults: list[str]) -> None:
    assert checks.of_files({Path("guide.rst"): text}, "1.1.0", ["1.0.0"]) == faults


def test_the_version_is_read_of_galaxy_yml() -> None:
    assert checks.version_of_galaxy("name: hostdev\nversion: 1.20.3\n") == "1.20.3"


@pytest.mark.parametrize("text", ["name: hostdev\n", "version: 1.0\n", "version: 1.0.0-dev\n"])
def test_a_version_of_other_than_three_numbers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no version of three numbers"):
        checks.version_of_galaxy(text)


def test_the_message_of_the_tag_is_the_changelog_as_plain_text() -> None:
    changes = {**CHANGES, "known_issues": [f"pci_facts - {'a long word ' * 8}with ``marks``."]}
    assert changelog.message("1.0.0", {"changes": changes}) == (
        "kvm.hostdev 1.0.0\n\n"
        "The first release gives hosts away.\n\n"
        "What it does:\n\n- claim - claims devices.\n\n"
        "Known issues:\n\n"
        "- pci_facts - a long word a long word a long word a long word a long\n"
        "  word a long word a long word a long word with marks.\n"
    )
