# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide on playbooks shows of a run is what is printed, in rehearsals on the lab host."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module import recording
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.playing import Site

GUIDE = (Path(__file__).resolve().parents[3] / "docs/docsite/rst/guide_playbooks.rst").read_text(encoding="utf-8")
NIC = {"name": "nic", "specs": ["8086:10ca"]}
WEB1 = {"domain": "web1", "requests": [NIC]}
DPDK0 = {"owner": "dpdk0", "requests": [{"name": "port", "specs": ["8086:10ca"]}]}
RUNS = {
    "claim": ("free", {"hostdev_domain": "web1", "hostdev_requests": [NIC]}),
    "passthrough": ("held", {"hostdev_claims": [WEB1, DPDK0]}),
    "release": ("held", {"hostdev_domain": "web1"}),
    "reconcile": ("held", {}),
}


@pytest.fixture
def site(two_domains, monkeypatch, capsys, tmp_path):
    """Recordings of the lab host, while `web1` has no device and when it has a VF, for Ansible to rehearse on."""
    monkeypatch.setattr(recording, "Tree", lambda: two_domains.tree)
    runner = Runner(two_domains, monkeypatch, capsys)
    runner.done("pci_recording", dest=str(tmp_path / "free.json.gz"), anonymous=False)
    runner.done("pci_passthrough_claim", **WEB1)
    runner.done("pci_recording", dest=str(tmp_path / "held.json.gz"), anonymous=False)
    return Site(tmp_path)


def shown(name: str) -> str:
    """The run that the section on a playbook shows."""
    section = re.split(rf"^{name}\n-+\n", GUIDE, maxsplit=1, flags=re.MULTILINE)[1]
    block = section.split(".. code-block:: text\n\n", 1)[1]
    return textwrap.dedent(re.split(r"\n(?=\S)", block, maxsplit=1)[0]).strip()


def test_the_runs_that_are_shown_are_real(site):
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "hostdev_become": False}
    for name, (state, variables) in RUNS.items():
        told = {**host, **variables, "hostdev_recording": str(site.folder / f"{state}.json.gz")}
        site.write("inventory/hosts.yml", {"all": {"hosts": {"kvm1": told}}})
        printed = site.ansible("playbook", "--check", f"kvm.hostdev.{name}")
        assert shown(name) in printed, f"{name}:\n{printed}"
