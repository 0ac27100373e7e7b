# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a built collection may hold: what Ansible loads, its papers and its tests, no tools and no leftovers."""

from __future__ import annotations

import tarfile
from pathlib import Path

_ALLOWED = {
    "CHANGELOG.md",
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "changelogs",
    "docs",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "tests",
}
_REQUIRED = {"LICENSES/GPL-3.0-or-later.txt", "README.md", "meta/runtime.yml", "plugins/modules/pci_facts.py"}
_LEFTOVERS = ("__pycache__", ".pyc", ".tar.gz", "tests/output", "tests/lab", "tests/gates", ".cache", "/.")


def faults(tarball: Path) -> list[str]:
    """What is in the tarball and should not be, and the reverse."""
    with tarfile.open(tarball) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
    names = {member.name for member in members}
    findings = [f"unexpected: {name}" for name in sorted(names) if name.split("/")[0] not in _ALLOWED]
    findings += [f"leftover: {name}" for name in sorted(names) if any(part in f"/{name}" for part in _LEFTOVERS)]
    findings += [f"missing: {name}" for name in sorted(_REQUIRED - names)]
    print(f"{tarball.name}: {len(members)} files, {tarball.stat().st_size / 1024:.0f} KiB", flush=True)
    return findings
