# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is released, and the way there.

    python3 -m tests.gates.release --changelog   the fragments become the changelog's release of today
    python3 -m tests.gates.release [FOLDER]      checks the checkout, and builds into FOLDER all that is published
    python3 -m tests.gates.release --try         builds the same of any checkout, judges it, and keeps nothing

FOLDER lies outside of the checkout, by default in the cache folder. In it are the tarball, its bill of materials, the
sums of both, and the tag's message.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.gates.places import CACHE, CHECKOUT
from tests.gates.release import bom, building, changelog, checks, importing, sums, tarball
from tests.gates.venvs import venv

_MESSAGE = "tag-message.txt"


def main(arguments: list[str]) -> int:
    version = checks.version_of_galaxy((CHECKOUT / "galaxy.yml").read_text())
    if arguments == ["--changelog"]:
        changelog.write(version)
        return 0
    if arguments == ["--try"]:
        with tempfile.TemporaryDirectory() as temporary:
            return _told(_built(Path(temporary), version))
    folder = Path(arguments[0] if arguments else CACHE / "releases" / version).resolve()
    if folder.is_relative_to(CHECKOUT):
        return _told([f"{folder} lies in the checkout: name a folder outside"])
    findings = checks.faults(version)
    if findings:
        return _told(findings)
    folder.mkdir(parents=True, exist_ok=True)
    status = _told(_built(folder, version))
    if not status:
        _tell_what_is_next(folder, version)
    return status


def _built(folder: Path, version: str) -> list[str]:
    """Build all into `folder`; what is wrong with it."""
    tools, seconds = venv("galaxy"), building.commit_seconds()
    built = building.build(folder, tools, seconds)
    findings = tarball.faults(built, seconds)
    findings += building.differences(built, tools, seconds)
    findings += importing.faults(built, tools)
    bill = folder / f"{built.name.removesuffix('.tar.gz')}.cdx.json"
    bill.write_text(bom.bill(built, seconds))
    (folder / "SHA256SUMS").write_text(sums.text([built, bill]))
    release = changelog.releases().get(version)
    if release:
        (folder / _MESSAGE).write_text(changelog.message(version, release))
    return findings


def _told(findings: list[str]) -> int:
    for finding in findings:
        print(finding, file=sys.stderr)
    return 1 if findings else 0


def _tell_what_is_next(folder: Path, version: str) -> None:
    print((folder / "SHA256SUMS").read_text())
    print(f"All is in {folder}. To publish it:")
    print(
        f"  git tag --annotate --cleanup=whitespace --file {folder / _MESSAGE} {version} && git push origin {version}"
    )
    print(f"  ansible-galaxy collection publish {folder / f'kvm-hostdev-{version}.tar.gz'}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
