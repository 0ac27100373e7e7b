# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each side measures itself in a process of its own, Nova's with the Python of a virtual environment that has Nova."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from tests.lab import cache

NOVA = "nova==34.0.0"
_HERE = Path(__file__).parent


def ours(module: str, *arguments: int) -> dict[str, Any]:
    """What a module of this folder prints."""
    return _printed([sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)])


def novas(program: str, *arguments: int) -> dict[str, Any]:
    """What a program of this folder prints that imports Nova."""
    return _printed([str(nova_python()), str(_HERE / f"{program}.py"), *map(str, arguments)])


def shown(seconds: float) -> str:
    """Return them in words of at most ten characters."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} us"


def nova_python() -> Path:
    """Return the Python of a virtual environment with Nova, which is made once."""
    folder = cache.folder() / "venvs" / NOVA.replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        print(f"installing {NOVA} for the comparison", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        with tempfile.TemporaryFile() as log:
            if subprocess.run([python, "-m", "pip", "install", "--quiet", NOVA], stderr=log, check=False).returncode:
                log.seek(0)
                raise SystemExit(f"bench: {NOVA} can't be installed\n{log.read().decode()[-2000:]}")
        (folder / "done").touch()
    return python


def _printed(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed\n{done.stderr}")
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed
