# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Examples of modules: Ansible understands each task, and its module takes each option and each word in it."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator

from ansible_collections.kvm.hostdev.plugins.action import pci_report
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.changing import ModuleHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.playing import Site

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = "ansible_collections.kvm.hostdev.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
PREFIX = "kvm.hostdev."
# What there is to say of a host that is not the one in the example.
OF_THE_HOST = {
    "device_blocked",
    "foreign_vfs",
    "not_enough_devices",
    "persist_failed",  # the record is in another folder
    "unknown_device",
    "unknown_domain",
    "vf_setting_failed",  # there is no `ip`
}


def tasks(module: str) -> list[dict[str, t.Any]]:
    examples: list[dict[str, t.Any]] = yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{module}").EXAMPLES)
    return examples


def given(module: str) -> list[tuple[str, dict[str, t.Any]]]:
    """The module's own tasks among the examples, by name, with the options; those in module_defaults too."""
    own = f"{PREFIX}{module}"
    found = [(task["name"], {**task.get("module_defaults", {}), **task}) for task in tasks(module)]
    return [(name, task[own] or {}) for name, task in found if own in task]


def filled_in(options: t.Mapping[str, t.Any], spec: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options with something of their type for what only a play can fill in."""
    instead = {"list": [], "dict": {}, "str": "kvm1"}
    return {name: instead[spec[name]["type"]] if "{{" in str(value) else value for name, value in options.items()}


CASES = [pytest.param(module, options, id=f"{module}: {name}") for module in MODULES for name, options in given(module)]


class _TakenError(Exception):
    pass


def spec(module: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """What a module hands to Ansible about its options."""
    if module == "pci_report":
        return {"argument_spec": pci_report._OPTIONS}
    code = importlib.import_module(f"{PLUGINS}.modules.{module}")

    def take(**kept: t.Any) -> t.NoReturn:
        kept.pop("supports_check_mode")
        raise _TakenError(kept)

    monkeypatch.setattr(code, "Module", take)
    with pytest.raises(_TakenError) as caught:
        code.main()
    kept: dict[str, t.Any] = caught.value.args[0]
    return kept


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_examples_with_names_and_full_names(module):
    assert given(module)
    named = [(task.get("name", ""), set(task) - {"name"}) for task in tasks(module)]
    assert [name for name, _keys in named if not name[:1].isupper()] == []
    assert [name for name, keys in named if not any(key.count(".") == 2 for key in keys)] == []


@pytest.mark.parametrize(("module", "options"), CASES)
def test_an_example_sets_options_that_the_module_has(module, options, monkeypatch):
    known = spec(module, monkeypatch)
    checked = ModuleArgumentSpecValidator(**known).validate(filled_in(options, known["argument_spec"]))
    assert checked.error_messages == []


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("pci_") and name != "pci_report"])
def test_the_module_takes_each_word_of_its_examples(module, two_domains, monkeypatch, capsys):
    """On the lab host, in check mode: what is not there is told, and nothing of how it is written."""
    monkeypatch.setattr(ModuleHost, "pfs", two_domains.system.pfs)
    with monkeypatch.context() as patch:
        known = spec(module, patch)["argument_spec"]
    runner = Runner(two_domains, monkeypatch, capsys)
    for name, options in given(module):
        said = {key: value for key, value in filled_in(options, known).items() if key != "recording"}
        status, result = runner.run(module, **said, check=True)
        assert status == 0 or result["error"]["code"] in OF_THE_HOST, (name, result)


def test_ansible_understands_all_examples(tmp_path):
    site = Site(tmp_path)
    plays = [{"name": module, "hosts": "all", "tasks": tasks(module)} for module in MODULES]
    site.write("playbook.yml", plays)
    site.write("inventory/hosts.yml", {"all": {"hosts": {"kvm1": None}}})
    listed = site.ansible("playbook", "--list-tasks", "playbook.yml")
    assert listed.count("TAGS: []") == sum(len(play["tasks"]) + 1 for play in plays)
