# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts out of Ansible's own variables."""

from __future__ import annotations

import types

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.facts_of_hosts import facts_of, facts_of_hosts

NAMES = ["kvm1", "kvm2", "kvm3"]
FUNCTION = {
    "capability": "pci",
    "address": "0000:01:00.0",
    "name": "{{ no template }}",
    "vendor_id": "8086",
    "product_id": "10c9",
    "class": "020000",
    "header_type": 0,
    "claimable": True,
    "owner": None,
}
FACTS = {"devices": [FUNCTION, {"capability": "net", "name": "net_a"}]}


@pytest.fixture
def hostvars():
    """Ansible's variables of three hosts: of one the devices were gathered, of one something else."""
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=["kvm1,kvm2,kvm3"])
    manager = VariableManager(loader=loader, inventory=inventory)
    manager.set_host_facts("kvm1", {"hostdev": FACTS, "kernel": "6.12"})
    manager.set_host_facts("kvm2", {"kernel": "6.12"})
    return HostVars(inventory, manager, loader)


def test_hosts_have_what_was_gathered_of_them_without_a_copy(hostvars):
    found = facts_of_hosts(hostvars, NAMES)
    assert found == {"kvm1": FACTS, "kvm2": None, "kvm3": None}
    assert found["kvm1"] is hostvars._variable_manager._fact_cache.get("kvm1")["hostdev"]


def test_without_a_way_to_the_cache_the_variables_are_asked(hostvars):
    assert facts_of_hosts(types.SimpleNamespace(raw_get=hostvars.raw_get), NAMES) == facts_of_hosts(hostvars, NAMES)


@pytest.mark.parametrize(
    "facts",
    [
        None,
        {},
        "text",
        [],
        {"host": {"kernel": "6.12"}, "pools": []},
        {"devices": None},
        {"devices": [{"capability": "pci", "address": "0000:01:00.0", "driver": "igb"}]},
        {"devices": [FUNCTION, {key: FUNCTION[key] for key in FUNCTION if key != "claimable"}]},
    ],
)
def test_what_is_no_facts_is_none(facts):
    assert facts_of({"ansible_facts": {"hostdev": facts}}) is None
    assert facts_of({}) is None


def test_a_host_may_have_no_devices():
    assert facts_of({"ansible_facts": {"hostdev": {"devices": []}}}) == {"devices": []}


def test_a_host_with_damaged_facts_is_left_out_and_told(hostvars, monkeypatch):
    told = []
    monkeypatch.setattr(Display, "warning", lambda _self, text: told.append(text))
    damaged = {"devices": [{**FUNCTION, "owner": "train1"}]}
    hostvars._variable_manager.set_host_facts("kvm2", {"hostdev": damaged})
    assert facts_of_hosts(hostvars, NAMES) == {"kvm1": FACTS, "kvm2": None, "kvm3": None}
    assert [text.partition("; wanted")[0] for text in told] == [
        "left out, as without facts: kvm2: 0000:01:00.0: its owner: found the text 'train1'"
    ]
