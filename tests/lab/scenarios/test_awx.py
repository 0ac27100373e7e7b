# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A form in AWX to a device in a guest: the nodes of the workflow as AWX's jobs, up to what the guest's kernel sees."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.gates.awx import installed
from tests.gates.places import CHECKOUT, collections_path
from tests.gates.venvs import venv
from tests.lab.guest import console_path
from tests.lab.machine import Lab
from tests.lab.patience import detach_timeout
from tests.lab.state import HostState, read_state

READER = "/usr/local/bin/guest-lspci"
# What the guest reported last on its console, see tests/lab/guest/init.
_READER = f"""#!/bin/sh
tail -c 20000 "{console_path("$1")}" | awk '
/^PCI-BEGIN/ {{ lines = "" }} /^PCI / {{ lines = lines $2 " " $3 "\\n" }} /^PCI-END/ {{ last = lines }}
END {{ printf "%s", last }}'
"""
ANSWERS = {"form_domain": "web1", "form_device": "8086:10ca@type-VF@82576-VF"}


def test_a_form_gives_a_guest_a_device_that_its_kernel_sees(lab: Lab, before: HostState, tmp_path: Path) -> None:
    guest_before = lab.guest_pci("web1")
    lab.sh(f"cat > {READER} && chmod 755 {READER}", text=_READER)
    nodes = {node["node"]: node for node in _workflow(lab, tmp_path)}
    assert nodes["place"]["artifacts"]["form_placed_host"] == "lab"
    assert "web1 has 0000:" in nodes["verify"]["output"]
    assert "the kernel of the guest sees them" in nodes["verify"]["output"]
    assert nodes["claim"]["changed"] == []  # the second one
    assert nodes["release"]["changed"] == ["Detach the devices and restore their drivers"]
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert lab.wait_guest_pci("web1", lambda devices: len(devices) == len(guest_before)) == guest_before


def _workflow(lab: Lab, folder: Path) -> list[dict[str, Any]]:
    """What its nodes told, in the packages of the execution environment that AWX's cache works with by itself."""
    (variables,) = yaml.safe_load(lab.inventory())["all"]["hosts"].values()
    patient = {"hostdev_guest_reader": [READER], "hostdev_detach_timeout": round(detach_timeout())}
    settings = folder / "settings.json"
    with installed() as collections:
        told = {"folder": str(folder / "jobs"), "collections": str(collections), "answers": ANSWERS}
        settings.write_text(json.dumps({**told, "hosts": {"lab": {**variables, **patient}}}))
        done = subprocess.run(
            [venv("ee-2.18") / "python", "-m", "ansible_collections.kvm.hostdev.tests.awx.workflow", settings],
            env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(collections_path())},
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    nodes: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, nodes[-1]["output"]
    return nodes
