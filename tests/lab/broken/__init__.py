# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the lab host that are killed or halted in the middle of a chosen effect."""

from __future__ import annotations

import base64
import io
import json
import shlex
import subprocess
import tarfile
import uuid
from pathlib import Path
from typing import Any

from tests.lab.machine import Lab
from tests.lab.patience import detach_timeout
from tests.lab.warm import PYTHON, script

_FOLDER = "/var/tmp/kvm-hostdev"
_COLLECTION = "ansible_collections/kvm/hostdev"
_CHECKOUT = Path(__file__).resolve().parents[3]
# What this process has brought: a host that runs for days may have an older one's code.
_VERSION = str(uuid.uuid4())
_BROUGHT = f"{_FOLDER}/{_VERSION}"


def install(lab: Lab) -> None:
    """Bring the collection's code and the script that runs it onto the host, if this process has not done so."""
    if lab.sh(f"test -e {_BROUGHT}", check=False).returncode == 0:
        return
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(_CHECKOUT / "plugins/module_utils", f"{_COLLECTION}/plugins/module_utils")
        archive.add(Path(__file__).with_name("on_host.py"), "on_host.py")
    unpack = f"mkdir -p {_FOLDER} && base64 -d | tar xz -C {_FOLDER} && touch {_BROUGHT}"
    lab.sh(unpack, text=base64.b64encode(packed.getvalue()).decode())


def run(
    lab: Lab,
    operation: str,
    wish: dict[str, Any],
    effect: str = "",
    mode: str = "",
    *,
    reconnect_timeout: float = 30.0,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Claim or release as WISH says; the first effect whose text contains EFFECT goes wrong in this way.

    MODE is before, during or after (SIGKILL then), or halt, which returns while the run hangs at that effect, or 'sh
    COMMAND', which is run right before the effect. OPTIONS are Flow's; a guest has as long as `detach_timeout` says.
    """
    options = {"detach_timeout": detach_timeout(), **options}
    work = {"operation": operation, "wish": wish, "effect": effect, "mode": mode}
    told = json.dumps({**work, "reconnect_timeout": reconnect_timeout, "options": options})
    command = f"printf %s {shlex.quote(script(_VERSION, _FOLDER, 'on_host', told))} | {PYTHON}"
    if mode == "halt":
        # What follows the word is read by nobody: the run is there until the host is reset.
        halted = "timeout 240 sh -c 'until grep -q HALTED /run/halted; do sleep 0.2; done'"
        command = f"(setsid {command} > /run/halted 2>&1 &) ; {halted} || {{ cat /run/halted; false; }}"
    return lab.sh(f"{command}; exit $?", check=False)  # a shell in between tells of the signal by its exit code


def outcome(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a run that came to its end said: of a failed one its error alone."""
    assert done.returncode in (0, 1), done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said
