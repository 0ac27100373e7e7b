# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits as an option of modules: how many devices owners may hold on a host, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.host import ChangingHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, ready, usb
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import DISK, NIC, NVME, VF1, VF2

ALL, CLAIM, RELEASE = "pci_passthrough", "pci_passthrough_claim", "pci_passthrough_release"
BEGUN = "2020-03-02T08:00:00Z"  # where the host's clock stands at first


@pytest.fixture
def runner(two_domains, monkeypatch, capsys):
    return Runner(two_domains, monkeypatch, capsys)


def passes(runner, *, hours):
    runner.host.seconds += hours * 3600


def nics(count):
    return [{**NIC, "count": count}]


def holds(runner):
    """What each owner holds, by its label: addresses with since and until."""
    return {
        claim["owner"]["label"]: {held["address"]: (held.get("since"), held.get("until")) for held in claim["devices"]}
        for claim in runner.host.record["claims"]
    }


def count(runner):
    return {label: len(held) for label, held in holds(runner).items()}


# How many.


def test_a_claim_above_the_limit_is_refused_with_who_holds_what_and_changes_nothing(runner):
    limits = [{"owners": "ci-*", "specs": NIC["specs"], "most": 2}]
    runner.done(CLAIM, owner="ci-1", requests=nics(2), limits=limits)
    passes(runner, hours=1)
    before = runner.host.record
    error = runner.failed(CLAIM, owner="ci-2", requests=nics(1), limits=limits)["error"]
    assert (error["code"], error["subject"]) == ("limit_reached", "limits[0] (owners ci-*, by specs)")
    assert error["found"] == f"ci-2 wants 1, and 2 of 2 are held: ci-1 holds 2 since {BEGUN}"
    assert error["remedy"] == "release what is no longer needed, or ask for fewer devices, or set most to more than 2"
    assert [(held["owner"]["label"], len(held["devices"]), held["wanted"]) for held in error["held"]] == [
        ("ci-1", 2, 0),
        ("ci-2", 0, 1),
    ]
    assert runner.host.record == before


def test_owners_and_devices_that_a_limit_does_not_cover_are_free(runner):
    limits = [{"owners": ["ci-*"], "specs": NIC["specs"], "most": 0}]
    runner.done(CLAIM, owner="dpdk0", requests=nics(1), limits=limits)
    runner.done(CLAIM, owner="ci-1", requests=[DISK], limits=limits)
    assert runner.failed(CLAIM, owner="ci-1", requests=nics(1), limits=limits)["error"]["code"] == "limit_reached"


def test_per_owner_each_has_the_limit_to_itself(runner):
    limits = [{"specs": NIC["specs"], "most": 1, "per": "owner"}]
    for owner in ("ci-1", "ci-2"):
        runner.done(CLAIM, owner=owner, requests=nics(1), limits=limits)
    error = runner.failed(CLAIM, owner="ci-2", requests=nics(2), limits=limits)["error"]
    assert error["found"].startswith("ci-2 wants 1 more, and 1 of 1 are held: ci-2 holds 1 since")
    assert count(runner) == {"ci-1": 1, "ci-2": 1}


def test_an_alias_counts_what_it_is_for_however_that_was_asked_for(runner):
    aliases = [{"name": "vf", "vendor_id": "8086", "product_id": "10ca"}]
    limits = [{"alias": "vf", "most": 1}]
    runner.done(CLAIM, owner="dpdk0", requests=[{"name": "mine", "address": VF1}])
    asked = {"requests": [{"name": "nic", "alias": "vf"}], "aliases": aliases, "limits": limits}
    assert runner.failed(CLAIM, owner="ci-1", **asked)["error"]["code"] == "limit_reached"


def test_a_domain_is_covered_by_its_name_and_by_its_uuid(runner):
    for pattern in ("web*", UUID):
        failed = runner.failed(CLAIM, domain="web1", requests=nics(1), limits=[{"owners": pattern, "most": 0}])
        assert failed["error"]["code"] == "limit_reached"


