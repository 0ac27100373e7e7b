# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.address_pattern import read_address
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, pf, vf

HERE = "0000:3b:00.2"


@pytest.mark.parametrize(
    ("address", "written", "covers"),
    [
        ("0000:3b:00.2", "0000:3b:00.2", True),
        (" 0000 : 3B : 0 . 2 ", "0000:3b:00.2", True),
        ("pci_0000_3b_00_2", "0000:3b:00.2", True),
        ("3b:00.2", "*:3b:00.2", True),
        (":3b:00.", "*:3b:00.*", True),
        (".2", "*:*:*.2", True),
        ("0", "*:*:00.*", True),
        ("3b:00", "*:3b:00.*", True),
        ("0000:3b:", "0000:3b:*.*", True),
        ("3b:", "*:3b:*.*", True),
        ("3b::", "003b:*:*.*", False),
        ("*:*:*.*", "*:*:*.*", True),
        ("0001:3b:00.2", "0001:3b:00.2", False),
        ("10000:3b:00.2", "10000:3b:00.2", False),
        (".3", "*:*:*.3", False),
        ("*:3c:*.*", "*:3c:*.*", False),
    ],
)
def test_fields_of_a_pattern_are_right_aligned_and_what_is_missing_is_any(address, written, covers):
    pattern = read_address(address, "")
    assert (pattern.written, pattern.covers(device(HERE))) == (written, covers)


@pytest.mark.parametrize(
    ("address", "covers"),
    [
        ({"domain": ".*", "bus": "3b", "slot": "00", "function": "[2-3]"}, True),
        ({"bus": "3b", "function": "[3-7]"}, False),
        ({"bus": "3"}, False),
        ({"bus": "b"}, False),
        ({"bus": "3.", "domain": None}, True),
        ({"bus": "3a|3b"}, True),
        ({"bus": "3B"}, False),
        ({}, True),
    ],
)
def test_regular_expressions_must_fit_the_whole_field(address, covers):
    assert read_address(address, "").covers(device(HERE)) is covers


def test_wide_domains_are_matched_as_a_whole():
    nvme = device("10000:01:00.0")
    assert read_address("10000:01:00.0", "").exact == "10000:01:00.0"
    for address, covers in (("10000:*:*.*", True), ("0000:*:*.*", False), ("01:00.0", True)):
        assert read_address(address, "").covers(nvme) is covers
    assert read_address({"domain": "1[0-9a-f]{4}"}, "").covers(nvme)


def test_only_the_exact_address_of_a_pf_covers_its_vfs():
    function = vf("0000:3b:02.5", "0000:3b:00.0")
    assert read_address("0000:3b:00.0", "").covers(function)
    assert read_address("0000:3b:00.0", "").covers(pf("0000:3b:00.0"))
    assert not read_address("*:3b:00.0", "").covers(function)
    assert not read_address("0000:3b:00.1", "").covers(function)


@pytest.mark.parametrize(
    ("address", "covers"),
    [
        ({"domain": "0000", "bus": "06", "slot": "00", "function": "0"}, True),
        ({"domain": "0000", "bus": "06", "slot": "00", "function": "[0-1]"}, False),
        ({"domain": ".*", "bus": "06", "slot": "00", "function": "0"}, False),
        ({"bus": "06", "slot": "00", "function": "0"}, False),
        ({"domain": "0000", "bus": "06", "slot": "00", "function": "1"}, False),
    ],
)
def test_a_mapping_of_nothing_but_digits_covers_the_vfs_of_the_pf_there(address, covers):
    pattern = read_address(address, "address")
    assert pattern.covers(vf("0000:06:10.0", "0000:06:00.0")) is covers
    assert pattern.written == address


def test_an_address_names_a_function_when_only_the_domain_is_open():
    assert read_address("3b:00.2", "").names(HERE)
    assert not read_address("3b:00.3", "").names(HERE)
    assert not read_address("3b:*.2", "").names(HERE)
    assert not read_address({"bus": "3b", "slot": "00", "function": "2"}, "").names(HERE)


@pytest.mark.parametrize(
    ("address", "code", "subject", "wanted"),
    [
        ("0000:00:3b:00.2", "invalid_address", "spec.address", "a PCI address such as"),
        ("pci_0000_3b_00", "invalid_address", "spec.address", "a PCI address such as"),
        (["3b:00.0"], "invalid_address", "spec.address", "a PCI address such as"),
        (3, "invalid_address", "spec.address", "a PCI address such as"),
        ("0000:zz:00.0", "invalid_spec", "spec.address", "bus as * or a hexadecimal number up to FF, not 'zz'"),
        ("0000:3b:20.0", "invalid_spec", "spec.address", "slot as * or a hexadecimal number up to 1F, not '20'"),
        ("3b", "invalid_spec", "spec.address", "slot as * or a hexadecimal number up to 1F, not '3b'"),
        ("3b:00.8", "invalid_spec", "spec.address", "function as * or a hexadecimal number up to 7"),
        ("100000000:3b:00.0", "invalid_spec", "spec.address", "domain as * or a hexadecimal number up to FFFFFFFF"),
        ("0000:3*:00.0", "invalid_spec", "spec.address", "bus as * or a hexadecimal number up to FF"),
        ("0000:3b:00.0.1", "invalid_spec", "spec.address", "function as * or a hexadecimal number up to 7"),
        ({"domain": "*"}, "invalid_address", "spec.address.domain", "a regular expression (nothing to repeat"),
        ({"bus": 3}, "invalid_address", "spec.address.bus", "a regular expression"),
        ({"buss": "3b"}, "invalid_spec", "spec.address.buss", "one of domain, bus, slot, function"),
    ],
)
def test_a_wrong_address_is_named_with_what_is_wrong(address, code, subject, wanted):
    with pytest.raises(HostdevError) as caught:
        read_address(address, "spec.address")
    assert (caught.value.code, caught.value.subject) == (code, subject)
    assert caught.value.wanted.startswith(wanted)


@pytest.mark.parametrize("expression", ["a{99999999999}", "(" * 600, "["])
def test_a_regular_expression_that_can_not_be_compiled_is_refused_with_its_path(expression):
    with pytest.raises(HostdevError) as caught:
        read_address({"bus": expression}, "specs[0].address")
    assert (caught.value.code, caught.value.subject) == ("invalid_address", "specs[0].address.bus")


def refused(value):
    with pytest.raises(HostdevError) as caught:
        read_address(value, "spec.address")
    return caught.value


@pytest.mark.parametrize(
    ("value", "meant"),
    [(180.0, "0000:03:00.0"), (4860.1, "0000:81:00.1"), (6061.0, "0001:41:01.0"), (19.7, "0000:00:19.7")],
)
def test_an_address_that_yaml_read_as_a_number_of_base_60_is_shown(value, meant):
    error = refused(value)
    assert error.found == f"found {value!r}, which is {meant} without quotes"
    assert error.remedy == f'put the address into quotes: "{meant}"'


@pytest.mark.parametrize("value", [180.8, 180.05, 205.0, -1.0, float("inf"), float("nan")])
def test_a_number_that_can_be_no_address_is_left_as_it_is(value):
    assert refused(value).found == f"found {value!r}"
