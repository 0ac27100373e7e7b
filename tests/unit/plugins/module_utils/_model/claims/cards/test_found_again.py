# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Held devices are found by what they are, and never by the address alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.cards.found_again import (
    Finder,
    followed,
    is_nowhere,
    moved_in_all,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Holding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.elements import (
    assigned_function,
    parse_element,
    sourced,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, DPDK, WEB, claim, device, holding, inventory

A, B, C = "0000:04:00.0", "0000:05:00.0", "0000:06:00.0"
NOWHERE = "ffff0000:04:00.0"


def held(address, **fields):
    """What was claimed of a device with these fields; its path is that of its address then."""
    return holding(address, identity=device(address, **fields).identity)


def card(address, path, **fields):
    return device(address, stable_path=f"stable-{path}", **fields)


@pytest.mark.parametrize(
    ("on_record", "there", "found"),
    [
        ({}, [card(A, A)], A),
        ({}, [card(B, A)], B),
        ({}, [card(A, B)], None),
        ({}, [card(A, A, product_id="9999")], None),
        ({"subsystem_product_id": None}, [card(A, A, subsystem_product_id="9999")], A),
        ({"subsystem_product_id": "1100"}, [card(A, A, subsystem_product_id="9999")], None),
        ({}, [card(A, B), card(B, A)], B),
        ({"serial": "X"}, [card(A, A, serial="X")], A),
        ({"serial": "X"}, [card(A, A)], A),
        ({"serial": "X"}, [card(A, A, serial="Y")], None),
        ({"serial": "X"}, [card(A, B, serial="X")], A),
        ({"serial": "X"}, [card(A, A, serial="Y"), card(B, B, serial="X")], B),
        ({"serial": "X"}, [card(A, A), card(B, B, serial="X")], B),
        ({"serial": "X"}, [card(B, A), card(C, B, serial="X")], C),
        ({"pcie_serial": "X"}, [card(A, A), card(B, B, pcie_serial="X")], B),
        ({"pcie_serial": "X", "serial": "M"}, [card(A, A, pcie_serial="Y", serial="M")], None),
        ({"serial": "X"}, [card("0000:05:00.1", "0000:05:00.1", serial="X")], None),
        ({"pcie_serial": "X"}, [card(A, B, pcie_serial="X"), card(B, A, pcie_serial="X")], B),
        ({"pcie_serial": "X"}, [card(A, B, pcie_serial="X"), card(B, C, pcie_serial="X")], None),
    ],
)
def test_where_a_device_is(on_record, there, found):
    finder = Finder(inventory(*there))
    assert finder.address_of(held(A, **on_record)) == found
    assert finder.at_home(held(A, **on_record)) is (found == A)


def test_a_second_function_of_the_card_has_its_serial_and_is_another_device():
    card_now = [device(f"0000:05:00.{number}", serial="X") for number in (0, 1)]
    finder = Finder(inventory(*card_now))
    assert finder.address_of(held("0000:04:00.1", serial="X")) == "0000:05:00.1"


def addresses(tracker):
    return {one.owner.label: list(one.holdings) for one in tracker}


def test_nothing_moves_where_all_are_at_home():
    tracker = Tracker([claim(WEB, held(A))])
    there = followed(tracker, inventory(card(A, A)))
    assert there.moves == {}
    assert there.tracker is tracker


def test_a_ring_of_three():
    tracker = Tracker([claim(WEB, held(A), held(B)), claim(DB, held(C))])
    there = followed(tracker, inventory(card(B, A), card(C, B), card(A, C)))
    assert there.moves == {A: B, B: C, C: A}
    assert addresses(there.tracker) == {"web1": [B, C], "db1": [A]}


def test_one_that_is_gone_keeps_its_address_unless_another_one_has_it():
    tracker = Tracker([claim(WEB, held(A), held(B))])
    assert followed(tracker, inventory(card(B, B))).moves == {}
    there = followed(tracker, inventory(card(A, B)))
    assert there.moves == {A: NOWHERE, B: A}
    assert is_nowhere(NOWHERE)
    assert not is_nowhere("10000:04:00.0")
    parked = next(iter(there.tracker)).holdings[NOWHERE]
    assert (parked.identity["stable_path"], parked.moved_from) == (f"stable-{A}", A)
    back = followed(there.tracker, inventory(card(C, A), card(A, B)))
    assert back.moves == {NOWHERE: C}
    assert next(iter(back.tracker)).holdings[C].moved_from == A


def test_two_that_are_gone_and_had_one_address_get_two():
    tracker = Tracker([claim(WEB, held(A)), claim(DB, replace(held(B), address=NOWHERE)), claim(DPDK, held(C))])
    there = followed(tracker, inventory(card(A, C)))
    assert there.moves == {A: "ffff0001:04:00.0", C: A}


def test_one_that_is_where_its_definition_has_it_again_did_not_move():
    tracker = Tracker([claim(WEB, replace(held(A), address=B, moved_from=A))])
    there = followed(tracker, inventory(card(A, A)))
    assert next(iter(there.tracker)).holdings[A].moved_from is None


def test_one_of_an_owner_that_is_no_domain_has_no_definition_to_follow():
    tracker = Tracker([claim(DPDK, replace(held(A), attach=()))])
    there = followed(tracker, inventory(card(B, A)))
    assert next(iter(there.tracker)).holdings[B].moved_from is None


def test_one_that_we_did_not_attach_may_be_in_a_definition_by_hand():
    tracker = Tracker([claim(WEB, replace(held(A), attach=()))])
    there = followed(tracker, inventory(card(B, A)))
    assert next(iter(there.tracker)).holdings[B].moved_from == A


def test_one_in_another_slot_has_the_path_of_that_from_then_on():
    tracker = Tracker([claim(WEB, held(A, serial="X"))])
    there = followed(tracker, inventory(card(B, B, serial="X")))
    assert next(iter(there.tracker)).holdings[B].identity["stable_path"] == f"stable-{B}"


def test_what_stood_before_follows_and_is_of_the_form_of_the_record():
    stood = replace(held(A), stood_before={"config": hostdev_xml(A, managed=True)})
    for now in (inventory(card(B, A)), inventory(card(A, B))):
        tracker = Tracker([claim(WEB, stood), claim(DB, held(B))])
        (moved,) = [one for one in followed(tracker, now).tracker if one.owner == WEB]
        (entry,) = moved.holdings.values()
        Holding.FORM(entry.as_dict(), "devices[0]")
        assert assigned_function(parse_element(entry.stood_before["config"])) == entry.address
        assert Holding.from_dict(entry.as_dict()) == entry


def test_what_else_is_on_record_stays():
    tracker = Tracker([replace(claim(WEB, held(A)), persist=True, allow=frozenset({"boot_vga"}))])
    (moved,) = followed(tracker, inventory(card(B, A))).tracker
    assert (moved.persist, moved.allow, moved.requests) == (True, frozenset({"boot_vga"}), next(iter(tracker)).requests)


@pytest.mark.parametrize(
    ("first", "then", "all_in_all"),
    [
        ({}, {A: B}, {A: B}),
        ({A: B}, {}, {A: B}),
        ({A: NOWHERE, B: A}, {NOWHERE: C}, {A: C, B: A}),
        ({A: NOWHERE}, {NOWHERE: A}, {}),
        ({A: B}, {B: A, C: B}, {C: B}),
    ],
)
def test_two_turns_in_one(first, then, all_in_all):
    assert moved_in_all(first, then) == all_in_all


def test_another_source_and_all_else_as_it_is():
    xml = (
        '<interface type="hostdev"><source><address type="pci" domain="0x0000" bus="0x04" slot="0x00" function="0x0" />'
        '</source><address type="pci" domain="0x0000" bus="0x01" slot="0x00" function="0x0" /></interface>'
    )
    assert sourced(xml, "10000:e1:1f.7") == xml.replace(
        'domain="0x0000" bus="0x04" slot="0x00" function="0x0"',
        'domain="0x10000" bus="0xe1" slot="0x1f" function="0x7"',
    )
    assert assigned_function(parse_element(xml)) == A
