# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Constraints as users write them, and which of them stay on record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.forms import DocumentError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import (
    ATTRIBUTES,
    Constraint,
    check_constraints,
    kept_constraints,
    owner_and_request,
    parse_constraints,
    reference,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow, requests

NEAR = {"requests": ["gpu", "nic"], "match": "pcie_switch"}
GPU_NIC = Constraint(("gpu", "nic"), "match", "pcie_switch")
GPU_DISK = Constraint(("gpu", "disk"), "match", "numa_node")
APART = Constraint(("nic",), "distinct", "slot")


def refused(*entries: object, tags: tuple[str, ...] = ()) -> HostdevError:
    with pytest.raises(HostdevError) as caught:
        parse_constraints(list(entries), "constraints", tags)
    assert caught.value.code == "invalid_constraint"
    return caught.value


def test_constraints_are_read_and_written_as_users_write_them():
    written = [
        NEAR,
        {"requests": ["gpu", "nic"], "match": "pcie_root", "pair": True},
        {"requests": ["disk"], "distinct": "slot"},
        {"requests": ["gpu", "nic", "disk"], "match": "rail"},
    ]
    read = parse_constraints(written, "constraints", ("rail",))
    assert [one.as_dict() for one in read] == written
    assert read[1] == Constraint(("gpu", "nic"), "match", "pcie_root", pair=True)
    for one in written:
        Constraint.FORM(one, "constraint")
    assert tuple(map(Constraint.from_dict, written)) == read


def test_no_constraints_are_none():
    assert parse_constraints(None, "constraints") == () == parse_constraints([], "constraints")


def test_a_single_request_may_be_a_text_and_what_templates_give_is_read():
    assert parse_constraints([{"requests": " nic ", "match": None, "distinct": "slot", "pair": "no"}], "prefer") == (
        APART,
    )
    assert parse_constraints([{**NEAR, "pair": "True"}], "constraints")[0].pair is True
    assert parse_constraints(({**NEAR, "pair": None},), "constraints")[0].pair is False


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_each_attribute_may_match_and_be_distinct(attribute):
    for relation in ("match", "distinct"):
        read = parse_constraints([{"requests": ["a", "b"], relation: attribute}], "constraints")
        assert read == (Constraint(("a", "b"), relation, attribute),)


@pytest.mark.parametrize(
    ("entry", "subject", "found", "wanted"),
    [
        ("gpu", "", "found 'gpu'", "a mapping such as {requests: [gpu, nic], match: pcie_switch}"),
        ({"match": "slot"}, ".requests", "found None", "a list of names of requests"),
        ({"requests": [], "match": "slot"}, ".requests", "found []", "a list of names of requests"),
        ({"requests": {"gpu": 1}, "match": "slot"}, ".requests", "found {'gpu': 1}", "a list of names of requests"),
        ({"requests": ["gpu", 7], "match": "slot"}, ".requests[1]", "found 7", "the name of a request"),
        ({"requests": ["gpu", " "], "match": "slot"}, ".requests[1]", "found ' '", "the name of a request"),
        ({"requests": ["gpu", "gpu "], "match": "slot"}, ".requests[1]", "found 'gpu '", "each request once"),
        ({"requests": ["gpu"]}, "", "neither match nor distinct", "exactly one of match and distinct"),
        (
            {"requests": ["gpu"], "match": "slot", "distinct": "slot"},
            "",
            "match and distinct",
            "exactly one of match and distinct",
        ),
        ({"requests": ["gpu"], "match": 7}, ".match", "found 7", "one of pcie_switch, pcie_root, numa_node, socket"),
        ({"requests": ["gpu"], "match": ["slot"]}, ".match", "found ['slot']", "one of pcie_switch"),
        ({**NEAR, "pair": "both"}, ".pair", "found 'both'", "true or false"),
        ({"requests": ["gpu"], "match": "slot", "pair": True}, ".pair", "a pair of gpu", "two requests"),
        (
            {"requests": ["a", "b", "c"], "match": "slot", "pair": True},
            ".pair",
            "a pair of 3 requests (a, b, c)",
            "two requests",
        ),
    ],
)
def test_a_wrong_constraint_is_named_with_its_path_and_what_is_allowed(entry, subject, found, wanted):
    error = refused(NEAR, entry)
    assert (error.subject, error.found) == (f"constraints[1]{subject}", found)
    assert error.wanted.startswith(wanted)


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ({"requests": ["gpu"], "match": "pcie_swich"}, "pcie_switch"),
        ({"requests": ["gpu"], "match": "switch"}, "pcie_switch"),
        ({"requests": ["gpu"], "distinct": "pcieRoot"}, "pcie_root"),
        ({"requests": ["gpu"], "match": "numa"}, "numa_node"),
        ({"requests": ["gpu"], "match": "rial"}, "rail"),
        ({"requests": ["gpu"], "matches": "slot"}, "match"),
        ({"request": ["gpu"], "match": "slot"}, "requests"),
        ({"requests": ["gpu", "nic"], "match": "slot", "pairs": True}, "pair"),
    ],
)
def test_what_is_misspelt_says_which_is_meant(entry, meant):
    assert refused(entry, tags=("rail",)).remedy == f"did you mean {meant}?"


