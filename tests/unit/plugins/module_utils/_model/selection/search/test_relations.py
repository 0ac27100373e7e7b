# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is unknown matches nothing and is distinct from nothing; below no switch is distinct from everything."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.shared import (
    NOTHING,
    UNKNOWN,
    apart,
    holds,
    pairs_among,
    pairs_met,
    shares,
    value,
)
from ansible_collections.kvm.hostdev.tests.unit.plugins.module_utils._model.selection.search.trees import candidate

VALUES = ("a", "b", NOTHING, UNKNOWN)
CARD = "0000:01:00.0"


@pytest.mark.parametrize(
    ("one", "other", "together", "not_together"),
    [
        ("a", "a", True, False),
        ("a", "b", False, True),
        ("a", NOTHING, False, True),
        (NOTHING, NOTHING, False, True),
        ("a", UNKNOWN, False, False),
        (NOTHING, UNKNOWN, False, False),
        (UNKNOWN, UNKNOWN, False, False),
    ],
)
def test_two_values(one, other, together, not_together):
    for pair in ((one, other), (other, one)):
        assert (shares(*pair), apart(*pair)) == (together, not_together)


def test_the_outermost_switch_tells_who_is_below_a_common_one():
    inner, outer = (candidate(CARD, path) for path in ("r/p/u1/d1/u2/d2", "r/p/u1/d3"))
    assert value(inner, "pcie_switch") == value(outer, "pcie_switch") == "u1"
    assert value(candidate(CARD, "r/p"), "pcie_switch") is NOTHING


def test_what_is_not_known_of_a_device_is_unknown():
    assert value(candidate(CARD, numa_node=None), "numa_node") is UNKNOWN
    assert value(candidate(CARD), "rail") is UNKNOWN
    assert value(candidate(CARD, "r7/p"), "pcie_root") == "r7"


def test_one_device_alone_has_a_value_to_match_and_is_distinct_anyway():
    assert [holds([one], match=True) for one in VALUES] == [True, True, False, False]
    assert all(holds([one], match=False) for one in VALUES)


def test_among_several_each_pair_must_hold():
    assert not holds(["a", "a", "b"], match=True)
    assert not holds(["a", "b", "a"], match=False)
    assert pairs_among(["a", "a", "b", NOTHING], match=True) == 1
    assert pairs_among(["a", "a", "b", NOTHING, UNKNOWN], match=False) == 5


@pytest.mark.parametrize(("match", "related"), [(True, shares), (False, apart)])
def test_as_many_pairs_as_the_best_of_all_pairings_has(match, related):
    for size in (1, 2, 3):
        for ones, others in itertools.product(itertools.combinations_with_replacement(VALUES, size), repeat=2):
            best = max(sum(map(related, ones, order)) for order in itertools.permutations(others))
            assert pairs_met(ones, others, match=match) == best, (ones, others)
