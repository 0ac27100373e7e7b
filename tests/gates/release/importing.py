# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Galaxy takes the tarball without a word, and whether it is all there once installed."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from tests.gates.echo import echoed

_SETTINGS = """\
[galaxy-importer]
LOG_LEVEL_MAIN = INFO
RUN_ANSIBLE_TEST = False
CHECK_CHANGELOG = True
CHECK_REQUIRED_TAGS = True
REQUIRE_V1_OR_GREATER = True
"""
# What the importer and its ansible-lint say of lesser faults, which Galaxy shows to everybody: it passes all the same.
_WORD = re.compile(r"^(WARNING|ERROR|CRITICAL)\b|\b(Traceback|WARNING:|ERROR:)")
_SHOWN = "kvm.hostdev.pci_facts"


def faults(tarball: Path, tools: Path) -> list[str]:
    """What Galaxy's importer says of the tarball, and what `ansible-galaxy` and `ansible-doc` do not find in it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": folder,
            "HOME": folder,
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
        }
        environment.pop("PYTHONPATH", None)
        return _imported(tarball, tools, Path(folder), environment) + _installed(
            tarball, tools, Path(folder), environment
        )


def words(lines: list[str]) -> list[str]:
    """The importer's lines that are no praise."""
    return [line for line in lines if _WORD.search(line)]


def _imported(tarball: Path, tools: Path, folder: Path, environment: dict[str, str]) -> list[str]:
    settings = folder / "galaxy-importer.cfg"
    settings.write_text(_SETTINGS)
    environment = {**environment, "GALAXY_IMPORTER_CONFIG": str(settings)}
    command: list[str | Path] = [tools / "python", "-m", "galaxy_importer.main", tarball]
    status, lines, _processor = echoed(command, folder, environment, write=lambda line: None)
    print("\n".join(lines[-2:]), flush=True)
    findings = [f"galaxy-importer: {line}" for line in words(lines)]
    return findings + ([f"galaxy-importer: exit status {status}", *lines[-10:]] if status else [])


def _installed(tarball: Path, tools: Path, folder: Path, environment: dict[str, str]) -> list[str]:
    galaxy: list[str | Path] = [tools / "ansible-galaxy", "collection"]
    where: list[str | Path] = ["--offline", "--collections-path", folder]
    commands: tuple[list[str | Path], ...] = (
        [*galaxy, "install", *where, tarball],
        [*galaxy, "verify", *where, "kvm.hostdev"],
        [tools / "ansible-doc", "--type", "module", _SHOWN],
    )
    for command in commands:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            return [f"{' '.join(map(str, command[:3]))}: {done.stdout}"]
    if f"{folder}/ansible_collections/kvm/hostdev/plugins/modules/pci_facts.py" not in done.stdout:
        return [f"ansible-doc does not know the installed module:\n{done.stdout}"]
    return []
