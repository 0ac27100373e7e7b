# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import importlib
import multiprocessing
from pathlib import Path

import pytest
from ansible.plugins.action.normal import ActionModule as NormalAction

PLUGINS = Path(__file__).parents[4] / "plugins"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
PACKED = [name for name in MODULES if name != "pci_report"]  # which runs on the controller alone


@pytest.fixture
def action(monkeypatch):
    """Makes a module's action, whose run by Ansible only tells whether garbage is collected meanwhile."""
    monkeypatch.setattr(NormalAction, "run", lambda _self, _tmp, task_vars: {**task_vars, "collected": gc.isenabled()})

    def make(name):
        plugin = importlib.import_module(f"ansible_collections.kvm.hostdev.plugins.action.{name}").ActionModule
        return plugin.__new__(plugin)  # what Ansible gives it, nothing here looks at

    yield make
    gc.enable()


def test_each_module_has_an_action_and_each_action_a_module():
    assert sorted(path.stem for path in (PLUGINS / "action").glob("*.py")) == MODULES


@pytest.mark.parametrize("name", PACKED)
def test_a_worker_process_does_not_look_for_garbage(name, action, monkeypatch):
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert action(name).run(task_vars={"of": "kvm1"}) == {"of": "kvm1", "collected": False}


def test_a_process_that_lives_on_collects_its_garbage(action, monkeypatch):
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    assert action("pci_facts").run(task_vars={}) == {"collected": True}