def test_a_lower_limit_than_what_is_held_takes_nothing_and_refuses_more(runner):
    runner.done(CLAIM, owner="ci-1", requests=nics(2))
    limits = [{"owners": "ci-*", "most": 1}]
    assert runner.done(CLAIM, owner="ci-1", requests=nics(2), limits=limits)["changed"] is False
    assert runner.failed(CLAIM, owner="ci-1", requests=nics(3), limits=limits)["error"]["code"] == "limit_reached"
    runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=limits)
    assert count(runner) == {"ci-1": 1}


def test_labels_are_on_record_and_limits_go_by_them(runner):
    limits = [{"labels": {"team": "vision"}, "most": 1}]
    runner.done(CLAIM, owner="a", requests=nics(1), labels={"team": "vision", "tier": 2}, limits=limits)
    assert runner.host.record["claims"][0]["labels"] == {"team": "vision", "tier": "2"}
    runner.done(CLAIM, owner="b", requests=nics(1), labels={"team": "speech"}, limits=limits)
    told = runner.failed(CLAIM, owner="b", requests=nics(1), labels={"team": "vision"}, limits=limits)["error"]
    assert told["code"] == "limit_reached"
    assert runner.done(CLAIM, owner="a", requests=nics(1), limits=limits)["changed"] is False
    assert runner.done(CLAIM, owner="a", requests=nics(1), labels={}, limits=limits)["changed"] is True
    assert "labels" not in next(one for one in runner.host.record["claims"] if one["owner"]["label"] == "a")


def test_a_release_of_a_part_keeps_the_labels(runner):
    runner.done(CLAIM, owner="a", requests=[NIC, DISK], labels={"team": "vision"})
    runner.done(RELEASE, owner="a", names=["disk"])
    assert runner.host.record["claims"][0]["labels"] == {"team": "vision"}


# All owners of a host.


def test_all_owners_of_a_task_count_together_and_none_is_served_above(runner):
    limits = [{"specs": NIC["specs"], "most": 2}]
    claims = [{"owner": name, "requests": nics(1)} for name in ("a", "b", "c")]
    error = runner.failed(ALL, claims=claims, limits=limits)["error"]
    assert (error["code"], error["found"]) == ("limit_reached", "a wants 1; b wants 1; c wants 1, and 0 of 2 are held")
    assert runner.host.record_or_none() is None
    runner.done(ALL, claims=claims[:2], limits=limits)
    assert runner.done(ALL, claims=claims[:2], limits=limits)["changed"] is False


def test_what_goes_back_in_the_same_task_is_free_for_others(runner):
    limits = [{"specs": NIC["specs"], "most": 2}]
    runner.done(ALL, claims=[{"owner": "a", "requests": nics(2)}], limits=limits)
    claims = [{"owner": "a", "requests": nics(1)}, {"owner": "b", "requests": nics(1)}]
    runner.done(ALL, claims=claims, limits=limits)
    assert count(runner) == {"a": 1, "b": 1}
    runner.done(ALL, claims=[{"owner": "b", "requests": nics(2)}], purge=True, limits=limits)
    assert count(runner) == {"b": 2}


# Until when.


def test_a_duration_counts_from_the_claim_and_a_repeat_does_not_prolong_it(runner):
    limits = [{"owners": "ci-*", "until": "8h"}]
    runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=limits)
    assert holds(runner) == {"ci-1": {VF1: (BEGUN, "2020-03-02T16:00:00Z")}}
    passes(runner, hours=2)
    assert runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=limits)["changed"] is False
    runner.done(CLAIM, owner="ci-1", requests=nics(2), limits=limits)
    assert holds(runner)["ci-1"][VF2] == ("2020-03-02T10:00:00Z", "2020-03-02T18:00:00Z")
    assert holds(runner)["ci-1"][VF1] == (BEGUN, "2020-03-02T16:00:00Z")


def test_another_duration_is_what_prolongs_a_claim_and_a_task_without_limits_leaves_it(runner):
    runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=[{"until": "8h"}])
    passes(runner, hours=2)
    assert runner.done(CLAIM, owner="ci-1", requests=nics(1))["changed"] is False
    assert runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=[{"until": "1d"}], check=True)["changed"] is True
    assert runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=[{"until": "1d"}])["changed"] is True
    assert holds(runner)["ci-1"] == {VF1: (BEGUN, "2020-03-03T08:00:00Z")}
    assert runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=[])["changed"] is True
    assert holds(runner)["ci-1"] == {VF1: (BEGUN, None)}


