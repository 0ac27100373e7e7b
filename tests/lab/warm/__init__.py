# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host whose Python compiles and imports what tasks bring only once.

Most of a task's time under emulation goes into that. Tasks stay what they are, byte for byte: the first one of its kind
is run as on any host, and the next one begins where that one had imported all it needed, in a process of its own. A
host that is to show what a task costs must not be warmed.
"""

from __future__ import annotations

from pathlib import Path

from tests.lab.machine import Lab

_PACKAGES = "/usr/lib/python3/dist-packages"
_FOLDER = "/usr/lib/kvm-hostdev-lab"
#: What runs Python code on its standard input, and hands everything else over to the host's Python.
PYTHON = f"{_FOLDER}/python"


def warm(lab: Lab) -> None:
    """Let the host do so from now on."""
    here = Path(__file__).parent
    lab.put((here / "bytecode.py").read_text(), f"{_PACKAGES}/kvm_hostdev_lab_warm.py")
    lab.put("import kvm_hostdev_lab_warm\n", f"{_PACKAGES}/kvm_hostdev_lab_warm.pth")
    lab.put((here / "template.py").read_text(), f"{_FOLDER}/template.py")
    lab.put((here / "python.py").read_text(), PYTHON)
    lab.sh(f"chmod +x {PYTHON}")
    lab.interpreter = PYTHON


def script(name: str, folder: str, module: str, *arguments: str) -> str:
    """Return what has a script MODULE of FOLDER run by `PYTHON`; NAME is another one for each version of the folder."""
    return (
        f"# warm: {name} {folder}\n"
        "import runpy, sys\n"
        f"sys.path.insert(0, {folder!r})\n"
        f"sys.argv[:] = {[module, *arguments]!r}\n"
        f"runpy.run_module({module!r}, run_name='__main__')\n"
    )
