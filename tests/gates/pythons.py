# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Python interpreters of this machine, found by running them: a version manager's shim may exist and not run."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

Version = tuple[int, int]

# From the oldest that the collection supports on managed hosts (tests/config.yml) to the newest of its ansible-cores.
VERSIONS: tuple[Version, ...] = tuple((3, minor) for minor in range(9, 15))

_PROBE = """
import sys, ensurepip, venv
print(*sys.version_info[:2], getattr(sys, "_base_executable", None) or sys.executable)
"""


@functools.cache
def interpreters() -> dict[Version, Path]:
    """The real executable for each version of `VERSIONS` that runs and can make virtual environments."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob("*/bin"))
    executables: dict[Version, Path] = {}
    for version in VERSIONS:
        for folder in folders:
            executable = _probe(folder / f"python{version[0]}.{version[1]}", version)
            if executable:
                executables[version] = executable
                break
    return executables


def first(versions: tuple[Version, ...]) -> Version | None:
    """The first of `versions` that is there."""
    return next((version for version in versions if version in interpreters()), None)


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _probe(candidate: Path, version: Version) -> Path | None:
    if not os.access(candidate, os.X_OK):
        return None
    run = subprocess.run(
        [candidate, "-c", _PROBE], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    if run.returncode:
        return None
    major, minor, executable = run.stdout.strip().split(" ", 2)
    return Path(executable) if (int(major), int(minor)) == version else None
