# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search against a look at every way there is, and against itself with everything in another order."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search.search import (
    BoundedError,
    possible,
    search,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.every_way import best_way, ways
from ansible_collections.kvm.hostdev.tests.unit.plugins.module_utils._model.selection.search.random_problems import (
    random_problem,
)

# So that all of it takes two seconds.
MOST_WAYS = 300


def problems(number):
    """The first random problems that are small enough, each with its seed."""
    every = ((seed, random_problem(random.Random(seed))) for seed in itertools.count())
    return itertools.islice(((seed, one) for seed, one in every if ways(one) <= MOST_WAYS), number)


def test_a_thousand_random_problems_are_served_in_the_best_way():
    served = bound = 0
    for seed, problem in problems(1000):
        best = best_way(problem)
        found = search(problem)
        assert (found is None) == (best is None), seed
        if found is not None:
            assert (found.chosen, found.alternatives, found.complete) == (*map(tuple, best), True), seed
            served += 1
            bound += bool(problem.constraints)
    assert served > 400
    assert bound > 150


def test_whether_there_is_a_way_is_known_without_the_best_one():
    answers = []
    for seed, problem in problems(200):
        answers.append(possible(problem))
        assert answers[-1] == (search(problem) is not None), seed
    assert {True, False} == set(answers)


def shuffled(problem, chance):
    """The same problem with each of its mappings in another order."""

    def mixed(mapping):
        return dict(chance.sample(list(mapping.items()), len(mapping)))

    wanted = tuple(replace(one, alternatives=tuple(map(mixed, one.alternatives))) for one in problem.wanted)
    candidates = {address: replace(one, values=mixed(one.values)) for address, one in problem.candidates.items()}
    return replace(problem, wanted=wanted, candidates=mixed(candidates), beside=mixed(problem.beside))


def answer(problem, steps):
    try:
        return search(problem, steps)
    except BoundedError:
        return BoundedError


def test_the_order_of_mappings_and_an_earlier_search_change_nothing_at_any_bound():
    seen = []
    for seed, problem in problems(120):
        for steps in (20, 33, 40, 60, 150, 300_000):
            found = answer(problem, steps)
            assert answer(problem, steps) == found, seed
            assert answer(shuffled(problem, random.Random(seed)), steps) == found, seed
            seen.append(found if found in (None, BoundedError) else found.complete)
    assert {None, BoundedError, True, False} == set(seen)
