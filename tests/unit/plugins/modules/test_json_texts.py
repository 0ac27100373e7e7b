# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of mappings that are given as texts: by a survey, or by `-e NAME=TEXT`."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import DISK, NIC

ALL, CLAIM, FACTS = "pci_passthrough", "pci_passthrough_claim", "pci_facts"
IDS = [{"vendor_id": "8086", "product_id": "10ca"}, {"class": "0108"}]


@pytest.fixture
def runner(two_domains, monkeypatch, capsys):
    return Runner(two_domains, monkeypatch, capsys)


def test_every_list_of_a_claim_may_be_a_text(runner):
    given = {
        "requests": [{**NIC, "count": 1}, DISK],
        "device_spec": IDS,
        "aliases": [{"name": "nic", **IDS[0]}, {"name": "disk", "class": "0108"}],
        "limits": [{"most": 3, "per": "owner"}, {"labels": {"team": "vision"}, "most": 2}],
        "constraints": [{"requests": ["nic", "disk"], "distinct": "slot"}],
        "prefer": [{"requests": ["nic"], "match": "numa_node"}],
        "labels": {"team": "vision", "tier": "2"},
    }
    texts = {name: json.dumps(value) for name, value in given.items()}
    texts["requests"] = f" {texts['requests']}\n"
    assert runner.done(CLAIM, owner="a", **texts)["changed"] is True
    assert runner.done(CLAIM, owner="a", **given)["changed"] is False


def test_a_list_of_owners_and_one_of_specs_may_be_texts(runner):
    assert runner.done(ALL, claims=json.dumps([{"owner": "a", "requests": [DISK]}]))["changed"] is True
    assert runner.done(FACTS, specs=json.dumps(IDS))["changed"] is False


@pytest.mark.parametrize("text", ["[{name: nic, specs: [a, b]}]", "[{'name': 'nic'}]", "[" * 100_000, '[{"name": "a"}'])
@pytest.mark.parametrize("option", ["requests", "limits", "aliases", "device_spec", "constraints"])
def test_a_text_that_is_no_json_is_refused_with_how_to_give_it(runner, option, text):
    error = runner.failed(CLAIM, owner="a", **{"requests": [DISK], option: text})["error"]
    assert (error["code"], error["subject"], error["wanted"]) == ("invalid_option", option, "a list of mappings")
    assert "in double quotes" in error["remedy"]
    assert "-e '{" in error["remedy"]


def test_a_mapping_as_a_text_is_to_be_put_into_brackets(runner):
    told = runner.failed(CLAIM, owner="a", requests=json.dumps(DISK))
    assert "put it into brackets, requests: [{...}]" in told["msg"]


def test_texts_of_novas_form_stay_what_they_are(runner):
    aliases = [json.dumps({"name": "disk", "class": "0108"}), json.dumps({"name": "nic", **IDS[0]})]
    assert runner.done(CLAIM, owner="a", requests="disk:1, nic:1", aliases=aliases)["changed"] is True


def test_labels_may_be_given_as_name_and_value(runner):
    assert runner.done(CLAIM, owner="a", requests=[DISK], labels="team=vision")["changed"] is True


@pytest.mark.parametrize("text", ["vision", "[1]", "{team: vision}"])
def test_labels_that_are_none_are_refused_with_how_to_give_them(runner, text):
    told = runner.failed(CLAIM, owner="a", requests=[DISK], labels=text)
    assert told["msg"].startswith("labels: found a text that is neither JSON nor NAME=VALUE; wanted: a mapping;")
    assert told["error"]["subject"] == "labels"