def test_results_say_when_devices_are_due_back(runner):
    limits = [{"specs": NIC["specs"], "until": "8h"}]
    done = runner.done(CLAIM, owner="a", requests=[NIC, DISK], limits=limits)
    assert done["msg"].endswith(" | due back 2020-03-02T16:00:00Z")
    assert [held.get("until") for held in done["devices"]] == ["2020-03-02T16:00:00Z", None]
    assert "due back" not in runner.done(CLAIM, owner="a", requests=[NIC, DISK], limits=limits)["msg"]
    claims = [{"owner": "a", "requests": [NIC, DISK]}, {"owner": "b", "requests": nics(1)}]
    assert runner.done(ALL, claims=claims, limits=limits)["msg"].endswith(" | b: due back 2020-03-02T16:00:00Z")


def test_of_several_limits_the_first_time_counts(runner):
    limits = [{"until": "2026-12-01T00:00:00+01:00"}, {"until": "2d"}, {"specs": [{"class": "0108"}], "until": "1h"}]
    runner.done(CLAIM, owner="a", requests=[NIC, DISK], limits=limits)
    assert {address: until for address, (_since, until) in holds(runner)["a"].items()} == {
        VF1: "2020-03-04T08:00:00Z",
        NVME: "2020-03-02T09:00:00Z",
    }


def test_after_the_time_of_a_limit_nothing_new_is_claimed(runner):
    limits = [{"until": "2020-03-02T09:00:00Z"}]
    runner.done(CLAIM, owner="a", requests=nics(1), limits=limits)
    passes(runner, hours=1)
    assert runner.done(CLAIM, owner="a", requests=nics(1), limits=limits)["changed"] is False
    error = runner.failed(CLAIM, owner="b", requests=nics(1), limits=limits)["error"]
    assert error["code"] == "limit_reached"
    assert error["found"] == "b wants 1, and the time of the limit was over at 2020-03-02T09:00:00Z"


def test_devices_of_a_record_without_times_count_from_the_first_task_that_says_how_long(runner):
    runner.done(CLAIM, owner="a", requests=nics(1))
    record = runner.host.file.read()
    (claim,) = record.tracker
    record.tracker.put(replace(claim, holdings={VF1: replace(claim.holdings[VF1], since=None)}))
    runner.host.file.write(record)
    assert runner.done(CLAIM, owner="a", requests=nics(1))["changed"] is False
    passes(runner, hours=1)
    for _time in range(2):
        runner.done(CLAIM, owner="a", requests=nics(1), limits=[{"until": "1h"}])
        assert holds(runner)["a"] == {VF1: ("2020-03-02T09:00:00Z", "2020-03-02T10:00:00Z")}
        passes(runner, hours=1)


def test_adopted_devices_count_and_have_the_time_of_their_adoption(runner):
    runner.host.domain.xml.update({LIVE: None, CONFIG: domain_xml(hostdev_xml(VF1, managed=True))})
    runner.done("pci_adopt", vfs=False)
    assert holds(runner) == {"web1": {VF1: (BEGUN, None)}}
    passes(runner, hours=1)
    assert runner.done("pci_adopt", vfs=False)["changed"] is False
    limits = [{"specs": NIC["specs"], "most": 1}]
    assert runner.failed(CLAIM, owner="a", requests=nics(1), limits=limits)["error"]["code"] == "limit_reached"
    runner.done("pci_reconcile")
    assert holds(runner) == {"web1": {VF1: (BEGUN, None)}}


def test_what_was_given_back_is_free_and_has_a_time_of_its_own_for_the_next_one(runner):
    limits = [{"specs": NIC["specs"], "most": 1, "until": "1h"}]
    runner.done(CLAIM, owner="a", requests=nics(1), limits=limits)
    runner.done(RELEASE, owner="a")
    passes(runner, hours=3)
    runner.done(CLAIM, owner="b", requests=nics(1), limits=limits)
    assert holds(runner) == {"b": {VF1: ("2020-03-02T11:00:00Z", "2020-03-02T12:00:00Z")}}


