# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The builder: from what git knows of the collection to its tarball."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.gates import pythons
from tests.gates.places import CHECKOUT, collection_copy
from tests.gates.release.repack import repack

_REPACK = Path(__file__).with_name("repack.py")


def build(folder: Path, tools: Path, seconds: int, **environment: str) -> Path:
    """Build the collection into `folder` with the `ansible-galaxy` of `tools`, all of it with one time; its path."""
    with collection_copy() as tree, tempfile.TemporaryDirectory() as unpacked:
        command: list[str | Path] = [tools / "ansible-galaxy", "collection", "build", "--output-path", unpacked, "."]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **environment}
        subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL, env=environment)
        (built,) = Path(unpacked).glob("*.tar.gz")
        target = folder / built.name
        repack(built, target, seconds)
    return target


def differences(tarball: Path, tools: Path, seconds: int) -> list[str]:
    """Where another build has other bytes: at another time, in another folder, under another umask, by each Python."""
    wanted = tarball.read_bytes()
    findings = []
    with tempfile.TemporaryDirectory(prefix="a folder elsewhere ") as elsewhere:
        umask = os.umask(0o077)
        try:
            again = build(Path(elsewhere), tools, seconds, TZ="Pacific/Chatham", TMPDIR=elsewhere)
        finally:
            os.umask(umask)
        if again.read_bytes() != wanted:
            findings.append("a second build under another umask, in another folder and time zone has other bytes")
        for version, python in pythons.interpreters().items():
            target = Path(elsewhere, f"by-python-{pythons.text(version)}")
            subprocess.run([python, _REPACK, again, target, str(seconds)], check=True)
            if target.read_bytes() != wanted:
                findings.append(f"Python {pythons.text(version)} packs it in other bytes")
    print(f"built twice, and packed by Python {', '.join(map(pythons.text, pythons.interpreters()))}", flush=True)
    return findings


def commit_seconds() -> int:
    """When the commit was made that is checked out, in seconds since 1970."""
    return int(git("log", "-1", "--format=%ct"))


def git(*words: str | Path) -> str:
    """What git says in the checkout, without the last line's end."""
    return subprocess.run(["git", *words], cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip()
