# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests with a first and a second choice."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.forms import DocumentError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request, parse_requests
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import PERMIT_ALL, device, inventory, pf, vf

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
A100, V100 = {"vendor_id": "10de", "product_id": "20b5"}, {"vendor_id": "10de", "product_id": "1db6"}
FIRST = [["10de:20b5"], [V100, {"class": "0300"}]]


def asked(first=None, **more) -> Request:
    return parse_requests([{"name": "gpu", "first_available": FIRST if first is None else first, **more}], {})[0]


def refused(first, **more) -> HostdevError:
    with pytest.raises(HostdevError) as caught:
        asked(first, **more)
    return caught.value


def test_the_specs_are_those_of_all_alternatives():
    assert [spec.as_dict() for spec in asked().specs] == [A100, V100, {"class": "0300"}]
    assert [[spec.as_dict() for spec in one.specs] for one in asked().alternatives] == [
        [A100],
        [V100, {"class": "0300"}],
    ]


def test_an_alternative_is_the_request_with_its_specs_alone():
    one = asked(count=2, numa_policy="required").alternative(1)
    assert one == parse_requests([{"name": "gpu", "count": 2, "specs": FIRST[1], "numa_policy": "required"}], {})[0]


def test_a_request_without_alternatives_is_its_own_only_one():
    request = parse_requests([{"name": "gpu", "specs": ["10de:20b5"]}], {})[0]
    assert request.alternatives == (request,)


def test_it_is_on_record_as_it_was_asked():
    written = asked(count=2).as_dict()
    assert written == {"name": "gpu", "count": 2, "first_available": [[A100], [V100, {"class": "0300"}]]}
    Request.FORM(written, "request")
    assert Request.from_dict(written) == asked(count=2)


@pytest.mark.parametrize("first", [[[A100]], [[A100], []], [A100, V100]])
def test_alternatives_that_no_task_could_have_written_are_no_record(first):
    with pytest.raises(DocumentError):
        Request.FORM({"name": "gpu", "count": 1, "first_available": first}, "request")


def test_it_is_told_as_first_and_else():
    assert asked(count=2).describe() == (
        "2 devices, first with vendor_id 10de, product_id 20b5, else with vendor_id 10de, product_id 1db6 or class 0300"
    )


def test_what_one_alternative_asks_for_is_not_asked_for_by_another():
    of_pf = asked([[{"class": "0200", "device_type": "type-PF"}], [{"vendor_id": "8086"}]])
    other = asked([[{"class": "0300"}], [{"vendor_id": "8086"}]])
    function = pf(A, B, vendor_id="8086", class_id="020000")
    assert of_pf.wants(function, PERMIT_ALL)
    assert not other.wants(function, PERMIT_ALL)
    not_a_nic = pf(A, B, vendor_id="8086", class_id="010800")
    assert not of_pf.wants(not_a_nic, PERMIT_ALL)


def test_what_is_around_a_device_is_looked_up_for_each_alternative():
    host = inventory(device(A, iommu_group=1), device(B, iommu_group=2), device(C, iommu_group=2))
    request = asked([[{"iommu_group_size": 1}], [{"iommu_group_size": 2}]]).resolved(host)
    assert [one.wants(host.devices[A], PERMIT_ALL) for one in request.alternatives] == [True, False]
    assert [one.wants(host.devices[B], PERMIT_ALL) for one in request.alternatives] == [False, True]
    assert all(request.wants(host.devices[address], PERMIT_ALL) for address in (A, B, C))


def test_a_flat_list_is_told_what_to_write():
    error = refused(["10de:20b5", V100])
    assert (error.code, error.subject, error.found) == (
        "invalid_request",
        "requests[0].first_available[0]",
        'found "10de:20b5"',
    )
    assert error.remedy == (
        'put each alternative into brackets of its own: [["10de:20b5"], [{vendor_id: "10de", product_id: "1db6"}]]'
    )


def test_what_is_half_in_brackets_is_told_what_to_write():
    error = refused([["10de:20b5"], "10de:1db6"])
    assert error.subject == "requests[0].first_available[1]"
    assert error.remedy.endswith('own: [["10de:20b5"], ["10de:1db6"]]')


def test_one_alternative_is_no_choice():
    error = refused([["10de:20b5"]])
    assert (error.subject, error.found) == ("requests[0].first_available", "one alternative")
    assert error.remedy.startswith('write specs: ["10de:20b5"]')


@pytest.mark.parametrize(
    ("first", "subject", "wanted"),
    [
        ("10de:20b5", "first_available", "a list of alternatives, each a list of device specs"),
        ([], "first_available", "a list of alternatives, each a list of device specs"),
        ([["10de:20b5"], []], "first_available[1]", "at least one device spec"),
        ([["10de:20b5"], ["10de"]], "first_available[1][0]", "both ids as lspci -nn prints them"),
    ],
)
def test_a_wrong_alternative_is_named_with_its_path(first, subject, wanted):
    error = refused(first)
    assert error.subject == f"requests[0].{subject}"
    assert error.wanted.startswith(wanted)


def test_a_misspelt_key_says_which_is_meant():
    with pytest.raises(HostdevError) as caught:
        parse_requests([{"name": "gpu", "first_avaliable": FIRST}], {})
    assert caught.value.remedy == "did you mean first_available?"


@pytest.mark.parametrize("way", [{"specs": ["10de:20b5"]}, {"address": A}, {"usb": {"port": "1-2"}}, {"alias": "a"}])
def test_it_stands_beside_no_other_way_to_ask(way):
    error = refused(FIRST, **way)
    assert (error.subject, error.found) == ("requests[0]", f"found '{' and '.join(_ordered(way))}'")


def _ordered(way):
    (key,) = way
    return [key, "first_available"] if key != "usb" else ["first_available", key]


def test_an_alias_may_have_alternatives():
    aliases = parse_aliases([{"name": "gpu", "first_available": FIRST, "numa_policy": "required"}])
    request = parse_requests(["gpu:2"], aliases)[0]
    assert request == asked(count=2, numa_policy="required")


@pytest.mark.parametrize(
    ("entries", "subject", "wanted"),
    [
        ([{"name": "a", "first_available": FIRST, "class": "03"}], "aliases[0].class", "no class beside"),
        ([{"name": "a", "first_available": FIRST}] * 2, "aliases[1]", "a name that no other entry has"),
        ([{"name": "a", "first_available": FIRST}, {"name": "a", "class": "03"}], "aliases[1]", "a name that no other"),
        ([{"name": "a", "class": "03"}, {"name": "a", "first_available": FIRST}], "aliases[1]", "a name that no other"),
        ([{"name": "a", "first_available": ["10de:20b5"]}], "aliases[0].first_available[0]", "a list of device specs"),
    ],
)
def test_a_wrong_alias_of_alternatives_is_named_with_its_path(entries, subject, wanted):
    with pytest.raises(HostdevError) as caught:
        parse_aliases(entries)
    assert (caught.value.code, caught.value.subject) == ("invalid_alias", subject)
    assert caught.value.wanted.startswith(wanted)


def test_a_vf_fits_by_the_alternative_that_asks_for_it():
    request = asked([[{"device_type": "type-VF"}], [{"device_type": "type-PF"}]])
    assert request.wants(vf(B, A), PERMIT_ALL)
