# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What owners of one run give back where constraints bind their devices: as few as possible, and none in vain."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner

ALL, CLAIM = "pci_passthrough", "pci_passthrough_claim"
VFS = [f"0000:01:10.{function}" for function in (0, 2, 4, 6)]
RAILS = [{"address": vf, "tags": {"rail": number % 2}} for number, vf in enumerate(VFS)]
NIC = {"name": "nic", "specs": ["8086:10ca"]}
ACROSS = {"requests": ["web1/nic", "db1/nic"], "match": "rail"}


@pytest.fixture
def runner(two_domains, monkeypatch, capsys):
    return Runner(two_domains, monkeypatch, capsys)


def held(runner):
    return {
        claim["owner"]["label"]: {device["request"]: device["address"] for device in claim["devices"]}
        for claim in runner.host.record["claims"]
    }


def of(domain, *requests, **options):
    return {"domain": domain, "requests": list(requests), **options}


def at(vf, name="nic"):
    return {"name": name, "specs": [{"address": vf}]}


def test_a_smaller_count_leaves_what_a_constraint_over_owners_needs(runner):
    runner.done(ALL, claims=[of("web1", {**NIC, "count": 2}), of("db1", at(VFS[3]))])
    claims = [of("web1", NIC), of("db1", at(VFS[3]))]
    runner.done(ALL, claims=claims, constraints=[ACROSS], device_spec=RAILS)
    assert held(runner) == {"web1": {"nic": VFS[1]}, "db1": {"nic": VFS[3]}}


def test_smaller_counts_of_both_owners_leave_what_a_constraint_over_them_needs(runner):
    two = {"name": "nic", "count": 2}
    specs = {"web1": [{"address": vf} for vf in VFS[:2]], "db1": [{"address": vf} for vf in VFS[2:]]}
    runner.done(ALL, claims=[of(name, {**two, "specs": its}) for name, its in specs.items()])
    apart = {"requests": ACROSS["requests"], "distinct": "rail"}
    claims = [of(name, {"name": "nic", "specs": its}) for name, its in specs.items()]
    runner.done(ALL, claims=claims, constraints=[apart], device_spec=RAILS)
    assert held(runner) == {"web1": {"nic": VFS[0]}, "db1": {"nic": VFS[3]}}


@pytest.mark.parametrize("first", [0, 1])
def test_a_device_that_can_stay_beside_what_others_ask_for_is_not_given_back(runner, first):
    """Alone, web1 would keep g and give n back; but db1 asks for the only one that goes with g."""
    runner.done(CLAIM, domain="web1", requests=[at(VFS[0], "g"), at(VFS[1], "n")])
    bound = [{"requests": ["g", "n"], "match": "rail"}]
    web = of("web1", {**NIC, "name": "g"}, {**NIC, "name": "n"}, constraints=bound, on_mismatch="replace")
    claims = [web, of("db1", at(VFS[2]))]
    done = runner.done(ALL, claims=[claims[first], claims[1 - first]], device_spec=RAILS)
    assert held(runner)["web1"] == {"g": VFS[3], "n": VFS[1]}
    assert not [step for step in done["plan"] if step.get("address") == VFS[1]]


def test_owners_that_may_replace_change_devices_where_constraints_want_it(runner):
    runner.done(ALL, claims=[of("web1", at(VFS[0], "g")), of("db1", at(VFS[1], "g"))])
    g = {"name": "g", "specs": [{"address": VFS[0]}, {"address": VFS[1]}]}
    bound = [{"requests": ["g", "n"], "match": "rail"}]
    claims = [of("web1", g, at(VFS[3], "n"), constraints=bound), of("db1", g, at(VFS[2], "n"), constraints=bound)]
    runner.done(ALL, claims=claims, on_mismatch="replace", device_spec=RAILS)
    assert held(runner) == {"web1": {"g": VFS[1], "n": VFS[3]}, "db1": {"g": VFS[0], "n": VFS[2]}}


def test_a_count_that_does_not_go_with_a_pair_of_owners_on_record_is_refused(runner):
    pair = {"requests": ["web1/nic", "db1/nic"], "match": "pcie_root", "pair": True}
    runner.done(ALL, claims=[of("web1", NIC), of("db1", NIC)], constraints=[pair])
    failed = runner.failed(CLAIM, domain="web1", requests=[{**NIC, "count": 2}])["error"]
    assert failed["code"] == "invalid_constraint"


def test_the_results_of_all_owners_tell_what_belongs_together(runner):
    wish = {"requests": ["nic"], "match": "pcie_root"}
    claims = [of("web1", {**NIC, "count": 2}, prefer=[wish]), of("db1", at(VFS[3]))]
    across = [{**ACROSS, "match": "slot"}, {"requests": ACROSS["requests"], "distinct": "iommu_group"}]
    done = runner.done(ALL, claims=claims, prefer=across)
    told = {owner["owner"]["label"]: owner["met"] for owner in done["owners"]}
    assert told == {"web1": [{**wish, "met": 1, "of": 1}], "db1": []}
    assert [(one["met"], one["of"]) for one in done["met"]] == [(3, 3), (3, 3)]
    assert (done["search"], done["changed"]) == ("complete", True)
    again = runner.done(ALL, claims=claims, prefer=across)
    assert (again["owners"][0]["met"], again["met"], again["changed"]) == (done["owners"][0]["met"], done["met"], False)


def test_a_tag_on_record_that_this_task_does_not_know_is_not_looked_at(runner):
    bound = [{"requests": ["a", "b"], "match": "rail"}]
    runner.done(CLAIM, domain="web1", requests=[at(VFS[0], "a"), at(VFS[2], "b")], constraints=bound, device_spec=RAILS)
    assert not runner.done(CLAIM, domain="web1", requests=[at(VFS[0], "a")])["changed"]


def test_what_is_not_as_it_was_wanted_most_is_in_the_message(runner):
    second = {"name": "nic", "first_available": [[{"serial": "gone"}], ["8086:10ca"]]}
    apart = {"requests": ["nic", "lan"], "distinct": "slot"}
    wanted = {"requests": [second, {**NIC, "name": "lan"}], "prefer": [apart]}
    claimed = runner.done(CLAIM, domain="web1", **wanted)
    told = "nic by its alternative 2 | 0 of 1 met: nic and lan are distinct in slot"
    assert claimed["msg"].endswith(told)
    assert runner.done(CLAIM, domain="web1", **wanted)["msg"].endswith(told)
    assert f"web1: {told.partition(' | ')[0]}" in runner.done(ALL, claims=[of("web1", *wanted["requests"])])["msg"]


def test_a_constraint_of_an_earlier_task_is_told_as_such(runner):
    bound = [{"requests": ["a", "b"], "distinct": "iommu_group"}]
    runner.done(CLAIM, domain="web1", requests=[at(VFS[0], "a"), at(VFS[1], "b")], constraints=bound)
    record = runner.host.record
    record["claims"][0]["constraints"] = [{"requests": ["a", "b"], "distinct": "slot"}]
    runner.host.write("/etc/ansible/facts.d/hostdev.fact", json.dumps(record))
    error = runner.failed(
        CLAIM, domain="web1", requests=[{"name": "a", "count": 2, "specs": [{"address": VFS[0]}, {"address": VFS[2]}]}]
    )["error"]
    assert (error["code"], "name all its requests" in error["remedy"]) == ("constraint_unmet", True)
