# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host whose Python compiles each source that tasks bring only once.

Most of a task's time under emulation goes into compiling what Ansible has packed for it. Tasks stay what they are, byte
for byte; a host that is to show what a task costs must not be warmed.
"""

from __future__ import annotations

from pathlib import Path

from tests.lab.machine import Lab

_PACKAGES = "/usr/lib/python3/dist-packages"


def warm(lab: Lab) -> None:
    """Let every Python of the host do so from now on."""
    lab.put(Path(__file__).with_name("on_host.py").read_text(), f"{_PACKAGES}/kvm_hostdev_lab_warm.py")
    lab.put("import kvm_hostdev_lab_warm\n", f"{_PACKAGES}/kvm_hostdev_lab_warm.pth")
