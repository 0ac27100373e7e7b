# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What antsibull-nox checks by antsibull-nox.toml, in the folder where it is called: a copy of the collection.

    python3 -m tests.gates.docs.antsibull

It would install the newest tools at each run. Here it makes no environment, and takes those that are pinned.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.gates.venvs import venv

SESSIONS = ("extra-checks", "docs-check")
# Its programs, each of which must have run: it leaves out what it has no settings for, and passes.
CHECKS = {"action-groups", "avoid-characters", "no-trailing-whitespace", "no-unwanted-files", "rst-extra"}
_NOXFILE = "antsibull-noxfile.py"
_LOADED = "import antsibull_nox\n\nantsibull_nox.load_antsibull_nox_toml()\n"
_RUN = re.compile(r"antsibull_nox/data/([\w-]+)\.py --data")


def main() -> int:
    tools = venv("antsibull")
    Path(_NOXFILE).write_text(_LOADED)
    with tempfile.TemporaryDirectory() as folder:
        command: list[str | Path] = [tools / "nox", "--noxfile", _NOXFILE, "--no-venv", "--envdir", folder, "--session"]
        environment = {**os.environ, "PATH": os.pathsep.join([str(tools), os.environ["PATH"]])}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "CI": "false"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            [*command, *SESSIONS],
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    Path(_NOXFILE).unlink()
    left_out = unrun(done.stdout)
    if done.returncode or left_out:
        print(done.stdout, *(f"did not run: {name}" for name in left_out), sep="\n")
        return 1
    return 0


def unrun(output: str) -> list[str]:
    """Which checks the output does not name as run."""
    return sorted(CHECKS - set(_RUN.findall(output)))


if __name__ == "__main__":
    sys.exit(main())
