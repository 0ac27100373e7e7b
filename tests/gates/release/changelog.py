# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changelog of a release, made of the fragments, and the tag's message, made of the changelog."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
import typing as t
from pathlib import Path

import yaml

from tests.gates.places import CHECKOUT, collection_copy

DATA = "changelogs/changelog.yaml"
FRAGMENTS = "changelogs/fragments"
WRITTEN = ("CHANGELOG.md", "CHANGELOG.rst", DATA)
_SECTIONS = {
    "breaking_changes": "Breaking changes",
    "security_fixes": "Security fixes",
    "major_changes": "What it does",
    "minor_changes": "Besides",
    "deprecated_features": "Deprecated",
    "removed_features": "Removed",
    "bugfixes": "Mended",
    "known_issues": "Known issues",
}
_WIDTH = 72


def write(version: str) -> None:
    """Put the fragments into the release `version` of today, which may be there already, and generate the changelog."""
    with collection_copy() as tree:
        today = day_of(time.time())
        again = ("--update-existing", "--reload-plugins", "--refresh-plugins", "allow-removal")
        _run(tree, "release", *again, "--version", version, "--date", today)
        for name in WRITTEN:
            shutil.copyfile(tree / name, CHECKOUT / name)
        for fragment in (CHECKOUT / FRAGMENTS).glob("*.y*ml"):
            if not (tree / FRAGMENTS / fragment.name).exists():
                fragment.unlink()
    print(f"{', '.join(WRITTEN)}: {version} of {today}", flush=True)


def stale() -> list[str]:
    """Which of the changelog's texts are not what antsibull-changelog makes of its data."""
    with collection_copy() as tree:
        _run(tree, "generate")
        texts = [name for name in WRITTEN if name != DATA]
        return [name for name in texts if not _same(tree / name, CHECKOUT / name)]


def releases() -> dict[str, t.Any]:
    """All releases by version."""
    return dict(yaml.safe_load((CHECKOUT / DATA).read_text())["releases"])


def day_of(seconds: float) -> str:
    """The day by UTC, as the changelog has it."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def message(version: str, release: t.Mapping[str, t.Any]) -> str:
    """The tag's message: a line, the summary, then what there is in each section, as plain text."""
    changes = release["changes"]
    parts = [f"kvm.hostdev {version}", _filled(changes["release_summary"])]
    for section, title in _SECTIONS.items():
        if changes.get(section):
            entries = [_filled(entry, "- ") for entry in changes[section]]
            parts += ["\n".join([f"{title}:", "", *entries])]
    return "\n\n".join(parts) + "\n"


def _filled(text: str, first: str = "") -> str:
    plain = " ".join(text.replace("``", "").split())
    return textwrap.fill(
        plain,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _run(tree: Path, *words: str) -> None:
    tools = Path(sys.executable).parent
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2])}
    subprocess.run([tools / "antsibull-changelog", *words], cwd=tree, check=True, env=environment)
