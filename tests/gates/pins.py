# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write `tests/requirements/*.txt`, every package pinned, from the `*.in` beside them, which name what is wanted."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from tests.gates import pythons
from tests.gates.cores import BY_HAND, CORES
from tests.gates.places import REQUIREMENTS

_HEADER = """\
# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Made from {name} by `./run pins`.
"""


def write_pins(names: list[str]) -> None:
    """Resolve the named files (all without a name) on the oldest Python that takes them."""
    for source in sorted(REQUIREMENTS.glob("*.in")):
        if names and source.stem not in names:
            continue
        core = f"core-{source.stem.rpartition('-')[2]}"  # as core-2.21, and ee-2.21
        oldest = min({**CORES, **BY_HAND}.get(core, [(3, 11)]))
        python = pythons.interpreters().get(oldest)
        if python is None:
            sys.exit(f"{source.name} is resolved on Python {pythons.text(oldest)}, which is not on this machine")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([python, "-m", "venv", folder], check=True)
            pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "-qq"]
            subprocess.run([*pip, "install", "--requirement", source], check=True)
            frozen = subprocess.run([*pip, "freeze"], check=True, stdout=subprocess.PIPE, text=True).stdout
        source.with_suffix(".txt").write_text(f"{_HEADER.format(name=source.name)}\n{frozen}")
        print(f"{source.with_suffix('.txt').name}: {len(frozen.splitlines())} packages", flush=True)
