# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VF is told by its PF and its number: in the slot of the claimed one there may be another card's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.cards.found_again import (
    Finder,
    described,
    followed,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.cards.identity import (
    identity_mismatch,
    moved_devices,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.made_vfs import MadeVfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.unmade_vf import pfs_of_unmade
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, holding, inventory, pf, vf

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
FIRST, SECOND = "10.0", "10.2"


def its(pf_address, place):
    """The address of a VF."""
    return f"{pf_address[:-4]}{place}"


def card(address, serial=None, *, slot=None, vfs=(FIRST, SECOND), function=0, **fields):
    """A card with one PF that has these VFs, in the slot that it has its bus number from at first."""
    path = f"0000_00_{(slot or address)[5:7]}.0"
    own = f"{address[:-1]}{function}"
    return [
        pf(
            own,
            *(its(address, place) for place in vfs),
            stable_path=f"{path}-00_00.{function}",
            serial=serial,
            **fields,
        ),
        *(vf(its(address, place), own, stable_path=f"{path}-00_{place}") for place in vfs),
    ]


def held(*cards, address=its(A, FIRST)):
    """A VF as it was claimed on a host with these cards."""
    return holding(address, identity=inventory(*(one for of in cards for one in of)).devices[address].identity)


def old(one):
    """The same on a record that does not tell the PF."""
    known = {key: value for key, value in one.identity.items() if key != "vf_number" and not key.startswith("pf_")}
    return replace(one, identity=known)


def host(*cards):
    return inventory(*(one for of in cards for one in of))


X = held(card(A, "X"))
UNMARKED = held(card(A))


@pytest.mark.parametrize(
    ("one", "there", "found"),
    [
        (X, [card(A, "X")], its(A, FIRST)),
        (X, [card(A)], its(A, FIRST)),
        (X, [card(A, "Y")], None),
        (X, [card(A, "Y"), card(B, "X")], its(B, FIRST)),
        (X, [card(A), card(B, "X")], its(B, FIRST)),
        (X, [card(A, "X", slot=B)], its(A, FIRST)),
        (X, [card(B, slot=A)], its(B, FIRST)),
        (X, [card(B)], None),
        (X, [card(B, "X", vfs=())], None),
        (X, [card(A, "X", product_id="1521")], None),
        (X, [card(A, "X", vfs=(SECOND, FIRST))], its(A, SECOND)),
        (X, [card(A, "X", function=1)], None),
        (X, [card(A, "X"), card(B, "X")], its(A, FIRST)),
        (X, [card(B, "X"), card(C, "X")], None),
        (UNMARKED, [card(A, "X")], its(A, FIRST)),
        (UNMARKED, [card(A, slot=B), card(B, slot=A)], its(B, FIRST)),
        (UNMARKED, [card(A, vfs=(SECOND, FIRST))], its(A, SECOND)),
        (old(X), [card(A, "Y"), card(B, "X")], its(A, FIRST)),
        (old(X), [card(B, "X", slot=A)], its(B, FIRST)),
        (old(X), [card(B, "X")], None),
    ],
)
def test_where_a_vf_is(one, there, found):
    finder = Finder(host(*there))
    assert finder.address_of(one) == found
    assert finder.at_home(one) is (found == one.address)


def test_vfs_follow_cards_that_changed_slots_as_their_pfs_entries_do():
    before, after = host(card(A, "X"), card(B, "Y")), host(card(A, "Y"), card(B, "X"))
    made = [MadeVfs(pf, before.devices[pf].identity, PfState(2), PfState(0), persist=True) for pf in (A, B)]
    there = followed(Tracker([claim(WEB, X)], made_vfs=made), after)
    assert there.moves == {its(A, FIRST): its(B, FIRST)}
    assert [entry.pf_in(after) for entry in made] == [B, A]
    (moved,) = next(iter(there.tracker)).holdings.values()
    assert moved.identity == after.devices[its(B, FIRST)].identity
    assert followed(there.tracker, after).moves == {}


def test_drift_tells_of_a_vf_whose_card_changed_slots():
    tracker = Tracker([claim(WEB, X)])
    after = host(card(A, "Y"), card(B, "X"))
    assert {address: str(move) for address, move in moved_devices(after, tracker).items()} == {
        its(B, FIRST): f"{WEB} claimed it at {its(A, FIRST)}"
    }
    assert [(entry["code"], entry["detail"]) for entry in drift(Snapshot(after, tracker))] == [
        ("moved", f"the device is at {its(B, FIRST)} now"),
        ("identity_changed", "pf_serial is Y, claimed was X"),
    ]


@pytest.mark.parametrize(
    ("one", "there", "mismatch"),
    [
        (X, card(A, "X"), None),
        (X, card(A, "X", slot=B), None),
        (X, card(A), None),
        (X, card(A, "Y"), "pf_serial is Y, claimed was X"),
        (X, card(A, "X", product_id="1521"), "pf_product_id is 1521, claimed was 10c9"),
        (X, card(A, "X", vfs=(SECOND, FIRST)), "vf_number is 1, claimed was 0"),
        (X, card(A, "X", function=1), "its PF is function 1 of the card, claimed was one of function 0"),
        (UNMARKED, card(A, "Y"), None),
        (old(X), card(A, "Y"), None),
    ],
)
def test_how_a_vf_differs_from_the_claimed_one(one, there, mismatch):
    assert identity_mismatch(host(there).devices[its(A, FIRST)], one) == mismatch


def test_a_vf_that_is_not_made_is_missed_of_its_own_pf_alone():
    ports = [*card(A, "X", vfs=()), *card(A, "X", vfs=(), function=1)]
    assert [pf.address for pf in pfs_of_unmade(inventory(*ports), X)] == [A]
    assert [pf.address for pf in pfs_of_unmade(inventory(*ports), old(X))] == [A, "0000:01:00.1"]
    assert pfs_of_unmade(host(card(A, "X", vfs=(SECOND,))), X) == []
    assert [
        pf.address
        for pf in pfs_of_unmade(
            host(card(A, "X", vfs=(SECOND,))), replace(X, identity={**X.identity, "vf_number": "1"})
        )
    ] == [A]


def test_a_pf_whose_vf_is_held_is_not_free_while_another_cards_has_the_address():
    statuses = Statuses(host(card(A, "Y"), card(B, "X", vfs=())), Tracker([claim(WEB, X)]))
    assert [(blocker.code, blocker.detail) for blocker in statuses.blockers(B)] == [
        ("pf_has_vfs", f"its VF {its(A, FIRST)}, which was not made again, is held by {WEB}")
    ]


def test_a_vf_is_described_with_its_pf():
    assert described(X.identity) == (
        "8086:10ca at 0000_00_01.0-00_10.0, VF 0 of 8086:10c9, serial X at 0000_00_01.0-00_00.0"
    )
    assert described(old(X).identity) == "8086:10ca at 0000_00_01.0-00_10.0"
