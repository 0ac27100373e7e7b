# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner

MODULE, CLAIM = "pci_passthrough", "pci_passthrough_claim"
VF1, VF2 = "0000:01:10.0", "0000:01:10.2"
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    xml = domain_xml(name="db1", uuid=OTHER_UUID)
    lab_host.libvirt.define("db1", OTHER_UUID, config=xml, live=xml)
    return Runner(lab_host, monkeypatch, capsys)


def addresses(result):
    return {one["owner"]["label"]: [device["address"] for device in one["devices"]] for one in result["owners"]}


def test_the_result_has_a_part_for_each_owner_and_a_line_for_all(runner):
    claims = [{"domain": "web1", "requests": [NIC]}, {"owner": "dpdk0", "requests": [NIC]}]
    done = runner.done(MODULE, claims=claims, diff=True)
    assert done["changed"] is True
    assert addresses(done) == {"web1": [VF1], "dpdk0": [VF2]}
    assert [one["changed"] for one in done["owners"]] == [True, True]
    assert done["owners"][0]["msg"].startswith(f"web1: nic = {VF1} (8086:10ca), igbvf to vfio-pci")
    assert done["msg"] == " | ".join(one["msg"] for one in done["owners"])
    assert done["diff"][0]["before_header"] == "drivers"
    again = runner.done(MODULE, claims=claims)
    assert (again["changed"], again["plan"]) == (False, [])
    fewer = runner.done(MODULE, claims=claims[:1])
    dpdk0 = {"kind": "name", "id": "dpdk0", "label": "dpdk0"}
    assert (fewer["changed"], fewer["stale"]) == (False, [{"owner": dpdk0, "request": "nic"}])
    assert fewer["msg"].endswith(" | no longer named, and kept without a purge: dpdk0: nic")
    purged = runner.done(MODULE, claims=claims[:1], purge=True)
    assert addresses(purged) == {"dpdk0": [], "web1": [VF1]}
    assert purged["owners"][0]["given_back"] == [VF2]


def test_long_names_are_told_in_short_and_returned_whole(runner):
    name = "d" * 5000
    runner.done(MODULE, claims=[{"owner": name, "requests": [{**NIC, "name": "e" * 5000}]}])
    fewer = runner.done(MODULE, claims=[])
    owner = {"kind": "name", "id": name, "label": name}
    assert fewer["stale"] == [{"owner": owner, "request": "e" * 5000}]
    assert fewer["msg"].endswith(f"kept without a purge: {'d' * 40}...{'d' * 21}: {'e' * 40}...{'e' * 21}")


def test_long_names_that_begin_and_end_alike_are_told_apart(runner):
    names = ["d" * 50 + number + "d" * 50 for number in "12"]
    done = runner.done(MODULE, claims=[{"owner": name, "requests": [NIC]} for name in names])
    assert [one["msg"].partition(": ")[0] for one in done["owners"]] == [f"owner {name}" for name in names]


def test_an_error_tells_of_a_long_name_both_ends(runner):
    error = runner.failed(MODULE, claims=[{"owner": "d" * 5000, "requests": [{**NIC, "count": 20}]}])["error"]
    assert error["subject"] == f"claims[0] ({'d' * 40}...{'d' * 21}): request nic"


def test_a_request_may_have_any_name_and_the_record_is_read_again(runner):
    claims = [{"owner": "dpdk0", "requests": [{**NIC, "name": "the nic / é"}]}]
    runner.done(MODULE, claims=claims)
    assert runner.done(MODULE, claims=claims)["changed"] is False
    assert addresses(runner.done(MODULE, claims=[], purge=True)) == {"dpdk0": []}


def test_no_claims_at_all_are_not_the_empty_list(runner):
    runner.done(MODULE, claims=[{"domain": "web1", "requests": [NIC]}])
    for nothing in ({}, {"claims": None}):
        assert "claims" in runner.failed(MODULE, purge=True, **nothing)["msg"]
    assert runner.host.record["claims"]


def test_what_an_entry_says_goes_before_what_is_said_of_all(runner):
    claims = [{"domain": "web1", "requests": [NIC]}, {"domain": "db1", "requests": [NIC], "attach": ["config", "live"]}]
    runner.done(MODULE, claims=claims, attach=["config"], managed=False)
    places = {claim["owner"]["label"]: claim["devices"][0]["attach"] for claim in runner.host.record["claims"]}
    assert places == {"web1": ["config"], "db1": ["config", "live"]}
    assert runner.host.domain.xml[2].count("managed='no'") + runner.host.domain.xml[2].count('managed="no"') == 1


