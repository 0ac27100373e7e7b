# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide on queries is run as it is printed, and so are the plugins' examples, on cached facts of three hosts."""

from __future__ import annotations

import importlib
import json
import re
import textwrap
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.filter.pci_query import pci_query
from ansible_collections.kvm.hostdev.tests.unit.helpers.fleet import GPUS, write
from ansible_collections.kvm.hostdev.tests.unit.helpers.playing import Site

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/docsite/rst/guide_queries.rst").read_text(encoding="utf-8")
BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n(?: {3}:.*\n)*\n((?: {3}.*\n|\n)+)", re.MULTILINE)
BLOCKS = [(language, textwrap.dedent(text)) for language, text in BLOCK.findall(GUIDE)]
PLUGINS = [
    f"{kind}.{path.stem}" for kind in ("filter", "test") for path in sorted((ROOT / "plugins" / kind).glob("*.py"))
]
READER = "kvm2"
CACHE = {
    "name": "Keep in the cache what was gathered",
    "ansible.builtin.set_fact": {
        "cacheable": True,
        "hostdev": "{{ lookup('ansible.builtin.file', 'gathered/' ~ inventory_hostname ~ '.json') | from_json }}",
    },
}


def asked():
    """The plays of each block of tasks, with the block that follows: language and text."""
    for number, (language, text) in enumerate(BLOCKS):
        if language == "yaml" and isinstance(yaml.safe_load(text), list):
            yield plays_of(yaml.safe_load(text)), BLOCKS[number + 1]


def plays_of(tasks_or_plays):
    """Tasks that are shown without a play are the reader's, on the host that the guide is about."""
    if "hosts" in tasks_or_plays[0]:
        return tasks_or_plays
    return [{"hosts": READER, "gather_facts": False, "tasks": tasks_or_plays}]


def examples(plugin):
    return yaml.safe_load(importlib.import_module(f"ansible_collections.kvm.hostdev.plugins.{plugin}").EXAMPLES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the guide's own settings and inventory, where what was gathered on fake roots is in the cache."""
    folder = tmp_path_factory.mktemp("site")
    (settings,) = [text for language, text in BLOCKS if language == "ini"]
    made = Site(folder, settings.replace("/var/cache/ansible", str(folder)))
    made.write("inventory/hosts.yml", {"kvm_hosts": {"hosts": dict.fromkeys(GPUS)}})
    (folder / "gathered").mkdir()
    write(folder / "gathered")
    made.play([{"hosts": "kvm_hosts", "gather_facts": False, "tasks": [CACHE]}])
    return made


def test_each_block_of_the_guide_is_one_that_is_tried():
    assert GUIDE.count("code-block::") == len(BLOCKS)
    assert {language for language, _text in BLOCKS} == {"yaml", "json", "ini"}
    answered = [answer for _plays, answer in asked()]
    assert [block for block in BLOCKS if block[0] == "json"] == answered
    others = [text for language, text in BLOCKS if language == "yaml" and not isinstance(yaml.safe_load(text), list)]
    assert [text.split("\n", 1)[0] for text in others] == ["plugin: ansible.builtin.constructed"]


@pytest.mark.parametrize(
    "title",
    ["Virtual functions of enp1s0:", "What blocks this one, whoever has it:", "Hosts with two free A100 on one node:"],
)
def test_what_is_asked_most_stands_in_one_line(title):
    shown = GUIDE.split(f"\n{title}\n", 1)[1].split(".. code-block:: json", 1)[0]
    assert shown.count("{{ ") == 1


def test_the_answers_of_the_guide_are_those_that_come(site):
    come = site.play([play for plays, _answer in asked() for play in plays])
    compared = 0
    for plays, (language, answer) in asked():
        names = [task["name"] for play in plays for task in play["tasks"]]
        messages = [told["result"]["msg"] for told in come if told["task"] in names and "msg" in told["result"]]
        assert (names, language) == (names, "json")
        assert (names, messages[-1]) == (names, json.loads(answer))
        compared += 1
    assert compared >= 12


def test_the_examples_of_the_plugins_run_and_find_something(site):
    tasks = [task for plugin in PLUGINS for task in examples(plugin)]
    come = site.play(plays_of(tasks))
    assert [told["task"] for told in come] == [task["name"] for task in tasks]
    for told in come:
        results = told["result"].get("results", [told["result"]])
        assert results, told
        assert all(result.get("msg") or result.get("ansible_facts") for result in results), told


def test_each_plugin_has_examples():
    assert {plugin: bool(examples(plugin)) for plugin in PLUGINS} == dict.fromkeys(PLUGINS, True)
    assert len(PLUGINS) == 12


def test_the_inventory_of_the_guide_has_the_groups(site):
    (constructed,) = [text for language, text in BLOCKS if language == "yaml" and text.startswith("plugin:")]
    site.write("inventory/models.yml", yaml.safe_load(constructed))
    site.write("inventory/hosts_more.yml", {"kvm_hosts": {"hosts": {"never_gathered": None}}})
    groups = json.loads(site.ansible("inventory", "--list"))
    members = {name: sorted(group["hosts"]) for name, group in groups.items() if group.get("hosts")}
    assert members["gpu_free"] == members["free_10de_20b2"] == ["kvm2", "kvm3"]
    assert members["free_8086_10ca"] == ["kvm1", "kvm2", "kvm3"]
    assert members["hostdev_unknown"] == ["never_gathered"]
    free = str(groups["_meta"]["hostvars"]["kvm1"]["free_functions"])
    assert re.findall(r"0000:01:10\.\d", free) == ["0000:01:10.2", "0000:01:10.4", "0000:01:10.6"]


def mistakes():
    rows = GUIDE.split("\nMistakes\n", 1)[1].split("\nGroups of hosts\n", 1)[0]
    return re.findall(r"^   \* - ``(.+)``$", rows, re.MULTILINE)


@pytest.mark.parametrize("expression", mistakes())
def test_the_mistakes_of_the_guide_are_errors(site, expression):
    facts = json.loads((site.folder / f"gathered/{READER}.json").read_text(encoding="utf-8"))
    with pytest.raises(AnsibleFilterError, match="^pci_query: .*; wanted: "):
        pci_query(facts, expression)


def test_the_guide_has_mistakes_of_many_kinds():
    assert len(mistakes()) == len(set(mistakes())) >= 10
