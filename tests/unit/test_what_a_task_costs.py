# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible ships for a module, and how much of that a task imports: a host compiles it anew on each task."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.one_task import run_task
from ansible_collections.kvm.hostdev.tests.unit.helpers.payload import payload, shipped
from ansible_collections.kvm.hostdev.tests.unit.helpers.still_tasks import STILL_TASKS, still_task

# What changes a host, and what plans and chooses for it.
_CHANGING = (
    *(
        f"_host/{name}"
        for name in ("binding/", "change/", "libvirt/changes", "libvirt/detaching", "libvirt/root_ports")
    ),
    *(f"_host/{name}" for name in ("libvirt/removal_events", "reading/kernel_log")),
    *(f"_model/{name}/" for name in ("decision", "plan", "selection")),
)

# In kB, without the module itself, which is documentation. A little above what it is: what makes it more should be
# worth it, and what makes it less should lower it.
_MOST_IMPORTED = {
    # 1 of each to see whether a list has come as a text with JSON.
    # 12 of them for where functions sit and how much they can: topology.py and measures.py. 1 for tenants, who are told
    # no owner.
    "facts": 397,
    "facts, libvirt": 446,
    # 5 of them for limits: labels, since and until of what is held, what is overdue, and the options. 2 for tenants,
    # who are told no names of others.
    "unchanged claim": 399,
    "release of nothing": 318,
}


def test_facts_ship_nothing_that_changes_a_host(folder):
    files = shipped(payload("pci_facts", folder))
    utils = [name.partition("module_utils/")[2] for name in files if "module_utils/" in name]
    assert [name for name in utils if name.startswith(_CHANGING) and not name.endswith("__init__.py")] == []


@pytest.mark.parametrize("name", STILL_TASKS)
def test_a_task_that_changes_nothing_imports_what_it_needs(name, folder, lab_host):
    task = still_task(name, lab_host)
    taken = run_task(str(payload(task["module"], folder)), **task)
    assert taken["result"]["changed"] is False
    utils = [size for file, size in taken["imported"].items() if file.startswith("module_utils.")]
    assert sum(utils) / 1000 <= _MOST_IMPORTED[name]


def test_the_measured_claim_has_its_devices(folder, lab_host):
    task = still_task("unchanged claim", lab_host)
    taken = run_task(str(payload(task["module"], folder)), **task)
    assert len(taken["result"]["devices"]) == 3
    assert taken["result"]["plan"] == []