def test_a_domain_that_is_named_twice_by_name_and_uuid_is_refused(runner):
    claims = [{"domain": "web1", "requests": [NIC]}, {"domain": UUID, "requests": [{**NIC, "name": "other"}]}]
    error = runner.failed(MODULE, claims=claims)["error"]
    assert (error["code"], error["subject"]) == ("invalid_option", "claims[1] (web1)")
    assert runner.host.record_or_none() is None


@pytest.mark.parametrize(
    ("claim", "subject"),
    [
        (
            {"requests": [{"name": "nic", "specs": [{"vendor": "8086"}]}]},
            "claims[0] (web1): requests[0].specs[0].vendor",
        ),
        ({"requests": [NIC], "allow": ["root_disc"]}, "claims[0] (web1): allow"),
        ({"requests": [NIC], "numa_cells": [-1]}, "claims[0] (web1): numa_cells[0]"),
        ({"requests": [NIC], "group_members": {"a": 1}}, "claims[0] (web1): group_members"),
    ],
)
def test_a_mistake_is_told_by_the_entry_and_its_owner(runner, claim, subject):
    error = runner.failed(MODULE, claims=[{"domain": "web1", **claim}])["error"]
    assert error["subject"] == subject
    assert runner.host.record_or_none() is None


def test_devices_that_can_not_come_back_are_told_by_the_entry_and_its_owner(runner):
    claims = [{"domain": "web1", "requests": [NIC]}, {"owner": "dpdk0", "requests": [NIC], "persist": True}]
    error = runner.failed(MODULE, claims=claims)["error"]
    assert (error["code"], error["subject"].split(": ")[0]) == ("persist_failed", "claims[1] (dpdk0)")
    assert runner.host.record_or_none() is None


def test_a_domain_and_a_free_owner_of_one_label_are_told_apart(runner):
    domain = {"kind": "domain", "id": UUID, "label": "web1"}
    claims = [{"owner": "web1", "requests": [NIC]}, {"domain": "web1", "requests": [NIC]}]
    told = runner.done(MODULE, claims=claims)["msg"]
    assert [part.split(": ")[0] for part in told.split(" | ")] == ["owner web1", f"domain web1 ({UUID})"]
    fewer = runner.done(MODULE, claims=claims[:1])
    assert fewer["stale"] == [{"owner": domain, "request": "nic"}]
    assert fewer["owners"][0]["msg"].startswith("owner web1: ")
    assert fewer["msg"].endswith(f" | no longer named, and kept without a purge: domain web1 ({UUID}): nic")


def test_what_was_claimed_otherwise_and_is_not_in_the_data_is_told_and_stays(runner):
    runner.done(CLAIM, owner="dpdk0", requests=[NIC])
    done = runner.done(MODULE, claims=[{"domain": "web1", "requests": [NIC]}], purge=True)
    dpdk0 = {"kind": "name", "id": "dpdk0", "label": "dpdk0"}
    assert done["undeclared"] == [{"owner": dpdk0, "request": "nic"}]
    assert done["msg"].endswith(" | not named, and kept since it was claimed otherwise: dpdk0: nic")
    assert runner.warnings == []
    named = runner.done(MODULE, claims=[{"owner": "dpdk0", "requests": [NIC]}])
    assert named["undeclared"] == []


def test_an_entry_needs_an_owner_and_only_one(runner):
    good = {"domain": "web1", "requests": [NIC]}
    both = {"domain": "db1", "owner": "x"}
    for wrong, found, remedy in (
        ({}, "neither domain nor owner", "give a libvirt domain as domain, or a free name as owner"),
        (both, "db1 and x, ", "leave one of them out"),
    ):
        error = runner.failed(MODULE, claims=[good, {"requests": [NIC], **wrong}])["error"]
        assert (error["code"], error["subject"]) == ("invalid_option", "claims[1]")
        assert found in error["found"]
        assert error["remedy"] == remedy
    assert runner.host.record_or_none() is None


def test_a_domain_that_there_is_not_changes_nothing_for_others(runner):
    claims = [{"domain": "web1", "requests": [NIC]}, {"domain": "web11", "requests": [NIC]}]
    error = runner.failed(MODULE, claims=claims)["error"]
    assert (error["code"], error["subject"]) == ("unknown_domain", "claims[1] (web11): domain web11")
    assert runner.host.record_or_none() is None


def test_orphans_and_domains_need_libvirt_and_free_owners_do_not(runner):
    runner.without_binding()
    assert runner.failed(MODULE, claims=[], orphans=True)["error"]["code"] == "libvirt_python_missing"
    assert runner.done(MODULE, claims=[{"owner": "dpdk0", "requests": [NIC]}], purge=True)["changed"] is True