def test_a_tag_that_no_entry_gives_is_refused_with_those_that_some_give():
    error = refused({"requests": ["gpu"], "match": "zone"}, tags=("rail", "rack"))
    assert "or a tag that the device_spec gives (" in error.wanted
    assert "rail" in error.wanted
    assert "rack" in error.wanted


def test_the_tags_are_those_of_all_entries_of_the_allow_list():
    tags = allow({"class": "02", "tags": {"rail": 1}}, {"class": "03", "trusted": True, "physical_network": None})
    assert tags.tag_names == {"rail", "trusted", "physical_network"}


@pytest.mark.parametrize(
    ("value", "remedy"),
    [(NEAR, "put it into brackets: [{...}]"), ("gpu", "give that instead"), (7, "give that instead")],
)
def test_constraints_are_a_list(value, remedy):
    with pytest.raises(HostdevError) as caught:
        parse_constraints(value, "prefer")
    assert (caught.value.code, caught.value.subject, caught.value.wanted) == (
        "invalid_constraint",
        "prefer",
        "a list of constraints",
    )
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        (GPU_NIC, "gpu and nic match in pcie_switch"),
        (Constraint(("a", "b", "c"), "distinct", "rail"), "a, b and c are distinct in rail"),
        (APART, "the devices of nic are distinct in slot"),
        (Constraint(("gpu", "nic"), "match", "pcie_root", pair=True), "gpu and nic match in pcie_root, in pairs"),
    ],
)
def test_a_constraint_is_told_in_one_line(constraint, told):
    assert constraint.describe() == told


# Against requests.

ASKED = {
    one.name: one
    for one in requests(
        {"name": "gpu", "count": 8, "specs": ["10de:20b0"]},
        {"name": "nic", "count": 9, "specs": ["15b3:101b"]},
        {"name": "disk", "count": 8, "specs": ["144d:a824"]},
        {"name": "key", "usb": {"port": "1-2"}},
    )
}


def unfit(constraint: Constraint) -> HostdevError:
    with pytest.raises(HostdevError) as caught:
        check_constraints([GPU_NIC, constraint], ASKED, "constraints")
    assert caught.value.code == "invalid_constraint"
    return caught.value


def test_pairs_of_equal_counts_and_constraints_without_pairs_are_taken():
    check_constraints([GPU_NIC, Constraint(("gpu", "disk"), "match", "slot", pair=True)], ASKED, "constraints")


def test_a_pair_of_unequal_counts_names_both():
    error = unfit(Constraint(("gpu", "nic"), "match", "pcie_switch", pair=True))
    assert (error.subject, error.found) == ("constraints[1].pair", "gpu asks for 8 and nic for 9")
    assert "equal counts" in error.wanted


def test_a_request_that_there_is_not_is_refused_with_the_one_that_may_be_meant():
    error = unfit(Constraint(("gpu", "nick"), "match", "slot"))
    assert (error.subject, error.found) == ("constraints[1].requests[1]", "found 'nick'")
    assert error.wanted.startswith("a request of this task, or one on record (nic")
    assert error.remedy == "did you mean nic?"


def test_a_claim_s_own_requests_are_named_without_the_owner():
    error = unfit(Constraint(("gpu", "web1/nic"), "match", "slot"))
    assert error.remedy == "write nic where that is meant; over several owners kvm.hostdev.pci_passthrough has them"


