# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed in the middle of an effect, or with its whole host, is settled by the next run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab import broken, topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import RECORD, HostState, read_state

VF = topology.IGB_VFS[0]
WISH = {"domain": "web1", "requests": [{"name": "nic", "address": VF}]}
NOBODY = {"owner": "nobody"}
pytestmark = pytest.mark.usefixtures("code")


def _settled(lab: Lab) -> dict[str, Any]:
    done = broken.run(lab, "release", NOBODY)
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert outcome["recovered"]
    return outcome


# The kernel and libvirtd go on with what was begun; a run that is killed between two effects is one of `./run faults`.
@pytest.mark.parametrize("effect", ["/unbind", f"attach {VF}, config", f"attach {VF}, live"])
def test_a_killed_claim_is_undone_by_the_next_run(lab: Lab, before: HostState, effect: str) -> None:
    killed = broken.run(lab, "claim", WISH, effect, "during")
    assert killed.returncode == 137, killed.stderr
    assert json.loads(lab.get(RECORD))["journal"]["operation"] == "claim"
    assert _settled(lab)["warnings"][0].startswith("undid an interrupted claim of domain web1")
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert after.claims() == []


@pytest.mark.parametrize("effect", [f"detach {VF}, live", "/vfio-pci/unbind"])
def test_a_killed_release_is_finished_by_the_next_run(lab: Lab, before: HostState, effect: str) -> None:
    assert broken.run(lab, "claim", WISH).returncode == 0
    killed = broken.run(lab, "release", {"domain": "web1"}, effect, "during")
    assert killed.returncode == 137, killed.stderr
    assert _settled(lab)["warnings"][0].startswith("finished an interrupted release for domain web1")
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert after.claims() == []


@pytest.mark.last  # the host has no VFs and no guest after it, and nobody needs them any more
def test_a_claim_that_ended_with_its_host_is_reported_then_undone_and_made_by_the_next_playbook(lab: Lab) -> None:
    wish = {
        "domain": "web1",
        "requests": [{"name": "nic", "address": VF}, {"name": "disk", "address": topology.NVME}],
    }
    halted = broken.run(lab, "claim", wish, f"attach {topology.NVME}, config", "halt")
    assert halted.returncode == 0, halted.stdout
    lab.sh("sync")  # libvirt does not wait until its definition is on the disk; our record is there by itself
    lab.reset()
    state = read_state(lab)
    assert state.has_hostdev("web1", "config", topology.NVME)
    assert VF not in state.bindings  # its PF makes VFs only when it is told to
    disk = {"domain": "web1", "requests": [{"name": "disk", "address": topology.NVME}], "attach": ["config"]}
    result = play(
        lab.inventory(),
        tasks(
            {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["!all", "drift"]}},
            {"name": "claim", "kvm.hostdev.pci_passthrough_claim": disk},
            {"name": "again", "kvm.hostdev.pci_passthrough_claim": disk},
            {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
        ),
    )
    assert result.code == 0, result.output
    told = result.of("facts").result["warnings"]
    assert any(warning.startswith("an interrupted claim of domain web1") for warning in told), told
    warnings = result.of("claim").result["warnings"]
    assert warnings[0].startswith("undid an interrupted claim of domain web1")
    assert any(warning.startswith(f"{VF} is no longer on the host") for warning in warnings)
    assert result.of("again").status == "ok"
    after = read_state(lab)
    assert after.driver(topology.NVME) == "nvme"
    assert not after.has_hostdev("web1", "config", topology.NVME)
    assert after.claims() == []
