# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    PERMIT_ALL,
    allow,
    device,
    inventory,
    pf,
    requests,
    vf,
)

ALIASES = parse_aliases(
    [
        {"name": "a100", "vendor_id": "10de", "product_id": "20b5", "numa_policy": "required"},
        {"name": "nic", "class": "02"},
    ]
)
REQUIRED = {"numa_policy": "required"}


def refused(*entries):
    with pytest.raises(HostdevError) as caught:
        parse_requests(list(entries), ALIASES)
    assert caught.value.code in ("invalid_request", "invalid_spec", "unknown_alias")
    return caught.value


def test_requests_ask_by_address_by_specs_and_by_alias():
    parsed_requests = parse_requests(
        [
            {"name": "disk", "address": "81:00.0"},
            {"name": " gpu ", "alias": "a100", "count": 2},
            {"name": "net", "specs": [{"vendor_id": "8086"}, {"vendor_id": "15b3"}], "address": None},
        ],
        ALIASES,
    )
    assert [request.as_dict() for request in parsed_requests] == [
        {"name": "disk", "address": "0000:81:00.0"},
        {"name": "gpu", "count": 2, "specs": [{"vendor_id": "10de", "product_id": "20b5"}], **REQUIRED},
        {"name": "net", "count": 1, "specs": [{"vendor_id": "8086"}, {"vendor_id": "15b3"}]},
    ]


def test_a_request_with_ids_in_short_is_the_one_written_out():
    short, written = (
        [{"name": "gpu", "specs": [spec]}] for spec in ("10de:20b2", {"vendor_id": "10DE", "product_id": "20b2"})
    )
    assert parse_requests(short, {}) == parse_requests(written, {})
    assert parse_requests(short, {})[0].as_dict()["specs"] == [{"vendor_id": "10de", "product_id": "20b2"}]


@pytest.mark.parametrize(
    ("entry", "subject", "found", "wanted"),
    [
        (7, "requests[0]", "found 7", "a mapping with name and one of address, specs, alias"),
        ("gpu", "requests[0]", "found 'gpu'", "an alias and a count, such as a100:2, or a mapping"),
        ("nic:x", "requests[0]", "found 'nic:x'", "an alias and a count"),
        ("nic:-1", "requests[0]", "found 'nic:-1'", "an alias and a count"),
        ("nic:1:1", "requests[0]", "found 'nic:1:1'", "an alias and a count"),
        ("nic:0", "requests[0].count", "found 0", "a number of devices, 1 or more"),
        ("h100:1", "requests[0].alias", "found 'h100'", "an alias from aliases (a100, nic)"),
        ({"name": "a", "alias": "nic", "cuont": 2}, "requests[0].cuont", "found 2", "one of name, count, address"),
        ({"name": "a", "alias": "nic", "numa_policy": "near"}, "requests[0].numa_policy", "found 'near'", "one of"),
        ({"alias": "nic"}, "requests[0].name", "found None", "a name, which tells this request from"),
        ({"name": " ", "alias": "nic"}, "requests[0].name", "found ' '", "a name, which tells this request from"),
        ({"name": 1, "alias": "nic"}, "requests[0].name", "found 1", "a name, which tells this request from"),
        ({"name": "a"}, "requests[0]", "found 'none of them'", "exactly one of address, specs, alias"),
        (
            {"name": "a", "alias": "nic", "address": "1:0.0"},
            "requests[0]",
            "found 'address and alias'",
            "exactly one of address, specs, alias",
        ),
        ({"name": "a", "alias": "nic", "count": 0}, "requests[0].count", "found 0", "a number of devices, 1 or more"),
        ({"name": "a", "alias": "nic", "count": "x"}, "requests[0].count", "found 'x'", "a number of devices"),
        ({"name": "a", "alias": "nic", "count": True}, "requests[0].count", "found True", "a number of devices"),
        ({"name": "a", "address": "1:0.0", "count": 2}, "requests[0].count", "found 2", "1, since an address names"),
        ({"name": "a", "address": "1:0"}, "requests[0].address", "found '1:0'", "a PCI address such as 0000:3b:00.0"),
        ({"name": "a", "alias": "h100"}, "requests[0].alias", "found 'h100'", "an alias from aliases (a100, nic)"),
        ({"name": "a", "specs": []}, "requests[0].specs", "found []", "at least one device spec"),
        ({"name": "a", "specs": "x"}, "requests[0].specs", "found 'x'", "a list of device specs"),
        (
            {"name": "a", "specs": [{"vendor_id": True}]},
            "requests[0].specs[0].vendor_id",
            "found True",
            "four hexadecimal",
        ),
    ],
)
def test_a_wrong_request_is_named_with_its_path_and_what_is_allowed(entry, subject, found, wanted):
    error = refused(entry)
    assert (error.subject, error.found) == (subject, found)
    assert error.wanted.startswith(wanted)