def test_another_device_in_place_of_one_is_no_more_and_has_its_own_time(runner):
    limits = [{"specs": NIC["specs"], "most": 1, "until": "4h"}]
    runner.done(CLAIM, owner="a", requests=[{"name": "nic", "address": VF1}], limits=limits)
    passes(runner, hours=1)
    changed = [{"name": "nic", "address": VF2}]
    runner.done(CLAIM, owner="a", requests=changed, limits=limits, on_mismatch="replace")
    assert holds(runner) == {"a": {VF2: ("2020-03-02T09:00:00Z", "2020-03-02T13:00:00Z")}}


def test_usb_devices_have_times_and_go_back_when_they_are_overdue(runner):
    plug(runner.host, usb("3-1", 2))
    ready(runner.host)
    stick = {"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666"}}
    runner.done(CLAIM, domain="web1", requests=[stick, NIC], limits=[{"until": "1h"}])
    runner.done(CLAIM, domain="web1", requests=[NIC], limits=[{"until": "5h"}])
    (claim,) = runner.host.record["claims"]
    assert [(held["since"], held["until"]) for held in claim["node_devices"]] == [(BEGUN, "2020-03-02T09:00:00Z")]
    passes(runner, hours=2)
    done = runner.done(RELEASE, expired=True)
    assert ([one["name"] for one in done["node_devices"]], done["devices"]) == (["usb_3_1"], [])


def test_what_one_owner_can_not_give_back_keeps_nobody_elses(runner):
    for owner in ({"domain": "web1"}, {"owner": "ci-1"}):
        runner.done(CLAIM, **owner, requests=nics(1), limits=[{"until": "1h"}])
    passes(runner, hours=2)
    runner.host.libvirt.deaf = True
    failed = runner.failed(RELEASE, expired=True, detach_timeout=0)
    assert failed["error"]["code"] == "detach_timeout"
    assert count(runner) == {"web1": 1}


def test_no_domain_is_stopped_hard_that_is_not_named(runner):
    error = runner.failed(RELEASE, expired=True, on_detach_timeout="force")["error"]
    assert (error["code"], error["subject"]) == ("invalid_option", "on_detach_timeout")


# What is overdue.


def test_what_is_overdue_goes_back_alone(runner):
    runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=[{"until": "1h"}])
    runner.done(CLAIM, owner="ci-2", requests=nics(1), limits=[{"until": "3h"}])
    assert runner.done(RELEASE, expired=True)["changed"] is False
    passes(runner, hours=1)
    runner.done(CLAIM, owner="ci-1", requests=nics(2), limits=[{"until": "1h"}])
    before = runner.host.record
    foretold = runner.done(RELEASE, expired=True, check=True, diff=True)
    assert runner.host.record == before
    done = runner.done(RELEASE, expired=True, diff=True)
    assert (foretold["changed"], foretold["diff"]) == (done["changed"], done["diff"])
    assert [device["address"] for device in done["devices"]] == [VF1]
    assert count(runner) == {"ci-1": 1, "ci-2": 1}
    assert runner.done(RELEASE, expired=True)["changed"] is False


def test_an_owner_may_be_named_whose_overdue_devices_go_back(runner):
    for owner in ("ci-1", "ci-2"):
        runner.done(CLAIM, owner=owner, requests=nics(1), limits=[{"until": "1h"}])
    passes(runner, hours=5)
    runner.done(RELEASE, owner="ci-2", expired=True)
    assert count(runner) == {"ci-1": 1}


def test_a_refusal_says_what_is_overdue(runner):
    limits = [{"most": 1, "until": "1h"}]
    runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=limits)
    passes(runner, hours=2)
    error = runner.failed(CLAIM, owner="ci-2", requests=nics(1), limits=limits)["error"]
    assert "ci-1 holds 1 since 2020-03-02T08:00:00Z, due back 2020-03-02T09:00:00Z" in error["found"]
    assert error["remedy"].startswith("give back what is overdue (1) by pci_passthrough_release with expired: true")


@pytest.mark.parametrize("beside", [{"names": ["nic"], "owner": "a"}, {"addresses": [VF1]}, {"orphans": True}])
def test_what_is_overdue_is_the_records_word_alone(runner, beside):
    error = runner.failed(RELEASE, expired=True, **beside)["error"]
    assert (error["code"], error["subject"]) == ("invalid_option", "expired")


