# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual environments in the cache folder, one for each requirements file, made once and reused.

The tools do not agree on their dependencies (galaxy-importer pins attrs), hence several. The key holds all that
went in, so a changed pin makes a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import time
from pathlib import Path

from tests.gates.places import CACHE, REQUIREMENTS


def venv(name: str, python: Path | None = None) -> Path:
    """The `bin` folder of the environment made from `tests/requirements/NAME.txt`; the running Python by default."""
    interpreter = str(python or sys._base_executable)  # type: ignore[attr-defined]  # the one below nox's environment
    requirements = REQUIREMENTS / f"{name}.txt"
    version = subprocess.run([interpreter, "-VV"], check=True, stdout=subprocess.PIPE).stdout
    key = hashlib.sha256(b"\0".join([version, interpreter.encode(), requirements.read_bytes()])).hexdigest()[:12]
    folder = CACHE / "venvs" / f"{name}-{key}"
    complete = folder / "complete"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two sessions at once
        if not complete.exists():
            started = time.monotonic()
            subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
            pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
            subprocess.run([*pip, "install", "--requirement", requirements], check=True)
            complete.touch()
            print(f"made {folder} in {time.monotonic() - started:.0f} s", flush=True)
    return folder / "bin"
