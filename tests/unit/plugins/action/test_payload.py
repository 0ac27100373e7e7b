# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each ansible-core packs for a host runs there."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FACTS
from ansible_collections.kvm.hostdev.tests.unit.helpers.one_task import run_task
from ansible_collections.kvm.hostdev.tests.unit.helpers.payload import payload


def test_a_module_runs_from_the_zip_that_ansible_makes(lab_host, tmp_path):
    options = {"libvirt": "none", "gather_subset": ["devices"], "facts_path": f"{lab_host.root}{FACTS}"}
    told = run_task(str(payload("pci_facts", tmp_path)), "pci_facts", options, str(lab_host.root))
    devices = told["result"]["ansible_facts"]["hostdev"]["devices"]
    assert {device["address"] for device in devices} == set(lab_host.system.inventory().devices)
