# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Constraints, wishes and alternatives as options of modules, and how they are kept from one task to the next."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import error
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, UUID
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner

ALL, CLAIM, RELEASE = "pci_passthrough", "pci_passthrough_claim", "pci_passthrough_release"
NIC = {"name": "nic", "specs": ["8086:10ca"]}
DISK = {"name": "disk", "address": "0000:04:00.0"}
# All functions of the lab host are below one root bus.
NEAR = {"requests": ["nic", "disk"], "match": "pcie_root"}
ONE_CARD = {"requests": ["nic"], "match": "slot"}


@pytest.fixture
def runner(two_domains, monkeypatch, capsys):
    return Runner(two_domains, monkeypatch, capsys)


def on_record(runner, key="constraints"):
    """What claims have of it, by their labels."""
    return {claim["owner"]["label"]: claim.get(key, []) for claim in runner.host.record["claims"]}


def test_constraints_are_on_record_in_the_result_and_in_the_facts(runner):
    asked = {"domain": "web1", "requests": [NIC, DISK], "constraints": [NEAR], "prefer": [ONE_CARD]}
    done = runner.done(CLAIM, **asked)
    assert (done["claim"]["constraints"], done["claim"]["prefer"]) == ([NEAR], [ONE_CARD])
    assert (on_record(runner), on_record(runner, "prefer")) == ({"web1": [NEAR]}, {"web1": [ONE_CARD]})
    (claim,) = runner.done("pci_facts", gather_subset=["claims"])["ansible_facts"]["hostdev"]["claims"]
    assert (claim["constraints"], claim["prefer"]) == ([NEAR], [ONE_CARD])
    assert runner.done(CLAIM, **asked)["changed"] is False


def test_tasks_for_some_requests_leave_constraints_and_one_for_all_of_them_decides(runner):
    runner.done(CLAIM, domain="web1", requests=[NIC, DISK], constraints=[NEAR])
    assert runner.done(CLAIM, domain="web1", requests=[NIC])["changed"] is False
    assert runner.done(CLAIM, domain="web1", requests=[NIC, DISK])["changed"] is True
    assert on_record(runner) == {"web1": []}


def test_a_release_of_a_request_takes_its_constraints_along(runner):
    runner.done(CLAIM, domain="web1", requests=[NIC, DISK], constraints=[NEAR], prefer=[ONE_CARD])
    runner.done(RELEASE, domain="web1", names=["disk"])
    assert (on_record(runner), on_record(runner, "prefer")) == ({"web1": []}, {"web1": [ONE_CARD]})


@pytest.mark.parametrize("name", ["constraints", "prefer"])
def test_a_misspelt_constraint_says_which_word_is_meant(runner, name):
    failed = runner.failed(CLAIM, domain="web1", requests=[NIC], **{name: [{"requests": ["nic"], "match": "slots"}]})
    assert failed["error"]["code"] == "invalid_constraint"
    assert failed["msg"].startswith(f"{name}[0].match: found 'slots'")
    assert failed["msg"].endswith("did you mean slot?")
    assert runner.host.record_or_none() is None


def test_a_tag_of_the_allow_list_is_an_attribute(runner):
    rail = {"requests": ["nic"], "match": "rail"}
    asked = {"domain": "web1", "requests": [NIC], "constraints": [rail]}
    assert runner.failed(CLAIM, **asked)["error"]["subject"] == "constraints[0].match"
    runner.done(CLAIM, **asked, device_spec=[{"class": "02", "tags": {"rail": 1}}])
    assert on_record(runner) == {"web1": [rail]}


def test_alternatives_are_on_record_and_a_second_run_changes_nothing(runner):
    asked = {"domain": "web1", "requests": [{"name": "nic", "first_available": [["8086:ffff"], ["8086:10ca"]]}]}
    done = runner.done(CLAIM, **asked)
    assert [device["request"] for device in done["devices"]] == ["nic"]
    (request,) = done["claim"]["requests"]
    assert [[spec["product_id"] for spec in specs] for specs in request["first_available"]] == [["ffff"], ["10ca"]]
    assert runner.done(CLAIM, **asked)["changed"] is False


# Several owners.

ACROSS = {"requests": ["web1/nic", "db1/nic"], "match": "pcie_root"}
KEPT = {"requests": [f"{UUID}/nic", f"{OTHER_UUID}/nic"], "match": "pcie_root"}
BOTH = [{"domain": name, "requests": [NIC]} for name in ("web1", "db1")]


def test_a_constraint_over_owners_is_kept_with_each_by_uuid(runner):
    runner.done(ALL, claims=BOTH, constraints=[ACROSS])
    assert on_record(runner) == {"web1": [KEPT], "db1": [KEPT]}
    assert runner.done(ALL, claims=BOTH, constraints=[ACROSS])["changed"] is False
    assert runner.done(CLAIM, domain="web1", requests=[NIC])["changed"] is False
    runner.done(ALL, claims=BOTH)
    assert on_record(runner) == {"web1": [], "db1": []}


def test_each_owner_of_the_data_has_its_own_constraints(runner):
    claims = [{"domain": "web1", "requests": [NIC, DISK], "constraints": [NEAR]}, {**BOTH[1], "prefer": [ONE_CARD]}]
    runner.done(ALL, claims=claims)
    assert on_record(runner) == {"web1": [NEAR], "db1": []}
    assert on_record(runner, "prefer") == {"web1": [], "db1": [ONE_CARD]}


