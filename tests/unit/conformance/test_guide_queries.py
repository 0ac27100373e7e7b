# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide on queries is run as it is printed, and so are the plugins' examples, on cached facts of three hosts."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import ansible_collections
import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.filter.pci_query import pci_query
from ansible_collections.kvm.hostdev.tests.unit.helpers.fleet import write

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/docsite/rst/guide_queries.rst").read_text(encoding="utf-8")
BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?: {3}.*\n|\n)+)", re.MULTILINE)
BLOCKS = [(language, textwrap.dedent(text)) for language, text in BLOCK.findall(GUIDE)]
PLUGINS = [
    f"{kind}.{path.stem}" for kind in ("filter", "test") for path in sorted((ROOT / "plugins" / kind).glob("*.py"))
]
READER = "kvm2"
VFS = ["0000:01:10.2", "0000:01:10.4", "0000:01:10.6"]
CACHE = {
    "name": "Keep in the cache what was gathered",
    "ansible.builtin.set_fact": {
        "cacheable": True,
        "hostdev": "{{ lookup('ansible.builtin.file', playbook_dir ~ '/gathered/' ~ inventory_hostname ~ '.json') | from_json }}",
    },
}


def content(language):
    return [yaml.safe_load(text) for kind, text in BLOCKS if kind == language]


def plays_of(tasks_or_plays):
    """Tasks that are shown without a play are the reader's, on the host that the guide is about."""
    if "hosts" in tasks_or_plays[0]:
        return tasks_or_plays
    return [{"hosts": READER, "gather_facts": False, "tasks": tasks_or_plays}]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the guide's own settings and inventory, where what was gathered on fake roots is in the cache."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("gathered", "inventory"):
        (folder / name).mkdir()
    write(folder / "gathered")
    (settings,) = [text for language, text in BLOCKS if language == "ini"]
    (folder / "ansible.cfg").write_text(settings.replace("/var/cache/ansible", str(folder)), encoding="utf-8")
    (folder / "inventory/hosts.yml").write_text(
        yaml.safe_dump({"kvm_hosts": {"hosts": dict.fromkeys(("kvm1", "kvm2", "kvm3"))}}), encoding="utf-8"
    )
    (constructed,) = [block for block in content("yaml") if isinstance(block, dict)]
    (folder / "inventory/models.yml").write_text(yaml.safe_dump(constructed), encoding="utf-8")
    run(folder, [{"hosts": "kvm_hosts", "gather_facts": False, "tasks": [CACHE]}])
    return folder


def ansible(site, program, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", f"ansible.cli.{program}", "-i", "inventory", *arguments],
        cwd=site,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(os.path.dirname, ansible_collections.__path__)),
            "ANSIBLE_CONFIG": "ansible.cfg",
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/unit/helpers/callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "answers",
            "ANSWERS": str(site / "answers"),
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def run(site, plays):
    """What the tasks returned, in their order."""
    (site / "answers").unlink(missing_ok=True)
    (site / "playbook.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    output = ansible(site, "playbook", "playbook.yml").stdout
    assert "skipping" not in output
    return [json.loads(line) for line in (site / "answers").read_text(encoding="utf-8").splitlines()]


def test_the_answers_of_the_guide_are_those_that_come(site):
    asked = [
        (plays_of(yaml.safe_load(text)), BLOCKS[number + 1])
        for number, (language, text) in enumerate(BLOCKS)
        if language == "yaml" and isinstance(yaml.safe_load(text), list)
    ]
    assert len(asked) >= 12
    come = run(site, [play for plays, _answer in asked for play in plays])
    for plays, (language, answer) in asked:
        names = [task["name"] for play in plays for task in play["tasks"]]
        messages = [told["result"]["msg"] for told in come if told["task"] in names and "msg" in told["result"]]
        assert language == "json", names
        assert messages[-1] == json.loads(answer), names


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_examples_of_a_plugin_run_and_find_something(site, plugin):
    examples = yaml.safe_load(importlib.import_module(f"ansible_collections.kvm.hostdev.plugins.{plugin}").EXAMPLES)
    come = run(site, plays_of(examples))
    assert [told["task"] for told in come] == [task["name"] for task in examples]
    for told in come:
        results = told["result"].get("results", [told["result"]])
        assert results, told
        assert all(result.get("msg", True) or result.get("ansible_facts") for result in results), told


def test_the_inventory_of_the_guide_has_the_groups(site):
    groups = json.loads(ansible(site, "inventory", "--list").stdout)
    members = {name: sorted(group["hosts"]) for name, group in groups.items() if group.get("hosts")}
    assert members["gpu_free"] == members["free_10de_20b2"] == ["kvm2", "kvm3"]
    assert members["free_8086_10ca"] == ["kvm1", "kvm2", "kvm3"]
    assert "hostdev_unknown" not in members
    assert re.findall(r"0000:01:10\.\d", str(groups["_meta"]["hostvars"]["kvm1"]["hostdev_free"])) == VFS


def mistakes():
    rows = GUIDE.split("\nMistakes\n", 1)[1].split("\nGroups of hosts\n", 1)[0]
    return re.findall(r"^   \* - ``(.+)``$", rows, re.MULTILINE)


@pytest.mark.parametrize("expression", mistakes())
def test_the_mistakes_of_the_guide_are_errors(site, expression):
    facts = json.loads((site / f"gathered/{READER}.json").read_text(encoding="utf-8"))
    with pytest.raises(Exception, match="pci_query: .*what to do|pci_query: .*wanted"):
        pci_query(facts, expression)


def test_the_guide_has_mistakes_and_they_are_of_different_kinds():
    assert len(mistakes()) == len(set(mistakes())) >= 10