def test_facts_show_since_when_and_what_is_overdue(runner):
    limits = [{"specs": NIC["specs"], "until": "1h"}]
    runner.done(CLAIM, owner="a", requests=[NIC, DISK], labels={"team": "x"}, limits=limits)
    (claim,) = runner.done("pci_facts", gather_subset=["claims"])["ansible_facts"]["hostdev"]["claims"]
    assert claim["labels"] == {"team": "x"}
    assert claim["overdue"] == [VF1]  # the facts are of today, long after
    assert [(held["since"], held.get("until")) for held in claim["devices"]] == [
        (BEGUN, "2020-03-02T09:00:00Z"),
        (BEGUN, None),
    ]
    facts = runner.done("pci_facts", gather_subset=["devices"], expired=True)["ansible_facts"]["hostdev"]
    assert [device["address"] for device in facts["devices"]] == [VF1]


# Misuse.


@pytest.mark.parametrize(
    ("limit", "subject", "meant"),
    [
        ({"owner": "ci-*", "most": 1}, "limits[0].owner", "did you mean owners?"),
        ({"most": 1, "per": "owners"}, "limits[0].per", "did you mean owner?"),
        ({"until": "8 hours"}, "limits[0].until", "did you mean 8h?"),
        (
            {"until": "2026-12-01"},
            "limits[0].until",
            "did you mean 2026-12-01T00:00:00+00:00, in UTC, or the same with an offset of yours?",
        ),
        (
            {"until": "2026-12-01 18:00:00"},
            "limits[0].until",
            "did you mean 2026-12-01T18:00:00+00:00, in UTC, or the same with an offset of yours?",
        ),
        ({"most": -1}, "limits[0].most", ""),
        ({"owners": "ci-*"}, "limits[0]", ""),
        ({"per": "owner", "until": "1h"}, "limits[0].per", "add most"),
        ({"owners": [], "most": 1}, "limits[0].owners", "leave it out"),
        ({"owners": {"a": 1}, "most": 1}, "limits[0].owners", "leave it out"),
        ({"labels": ["team"], "most": 1}, "limits[0].labels", ""),
        ({"labels": {"team": None}, "most": 1}, "limits[0].labels.team", ""),
        ({"specs": [], "most": 1}, "limits[0].specs", "leave it out"),
        ({"specs": [{"class": "02"}], "alias": "a", "most": 1}, "limits[0].specs", "two limits"),
        ("ci-*", "limits[0]", ""),
    ],
)
def test_a_limit_that_can_not_be_meant_says_what_may_be(runner, limit, subject, meant):
    error = runner.failed(CLAIM, owner="a", requests=nics(1), limits=[limit])["error"]
    assert (error["code"], error["subject"]) == ("invalid_limit", subject)
    assert error["wanted"]
    assert error["remedy"]
    assert meant in error["remedy"]


def test_an_unknown_alias_of_a_limit_says_which_is_meant(runner):
    asked = {"aliases": [{"name": "a100", "vendor_id": "10de", "product_id": "20b2"}]}
    error = runner.failed(CLAIM, owner="a", requests=nics(1), limits=[{"alias": "a10", "most": 1}], **asked)["error"]
    assert (error["code"], error["subject"]) == ("unknown_alias", "limits[0].alias")
    assert error["remedy"] == "did you mean a100?"


def test_labels_that_are_none_are_refused(runner):
    error = runner.failed(CLAIM, owner="a", requests=nics(1), labels={"team": ["x"]})["error"]
    assert (error["code"], error["subject"]) == ("invalid_option", "labels.team")


# What a run makes of what was there.


def test_a_clock_that_goes_back_within_a_run_gives_back_what_was_overdue_and_nothing_else(runner, monkeypatch):
    for owner in ("ci-1", "ci-2"):
        runner.done(CLAIM, owner=owner, requests=nics(1), limits=[{"until": "1h"}])
    runner.done(CLAIM, owner="ci-2", requests=[DISK], limits=[{"until": "30d"}])
    late = runner.host.seconds + 3600
    ticks = iter([late] + [late - 10] * 20)
    monkeypatch.setattr(ChangingHost, "clock", lambda _host: next(ticks))
    runner.done(RELEASE, expired=True)
    assert {owner: list(held) for owner, held in holds(runner).items()} == {"ci-2": [NVME]}


