# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pairs: most that hold, then the nearest, then each with its lowest partner."""

from __future__ import annotations

import itertools
import random

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import distance
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.pairing import paired
from ansible_collections.kvm.hostdev.tests.unit.plugins.module_utils._model.selection.search.trees import (
    candidate,
    pairs,
)

GPU, GPU2, GPU3 = (f"0000:0{number}:00.0" for number in (1, 2, 3))
NIC, NIC2, NIC3 = (f"0000:1{number}:00.0" for number in (1, 2, 3))


def made(ones, others, attribute="pcie_switch"):
    sides = [[candidate(address, path) for address, path in side.items()] for side in (ones, others)]
    return [(pair.one, pair.other, pair.holds) for pair in paired(pairs(attribute=attribute), *sides)]


def test_each_has_its_lowest_partner_whatever_the_order_of_the_sides():
    gpus = {GPU2: "r/p/u/d2", GPU: "r/p/u/d1"}
    nics = {NIC2: "r/p/u/d4", NIC: "r/p/u/d3"}
    assert made(gpus, nics) == [(GPU, NIC, True), (GPU2, NIC2, True)]


def test_addresses_are_numbers():
    behind = "10000:01:00.0"
    disks = {behind: "r/p/u/d3", NIC: "r/p/u/d4"}
    assert made({GPU: "r/p/u/d1", GPU2: "r/p/u/d2"}, disks) == [(GPU, NIC, True), (GPU2, behind, True)]


def test_a_near_partner_goes_before_a_low_one():
    gpus = {GPU: "r/p/u/d1/u1/d11", GPU2: "r/p/u/d2/u2/d21"}
    nics = {NIC: "r/p/u/d2/u2/d22", NIC2: "r/p/u/d1/u1/d12"}
    assert made(gpus, nics) == [(GPU, NIC2, True), (GPU2, NIC, True)]


def test_pairs_that_hold_go_before_near_ones():
    ones = [candidate(GPU, "r/p/u/d1/u1/d11", rail=0), candidate(GPU2, "r/p/u/d2/u2/d21", rail=1)]
    others = [candidate(NIC, "r/p/u/d1/u1/d12", rail=1), candidate(NIC2, "r/p/u/d2/u2/d22", rail=0)]
    assert [pair.other for pair in paired(pairs(attribute="rail"), ones, others)] == [NIC2, NIC]
    assert [pair.other for pair in paired(pairs(), ones, others)] == [NIC, NIC2]


def test_a_pair_that_does_not_hold_is_told_apart():
    gpus = {GPU: "r/p1/u1/d1", GPU2: "r/p2"}
    nics = {NIC: "r/p1/u1/d2", NIC2: "r/p3/u3/d3"}
    assert made(gpus, nics) == [(GPU, NIC, True), (GPU2, NIC2, False)]


def test_the_first_has_its_lowest_partner_before_the_second_has():
    gpus = {GPU: "r/p1", GPU2: "r/p2", GPU3: "r/p3"}
    nics = {NIC: "r/p4", NIC2: "r/p5", NIC3: "r/p6"}
    assert [other for _one, other, _holds in made(gpus, nics, "pcie_root")] == [NIC, NIC2, NIC3]


def cost(ones, others):
    """Of a pairing on a host of one root bus, by its definition."""
    places = [(one.where, other.where) for one, other in zip(ones, others)]
    unmet = sum(1 for one, other in places if not set(one.pcie_switches) & set(other.pcie_switches))
    return unmet, sum(distance(*pair).bridges for pair in places)


def test_no_pairing_is_better():
    chance = random.Random(1)
    ends = [f"r/p{port}/u{port}/d{port}{number}" for port in (0, 1) for number in range(4)]
    ends += ["r", "r/p9", *(f"r/p1/u1/d13/u2/d2{number}" for number in (0, 1))]
    for _round in range(60):
        size = chance.choice((2, 3, 4))
        chosen = chance.sample(ends, 2 * size)
        ones, others = (
            [candidate(f"0000:{bus + number:02x}:00.0", path) for number, path in enumerate(side)]
            for bus, side in ((0, chosen[:size]), (16, chosen[size:]))
        )
        # Of equally good ones the first has the lowest partners.
        best = min(itertools.permutations(others), key=lambda order, ones=ones: cost(ones, order))
        assert [pair.other for pair in paired(pairs(), ones, others)] == [other.address for other in best]
