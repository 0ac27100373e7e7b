# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be true of a checkout before it is released."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from tests.gates.places import CHECKOUT, known_files, shipped_files
from tests.gates.release import changelog
from tests.gates.release.building import commit_seconds, git

# What only somebody who has an earlier release can make use of.
OF_LATER = ("breaking_changes", "deprecated_features", "removed_features", "security_fixes", "bugfixes")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_ADDED = re.compile(r"\bversion_added: *['\"]?([\w.]+)")
_NAMED = re.compile(r"\bkvm-hostdev-(\d[\w.]*?)\.tar\.gz|\bkvm\.hostdev[:=]=*(\d[\w.]*\d)")


def faults(version: str) -> list[str]:
    """All that speaks against releasing the checkout as `version`."""
    day = changelog.day_of(commit_seconds())
    fragments = [name.name for name in known_files() if str(name.parent) == changelog.FRAGMENTS]
    return [
        *of_git(git("status", "--porcelain"), git("tag", "--list"), version),
        *of_changelog(changelog.releases(), fragments, version, day),
        *(f"{name} is not what the changelog's data say: ./run release --changelog" for name in changelog.stale()),
        *of_files(_texts(), version, changelog.releases().keys()),
    ]


def of_git(status: str, tags: str, version: str) -> list[str]:
    """By what `git status --porcelain` and `git tag --list` say."""
    findings = [f"not committed: {line[3:]}" for line in status.splitlines()]
    return findings + [f"the tag {tag} is there already" for tag in tags.split() if tag.removeprefix("v") == version]


def of_changelog(releases: t.Mapping[str, t.Any], fragments: t.Sequence[str], version: str, day: str) -> list[str]:
    """By the changelog's `releases` and the names of fragments that are in none; `day` is that of the commit."""
    mend = "./run release --changelog, then commit"
    findings = [f"changelogs/fragments/{name} is in no release: {mend}" for name in fragments if name.endswith("ml")]
    release = releases.get(version)
    if release is None:
        return [*findings, f"the changelog has no release {version}: {mend}"]
    if str(release["release_date"]) != day:
        findings.append(f"the changelog's {version} is of {release['release_date']}, the commit of {day}: {mend}")
    if _numbers(version) != max(map(_numbers, releases)):
        findings.append(f"the changelog has a later release than {version}")
    changes = release.get("changes", {})
    if not changes.get("release_summary"):
        findings.append(f"the changelog's {version} has no release_summary")
    if len(releases) == 1:
        findings += [
            f"the first release has {name}: say it in other sections" for name in OF_LATER if changes.get(name)
        ]
    return findings


def of_files(texts: t.Mapping[Path, str], version: str, releases: t.Collection[str]) -> list[str]:
    """By the texts that ship: all is of one of the `releases`, and where a version of ours is named it is this one."""
    findings = []
    for name, text in texts.items():
        added = sorted(set(_ADDED.findall(text)) - {*releases, version})
        findings += [f"{name}: version_added is {found}, which is no release of the changelog" for found in added]
        named = {one or other for one, other in _NAMED.findall(text)} - {version}
        findings += [f"{name} names version {found}, this is {version}" for found in sorted(named)]
    return findings


def version_of_galaxy(text: str) -> str:
    """The version in galaxy.yml. Raises ValueError where it is none of three numbers."""
    found = re.search(r"^version: *(\S+)$", text, re.MULTILINE)
    if found is None or not _VERSION.fullmatch(found[1]):
        raise ValueError("galaxy.yml has no version of three numbers, such as 1.0.0")
    return found[1]


def _texts() -> dict[Path, str]:
    suffixes = {".md", ".py", ".rst", ".yml"}
    return {name: (CHECKOUT / name).read_text() for name in shipped_files() if name.suffix in suffixes}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
