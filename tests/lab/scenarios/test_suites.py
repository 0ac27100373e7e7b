# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reboot of other releases than the usual one, for which `test_reboots.py` tells more: `./run lab --suite noble`."""

from __future__ import annotations

import pytest

from tests.lab import topology
from tests.lab.machine import Lab
from tests.reboots import changes, hardware
from tests.reboots.trial import Trial


@pytest.mark.other_suites
@pytest.mark.last  # the host has no VFs after it
def test_what_was_claimed_comes_back_with_its_domains_after_a_reboot(lab: Lab) -> None:
    trial = Trial(lab)
    trial.prepare()
    # These were made by hand: pci_sriov leaves them to whoever makes them at boot, which is nobody.
    lab.sh(f"echo 0 > /sys/bus/pci/devices/{topology.IGB_PF}/sriov_numvfs")
    trial.claim()
    boot = trial.reboot(changes.nothing(trial.situation))
    assert not boot.verdict.faults, "\n".join([boot.told(), *boot.verdict.faults, *boot.said.values()])
    assert boot.back == len(hardware.CLAIMED)
    assert {name for name, domain in boot.seen.domains.items() if domain.runs} == {"db1", "web1"}
    lab.sh("virsh -q destroy db1; virsh -q destroy web1")  # what a guest lets go is others' matter
    trial.release()