def test_two_requests_of_one_name_are_refused():
    error = refused({"name": "a", "alias": "nic"}, {"name": "a ", "alias": "a100"})
    assert (error.subject, error.wanted) == ("requests[1].name", "a name that no other request has")


def test_an_unknown_alias_says_when_none_is_defined():
    with pytest.raises(HostdevError) as caught:
        parse_requests([{"name": "a", "alias": "x"}], {})
    assert caught.value.wanted == "an alias from aliases (none is defined)"


def test_requests_that_are_no_list_are_refused():
    with pytest.raises(HostdevError) as caught:
        parse_requests({"name": "a"}, {})
    assert (caught.value.subject, caught.value.wanted) == ("requests", "a list of requests")


def test_a_nova_flavors_text_asks_by_aliases():
    parsed_requests = parse_requests(" nic : 3 , a100:1,nic:1", ALIASES)
    assert [(request.name, request.count, request.numa_policy) for request in parsed_requests] == [
        ("nic", 3, "legacy"),
        ("a100", 1, "required"),
        ("nic-2", 1, "legacy"),
    ]
    assert parsed_requests[1].specs == ALIASES["a100"].specs


def test_texts_and_mappings_may_stand_together_but_not_with_one_name():
    assert [request.name for request in parse_requests(["nic:1", {"name": "a", "alias": "nic"}], ALIASES)] == [
        "nic",
        "a",
    ]
    with pytest.raises(HostdevError) as caught:
        parse_requests(["nic:1", {"name": "nic", "alias": "a100"}], ALIASES)
    assert caught.value.subject == "requests[1].name"


@pytest.mark.parametrize(
    ("wish", "policy"),
    [
        ({"alias": "a100"}, "required"),
        ({"alias": "a100", "numa_policy": "preferred"}, "preferred"),
        ({"alias": "nic"}, "legacy"),
        ({"specs": [{"class": "02"}], "numa_policy": "socket"}, "socket"),
        ({"address": "0000:01:00.0", "numa_policy": "required"}, "required"),
    ],
)
def test_the_requests_numa_policy_goes_before_the_aliass_and_is_kept(wish, policy):
    (request,) = parse_requests([{"name": "n", **wish}], ALIASES)
    assert request.numa_policy == policy
    assert parse_requests([request.as_dict()], {}) == (request,)
    assert ("numa_policy" in request.as_dict()) is (policy != "legacy")


def test_a_device_fits_a_request_when_one_of_its_specs_does():
    (request,) = requests({"name": "n", "specs": [{"vendor_id": "10de"}, {"product_id": "10d3"}]})
    assert request.wants(device("0000:01:00.0"), PERMIT_ALL)
    assert not request.wants(device("0000:01:00.0", product_id="1533"), PERMIT_ALL)


def test_the_allow_list_keeps_out_also_what_is_asked_for_by_address():
    (request,) = requests({"name": "n", "address": "0000:01:00.0"})
    assert request.wants(device("0000:01:00.0"), PERMIT_ALL)
    assert not request.wants(device("0000:01:00.0"), allow({"vendor_id": "10de"}))
    assert not request.wants(device("0000:02:00.0"), PERMIT_ALL)


def test_tags_of_a_request_are_demanded_of_the_allow_list_entry():
    (request,) = requests({"name": "n", "specs": [{"tags": {"net": "blue"}}]})
    assert request.wants(device("0000:01:00.0"), allow({"tags": {"net": "BLUE"}}))
    assert not request.wants(device("0000:01:00.0"), allow({"tags": {"net": "red"}}))
    assert not request.wants(device("0000:01:00.0"), PERMIT_ALL)