def test_a_release_for_one_owner_takes_the_constraint_from_the_other_too(runner):
    runner.done(ALL, claims=BOTH, constraints=[ACROSS])
    runner.done(RELEASE, domain="db1")
    assert on_record(runner) == {"web1": []}


@pytest.mark.parametrize("write", range(1, 8))
def test_a_run_that_is_undone_leaves_what_owners_share(runner, write):
    runner.done(ALL, claims=BOTH, constraints=[ACROSS])
    before = on_record(runner)
    runner.host.kernel.fail(write, error(errno.EIO, "write"))
    runner.failed(ALL, claims=[{"domain": "web1", "requests": [NIC, DISK]}], purge=True)
    assert on_record(runner) == before
    runner.done(ALL, claims=[{"domain": "web1", "requests": [NIC, DISK]}], purge=True)
    assert on_record(runner) == {"web1": []}


def test_a_renamed_request_takes_what_is_shared_along(runner):
    runner.done(ALL, claims=BOTH, constraints=[ACROSS])
    renamed = [{"domain": "web1", "requests": [{**NIC, "name": "port"}]}, BOTH[1]]
    constraint = {**ACROSS, "requests": ["web1/port", "db1/nic"]}
    done = runner.done(ALL, claims=renamed, constraints=[constraint], purge=True)
    assert done["plan"] == []
    kept = {**KEPT, "requests": [f"{UUID}/port", f"{OTHER_UUID}/nic"]}
    assert on_record(runner) == {"web1": [kept], "db1": [kept]}


@pytest.mark.parametrize(
    ("options", "subject", "remedy"),
    [
        (
            {"claims": BOTH, "constraints": [{**ACROSS, "requests": ["web1/nic", "db2/nic"]}]},
            "constraints[0].requests[1]",
            "did you mean db1/nic?",
        ),
        (
            {"claims": BOTH, "prefer": [{**ACROSS, "requests": ["nic"]}]},
            "prefer[0].requests[0]",
            "say whose it is, such as web1/nic; what is over one owner alone may stand in its entry of claims",
        ),
        (
            {"claims": [BOTH[0], {**BOTH[1], "constraints": [{"requests": ["nick"], "match": "slot"}]}]},
            "claims[1] (db1): constraints[0].requests[0]",
            "did you mean nic?",
        ),
        (
            {"claims": [BOTH[0], {**BOTH[1], "constraints": [{"requests": ["nic"], "mtach": "slot"}]}]},
            "claims[1] (db1): constraints[0].mtach",
            "did you mean match?",
        ),
    ],
)
def test_what_can_not_be_meant_is_named_with_its_place(runner, options, subject, remedy):
    wrong = runner.failed(ALL, **options)["error"]
    assert (wrong["code"], wrong["subject"], wrong["remedy"]) == ("invalid_constraint", subject, remedy)
    assert runner.host.record_or_none() is None


@pytest.mark.parametrize("module", [CLAIM, ALL])
@pytest.mark.parametrize("option", ["constraints", "prefer"])
def test_a_constraint_that_stands_in_no_list_is_told_to_be_put_into_one(runner, module, option):
    wanted = {"domain": "web1", "requests": [NIC]} if module == CLAIM else {"claims": BOTH}
    wrong = runner.failed(module, **wanted, **{option: NEAR})
    assert (wrong["error"]["code"], wrong["error"]["remedy"]) == (
        "invalid_option",
        f"put it into brackets, {option}: [{{...}}]",
    )
    assert wrong["msg"].endswith(f"what to do: put it into brackets, {option}: [{{...}}].")


def test_a_tag_that_a_driver_of_the_host_tells_stays_a_held_device_s(runner):
    """The allow list knows a held device by the driver that it had."""
    rail = {"requests": ["nic"], "match": "rail"}
    device_spec = [{"driver": "igbvf", "tags": {"rail": 1}}]
    asked = {"domain": "web1", "requests": [NIC], "constraints": [rail], "device_spec": device_spec}
    runner.done(CLAIM, **asked)
    assert runner.done(CLAIM, **asked)["changed"] is False


VFS = [f"0000:01:10.{function}" for function in (0, 2, 4, 6)]
RAILS = [{"address": vf, "tags": {"rail": number % 2}} for number, vf in enumerate(VFS)]
ONE_RAIL = {"requests": ["web1/nic", "db1/nic"], "match": "rail"}


def held(runner):
    return {
        claim["owner"]["label"]: [device["address"] for device in claim["devices"]]
        for claim in runner.host.record["claims"]
    }


@pytest.mark.parametrize("first", ["web1", "db1"])
def test_devices_go_from_owners_alone_that_say_so(runner, first):
    runner.done(ALL, claims=BOTH, device_spec=RAILS)
    (before,) = held(runner)[first]
    claims = sorted(({**one, "on_mismatch": "replace" if one["domain"] != first else "fail"} for one in BOTH), key=str)
    runner.done(ALL, claims=claims, constraints=[ONE_RAIL], device_spec=RAILS)
    assert held(runner)[first] == [before]


def test_an_owner_that_would_have_to_give_a_device_back_is_named_whatever_others_say(runner):
    runner.done(ALL, claims=BOTH, device_spec=RAILS)
    before = runner.host.kept_state()
    named = {"domain": "db1", "requests": [{"name": "nic", "specs": [{"address": VFS[1]}]}], "on_mismatch": "replace"}
    failed = runner.failed(ALL, claims=[BOTH[0], named], constraints=[ONE_RAIL], device_spec=RAILS)["error"]
    assert (failed["code"], failed["subject"]) == ("held_device_mismatch", f"{VFS[0]}, held for web1/nic")
    assert runner.host.kept_state() == before