def test_a_request_for_what_is_not_on_the_pci_bus_is_refused():
    error = unfit(Constraint(("gpu", "key"), "match", "slot"))
    assert (error.subject, error.wanted) == ("constraints[1].requests[1]", "a request for PCI devices")


# On record.


@pytest.mark.parametrize(
    "value",
    [
        {"requests": ["gpu", "nic"]},
        {"requests": ["gpu"], "match": "slot", "distinct": "slot"},
        {"requests": ["gpu", "gpu"], "match": "slot"},
        {"requests": [], "match": "slot"},
        {"requests": ["gpu"], "match": "slot", "pair": True},
        {"requests": ["gpu", "nic"], "match": "slot", "pair": False},
        {"requests": ["gpu", "nic"], "match": "slot", "weight": 1},
        {"requests": "gpu", "match": "slot"},
    ],
)
def test_what_no_task_could_have_written_is_no_record(value):
    with pytest.raises(DocumentError):
        Constraint.FORM(value, "constraint")


ALL = {"gpu", "nic", "disk"}


def test_a_constraint_goes_when_all_its_requests_are_named_and_it_is_not_repeated():
    assert kept_constraints((GPU_NIC, GPU_DISK), {"gpu", "nic"}, (), ALL) == (GPU_DISK,)


def test_a_constraint_stays_when_it_is_repeated_or_a_request_of_it_is_not_named():
    assert kept_constraints((GPU_NIC,), {"gpu", "nic"}, (GPU_NIC,), ALL) == (GPU_NIC,)
    assert kept_constraints((GPU_NIC,), {"nic"}, (), ALL) == (GPU_NIC,)


def test_a_constraint_goes_with_one_of_its_requests():
    assert kept_constraints((GPU_NIC, APART), (), (), {"nic", "disk"}) == (APART,)


def test_wishes_are_on_record_in_the_order_of_the_task():
    assert kept_constraints((GPU_NIC, APART), ALL, (APART, GPU_NIC), ALL) == (APART, GPU_NIC)
    assert kept_constraints((GPU_DISK,), {"gpu", "nic"}, (APART, GPU_NIC, APART), ALL) == (APART, GPU_NIC, GPU_DISK)


def test_two_tasks_that_take_turns_do_not_change_the_record():
    first = ({"gpu", "nic"}, (GPU_NIC,))
    second = ({"gpu", "disk"}, (GPU_DISK,))
    record = kept_constraints(kept_constraints((), *first, ALL), *second, ALL)
    for named, asked in (first, second, first, second):
        assert kept_constraints(record, named, asked, ALL) == record


_CONSTRAINTS = st.lists(st.sampled_from([GPU_NIC, GPU_DISK, APART]), unique=True).map(tuple)


@given(_CONSTRAINTS, st.sets(st.sampled_from(sorted(ALL))), _CONSTRAINTS)
def test_a_second_run_changes_nothing_on_record(on_record, named, asked):
    once = kept_constraints(on_record, named, asked, ALL)
    assert set(asked) <= set(once) <= {*asked, *on_record}
    assert len(set(once)) == len(once)
    assert kept_constraints(once, named, asked, ALL) == once


# OWNER/REQUEST.

OWNERS = {"web1": ("gpu", "a/b"), "team/dpdk": ("nic",), "team": ("gpu", "dpdk/gpu")}


@pytest.mark.parametrize(
    ("text", "owner", "request_name"),
    [
        ("web1/gpu", "web1", "gpu"),
        ("web1/a/b", "web1", "a/b"),
        ("team/dpdk/nic", "team/dpdk", "nic"),
        ("team/gpu", "team", "gpu"),
        ("team/dpdk/gpu", "team", "dpdk/gpu"),
        ("web1/disk", "web1", "disk"),
    ],
)
def test_an_owners_request_is_told_apart_whatever_has_slashes(text, owner, request_name):
    assert owner_and_request(text, OWNERS) == (owner, request_name)
    assert reference(owner, request_name) == text


@pytest.mark.parametrize("text", ["gpu", "db1/gpu", "/gpu", ""])
def test_a_text_without_a_known_owner_is_none(text):
    assert owner_and_request(text, OWNERS) is None
