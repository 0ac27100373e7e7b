# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.arguments import (
    parse_addresses,
    parse_allow,
    parse_group_members,
)


def refused(call, *arguments):
    with pytest.raises(HostdevError) as caught:
        call(*arguments)
    return caught.value


def test_addresses_are_read_in_any_spelling():
    assert parse_addresses(["81:00.0", "pci_0000_01_10_2"], "addresses") == ("0000:81:00.0", "0000:01:10.2")


def test_a_malformed_address_is_named_with_its_place():
    error = refused(parse_addresses, ["81:00.0", "81:00"], "addresses")
    assert (error.code, error.subject, error.found) == ("invalid_address", "addresses[1]", "found '81:00'")
    assert error.wanted == "a PCI address such as 0000:3b:00.0"


def test_an_address_that_yaml_read_as_a_number_is_shown_also_once_ansible_made_a_text_of_it():
    for value in (180.1, "180.1"):
        error = refused(parse_addresses, [value], "addresses")
        assert error.found == f"found {value!r}, which is 0000:03:00.1 without quotes"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("refuse", (False, frozenset())),
        ("claim", (True, frozenset())),
        ([], (False, frozenset())),
        (["03:00.1", "0000:03:00.2"], (False, frozenset({"0000:03:00.1", "0000:03:00.2"}))),
        ("03:00.1, 03:00.2", (False, frozenset({"0000:03:00.1", "0000:03:00.2"}))),
    ],
)
def test_group_members_are_a_word_or_addresses(value, wanted):
    assert parse_group_members(value) == wanted


@pytest.mark.parametrize(
    ("value", "code", "subject"),
    [
        ("all", "invalid_address", "group_members[0]"),
        (["03:00"], "invalid_address", "group_members[0]"),
        (True, "invalid_option", "group_members"),
        ({"a": 1}, "invalid_option", "group_members"),
    ],
)
def test_other_group_members_are_refused(value, code, subject):
    error = refused(parse_group_members, value)
    assert (error.code, error.subject) == (code, subject)


def test_codes_that_may_be_accepted():
    assert parse_allow(["default_route", "enslaved"]) == frozenset({"default_route", "enslaved"})


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("bmc", "bmc can't be accepted: it leads to the controller that manages the host (BMC), its power included"),
        (
            "pf_has_vfs",
            "pf_has_vfs can't be accepted: it is a physical function with virtual functions, and the kernel gives it "
            "away only without them; or a virtual function of it that was not made again after a reboot is on record",
        ),
        ("rootdisk", "rootdisk is no blocker code"),
    ],
)
def test_codes_that_nobody_may_accept_are_refused_with_the_reason(code, found):
    error = refused(parse_allow, ["default_route", code])
    assert (error.code, error.subject, error.found) == ("invalid_option", "allow", found)
    assert error.wanted.startswith("some of boot_vga, default_route, enslaved")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("default_rout", "did you mean default_route?"),
        ("swap", "take it out of allow; where the code stands in the way: take the swap out of use"),
        ("group_incomplete", "take it out of allow; where the code stands in the way: set `group_members` to claim"),
    ],
)
def test_a_code_that_can_not_be_accepted_comes_with_what_helps(code, remedy):
    assert refused(parse_allow, [code]).remedy.startswith(remedy)


def test_the_codes_of_a_module_that_accepts_others_than_a_claim():
    assert parse_allow(["ssh_nic"], ("ssh_nic", "mgmt_nic")) == frozenset({"ssh_nic"})
    assert refused(parse_allow, ["ssh_nik"], ("ssh_nic", "mgmt_nic")).remedy == "did you mean ssh_nic?"
    assert refused(parse_allow, ["enslaved"], ("ssh_nic", "mgmt_nic")).wanted == "some of mgmt_nic, ssh_nic"