@pytest.mark.parametrize(
    ("wish", "taken"),
    [
        ({"specs": [{"vendor_id": "8086"}]}, False),
        ({"specs": [{"device_type": "type-PF"}]}, True),
        ({"specs": [{"address": "0000:01:00.0"}]}, True),
        ({"specs": [{"product_id": "10c9"}, {"device_type": "type-PF"}]}, True),
        ({"specs": [{"address": "01:00.0"}]}, True),
        ({"specs": [{"address": "0000:01:*.0"}]}, False),
        ({"specs": [{"address": {"bus": "01"}}]}, False),
        ({"specs": [{"serial": "S1"}]}, True),
        ({"specs": [{"stable_path": "stable-0000:01:00.0"}]}, True),
        ({"address": "0000:01:00.0"}, True),
    ],
)
def test_a_pf_is_taken_only_when_asked_for_as_such_or_by_what_it_alone_has(wish, taken):
    (request,) = requests({"name": "n", **wish})
    assert request.wants(pf("0000:01:00.0", serial="S1"), PERMIT_ALL) is taken


def test_a_pfs_address_asks_for_its_vfs_too_but_for_none_as_the_requests_own():
    by_spec, by_request = requests(
        {"name": "a", "specs": [{"address": "0000:01:00.0"}]}, {"name": "b", "address": "0000:01:00.0"}
    )
    function = vf("0000:01:10.0", "0000:01:00.0")
    assert by_spec.wants(function, PERMIT_ALL)
    assert not by_request.wants(function, PERMIT_ALL)


def test_a_vf_with_a_vdpa_device_is_taken_only_when_asked_for_as_such():
    function = vf("0000:01:10.0", "0000:01:00.0", children=(Child("vdpa", "vdpa0"),))
    vendor, vdpa = requests(
        {"name": "a", "specs": [{"vendor_id": "8086"}]}, {"name": "b", "specs": [{"device_type": "vdpa"}]}
    )
    assert not vendor.wants(function, PERMIT_ALL)
    assert vdpa.wants(function, PERMIT_ALL)


def test_a_remote_managed_device_is_taken_only_when_asked_for_as_such():
    function = vf("0000:01:10.0", "0000:01:00.0", serial="S1")
    host = inventory(function)
    permitted = allow({"remote_managed": True}).resolved(host)
    plain, remote = requests({"name": "a", "specs": [{}]}, {"name": "b", "specs": [{"remote_managed": True}]})
    assert not plain.wants(function, permitted)
    assert remote.resolved(host).wants(function, permitted)
    assert not remote.resolved(host).wants(function, PERMIT_ALL)


def test_a_vf_needs_no_asking_for_its_type():
    (request,) = requests({"name": "n", "specs": [{"vendor_id": "8086"}]})
    assert request.wants(vf("0000:01:10.0", "0000:01:00.0"), PERMIT_ALL)


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"address": "0000:01:00.0"}, "the device at 0000:01:00.0"),
        ({"specs": [{"vendor_id": "8086", "class": "02"}]}, "1 device with vendor_id 8086, class 02"),
        ({"specs": [{"class": "02"}, {}], "count": 3}, "3 devices with class 02 or any device"),
        ({"specs": [{}], "numa_policy": "required"}, "1 device with any device, NUMA policy required"),
    ],
)
def test_a_request_says_in_one_line_what_it_wants(wish, text):
    (request,) = requests({"name": "n", **wish})
    assert request.describe() == text


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"name": "n", "specs": [{}], "count": 10**17}, "requests[0].count"),
        ({"name": "n", "specs": [{}], "boot_order": 10**17}, "requests[0].boot_order"),
        ({"name": "n", "specs": [{"tags": {"rack": -(10**17)}}]}, "requests[0].specs[0].tags.rack"),
        ({"name": "n\ud800", "specs": [{}]}, "requests[0].name"),
    ],
)
def test_what_the_record_could_not_be_read_with_again_is_refused(entry, path):
    with pytest.raises(HostdevError) as caught:
        parse_requests([entry], {})
    assert caught.value.subject == path


@pytest.mark.parametrize("value", ["a100:" + "9" * 5000, [{"name": "x", "specs": [{}], "count": "9" * 5000}]])
def test_a_count_of_more_digits_than_python_reads_is_refused(value):
    with pytest.raises(HostdevError) as caught:
        parse_requests(value, {})
    assert caught.value.code == "invalid_request"
