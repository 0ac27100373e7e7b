# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebooks have one set of rules, whose variables and keys are those of guide and messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.message import State, message
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.seen import Seen
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.settings import EventSettings
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import host

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/docsite/rst/guide_events.rst").read_text(encoding="utf-8")
BOOKS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "extensions/eda/rulebooks").glob("*.yml")}


def rules(name):
    (ruleset,) = yaml.safe_load(BOOKS[name])
    return ruleset["rules"]


def test_all_have_the_same_rules_but_for_what_reconciles():
    assert sorted(BOOKS) == ["drift", "drift_awx", "drift_cached_facts"]
    assert rules("drift") == rules("drift_cached_facts")
    of_awx, others = rules("drift_awx"), rules("drift")
    actions = [next(iter(first.pop("action"))) for first in (of_awx[0], others[0])]
    assert (actions, of_awx) == (["run_job_template", "run_playbook"], others)


@pytest.mark.parametrize("name", BOOKS)
def test_each_variable_is_named_at_the_top_and_in_the_guide(name):
    comment, _line, body = BOOKS[name].partition("\n- name:")
    used = set(re.findall(r"\bhostdev_events_\w+", body))
    assert used == set(re.findall(r"^#   (hostdev_events_\w+):", comment, re.MULTILINE))
    assert used <= set(re.findall(r"^   (hostdev_events_\w+):", GUIDE, re.MULTILINE))


def test_rules_and_guide_have_the_keys_of_messages():
    told = message(State(host(), Tracker(), [], Seen(), "2026-11-28T12:00:00Z"), EventSettings("", "kvm1", 300))
    asked = {key for book in BOOKS.values() for key in re.findall(r"event\.payload\.(\w+)", book)}
    assert asked <= set(told)
    assert {key for book in BOOKS.values() for key in re.findall(r"payload\.counts\.(\w+)", book)} <= set(
        told["counts"]
    )
    table = GUIDE.partition("   * - Key\n")[2].partition("\nA device is known")[0]
    firsts = re.findall(r"^   \* - (``.*)", table, re.MULTILINE)
    assert [key for first in firsts for key in re.findall("``([a-z_]+)``", first)] == list(told)