def one(owner, *requests, **more):
    return [{"owner": owner, "requests": list(requests), **more}]


def test_labels_go_on_where_all_devices_of_an_owner_are_exchanged(runner):
    limits = [{"labels": {"team": "vision"}, "specs": NIC["specs"], "most": 1, "until": "1h"}]
    first = one("ci-1", {"name": "n", "address": VF1}, labels={"team": "vision"})
    runner.done(ALL, claims=first, limits=limits)
    more = one("ci-1", {"name": "other", "specs": ["8086:10ca"], "count": 3})
    assert runner.failed(ALL, claims=more, purge=True, limits=limits)["error"]["code"] == "limit_reached"
    runner.done(ALL, claims=one("ci-1", {"name": "n", "address": VF2}), on_mismatch="replace", limits=limits)
    assert runner.host.record["claims"][0]["labels"] == {"team": "vision"}
    assert holds(runner)["ci-1"][VF2][1] is not None


def test_a_request_of_another_name_and_specs_does_not_prolong_what_serves_it(runner):
    runner.done(ALL, claims=one("ci-1", {"name": "x", "specs": NIC["specs"]}), limits=[{"until": "8h"}])
    first = holds(runner)
    passes(runner, hours=7)
    renamed = one("ci-1", {"name": "y", "specs": [{"vendor_id": "8086", "device_type": "type-VF"}]})
    runner.done(ALL, claims=renamed, purge=True, limits=[{"until": "8h"}])
    assert holds(runner) == first
    runner.done(ALL, claims=one("ci-1", {"name": "z", "specs": NIC["specs"]}), purge=True)
    assert holds(runner) == first


def test_after_the_time_of_a_limit_no_device_changes_hands_or_is_exchanged(runner):
    limits = [{"until": "2020-03-02T09:00:00Z"}]
    runner.done(ALL, claims=one("ci-1", {"name": "n", "address": VF1}), limits=limits)
    passes(runner, hours=2)
    handed = one("ci-2", {"name": "n", "address": VF1})
    assert runner.failed(ALL, claims=handed, purge=True, limits=limits)["error"]["code"] == "limit_reached"
    other = {"requests": [{"name": "n", "address": VF2}], "on_mismatch": "replace"}
    assert runner.failed(CLAIM, owner="ci-1", **other, limits=limits)["error"]["code"] == "limit_reached"


def test_group_mates_are_due_back_with_those_that_they_came_with(runner):
    port = {"name": "port", "address": "0000:03:00.0"}
    options = {"owner": "ci-1", "group_members": "claim", "allow": ["ip_configured"]}
    runner.done(CLAIM, requests=[port], limits=[{"until": "9h"}], **options)
    runner.done(CLAIM, requests=nics(1), limits=[{"until": "1h"}], **options)
    for requests, until in (([port], "9h"), (nics(1), "1h")):
        assert not runner.done(CLAIM, requests=requests, limits=[{"until": until}], **options)["changed"]
    assert [until for _since, until in holds(runner)["ci-1"].values() if until is None]
    passes(runner, hours=10)
    runner.done(RELEASE, expired=True)
    assert holds(runner) == {}


@pytest.mark.parametrize(("owner", "pattern"), [("gpu[1]", "gpu[1]"), ("web1", UUID.upper())])
def test_an_owner_is_meant_by_its_very_name_and_a_uuid_in_any_case(runner, owner, pattern):
    whose = {"domain": owner} if owner == "web1" else {"owner": owner}
    limits = [{"owners": pattern, "most": 0}]
    assert runner.failed(CLAIM, **whose, requests=nics(1), limits=limits)["error"]["code"] == "limit_reached"


def test_labels_of_who_asks_for_nothing_and_has_nothing_change_nothing(runner):
    for check in (True, False):
        assert not runner.done(CLAIM, check=check, owner="ci-1", requests=[], labels={"team": "vision"})["changed"]


def test_what_was_claimed_at_the_end_of_all_times_is_due_by_then(runner):
    runner.host.seconds = 253402297200  # 9999-12-31, an hour before the last one that a text can hold
    runner.done(CLAIM, owner="ci-1", requests=nics(1), limits=[{"until": "8h"}])
    assert holds(runner)["ci-1"][VF1][1] == "9999-12-31T23:59:59Z"
