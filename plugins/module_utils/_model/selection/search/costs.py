# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a way costs: the order of choice, as numbers that are compared one after the other, the fewer the better.

`bound` is what any way from here costs at least, number by number; of a way at its end it is what that costs.
"""

from __future__ import annotations

import typing as t

from ...relations.pairing import paired
from ...relations.relation import IN_TREE
from .layout import VALUE_UNKNOWN

if t.TYPE_CHECKING:
    from ...relations.relation import Candidate, Relation
    from .layout import Layout, Twins
    from .problem import Rank
    from .state import Open, State

if t.TYPE_CHECKING:
    Cost = tuple[int, ...]
    _Vector = tuple[int, int, int, int, int, int]


class Costs:
    """The costs of one problem."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        problem = layout.problem
        self._asked = [index for index, wanted in enumerate(problem.wanted) if not wanted.fixed]
        self._near = [one for one in problem.constraints if one.match and one.attribute in IN_TREE]
        self._held = [sum(1 for address in wanted.held if address in problem.candidates) for wanted in problem.wanted]

    def bound(self, state: State, left: Open) -> Cost | None:
        """None where a held device would have to go that is to be kept."""
        given_back = self._given_back(state, left)
        if given_back is None:
            return None
        ended = not any(state.lacking)
        sides = self._sides(state, left)
        wishes, near = self._wishes(state, left, sides, ended=ended)
        near += sum(self._nearness(sides, relation) for relation in self._near)
        return (
            self._refused(state, ended=ended),
            given_back,
            sum(number for chosen in state.chosen for place, number in chosen.items() if self._twins(place).parting),
            *(state.alternatives[index] for index in self._asked),
            *wishes,
            *self._ranks(state, left, ended=ended),
            near,
            *self._spoilt(state, left, sides),
        )

    def later_alternatives_cost_more(self, cost: Cost) -> bool:
        """Whether a way has the least of all that goes before alternatives, so that none with later ones is better."""
        least = sum(max(0, self._held[index] - self._layout.problem.wanted[index].count) for index in self._asked)
        return cost[:3] == (0, least, 0)

    def crowded(self, state: State, left: Open) -> list[tuple[int, int]]:
        """What each twins leave at least below their switches, and on their root, when one of them is taken."""
        stay = self._stay(state, self._sides(state, left))[0]
        nodes = self._layout.nodes
        return [
            (sum(nodes[node].switches * stay[node] for node in twins.nodes), stay[twins.nodes[0]])
            for twins in self._layout.twins
        ]

    def nearness_to_chosen(self, state: State, index: int, place: int) -> int:
        """The bridges between a device and what it is to be put together with, of what is chosen already."""
        bridges = 0
        for relation in (*self._near, *self._layout.problem.wishes):
            if index in relation.wanted and relation.match and relation.attribute in IN_TREE:
                others = [other for other in relation.wanted if not relation.pair or other != index]
                between = [self._distance(place, chosen) for other in others for chosen in state.chosen[other]]
                bridges += (min(between, default=0)) if relation.pair else sum(between)
        return bridges

    def _distance(self, place: int, other: int) -> int:
        one, two = self._twins(place), self._twins(other)
        common = set(one.nodes).intersection(two.nodes)
        apart = {*one.nodes, *two.nodes} - common
        return one.private + two.private + sum(self._layout.nodes[node].bridges for node in apart)

    def _twins(self, place: int) -> Twins:
        return self._layout.twins[place]

    def _given_back(self, state: State, left: Open) -> int | None:
        total = 0
        for index in self._asked:
            held = self._held[index]
            if not held:
                continue
            kept = sum(number for place, number in state.chosen[index].items() if self._twins(place).held_by == index)
            more = sum(number for place, number in left[index].items() if self._twins(place).held_by == index)
            goes = held - kept - min(more, state.lacking[index])
            wanted = self._layout.problem.wanted[index]
            if not wanted.may_go and goes > max(0, held - wanted.count):
                return None
            total += goes
        return total

    def _refused(self, state: State, *, ended: bool) -> int:
        """How many group mates come along that nobody consented to."""
        mates: set[str] = set()
        for wanted, chosen in zip(self._layout.problem.wanted, state.chosen):
            if wanted.consents is not None:
                mates.update(mate for place in chosen for mate in self._twins(place).mates - wanted.consents)
        if not mates:
            return 0
        return len(mates - (_addresses(state) if ended else self._layout.problem.candidates.keys()))

    def _ranks(self, state: State, left: Open, *, ended: bool) -> t.Iterator[int]:
        """By criterion, and in each request by request."""
        chosen = _addresses(state) if ended else self._layout.problem.candidates.keys()
        of_each = [self._ranks_of(state, left, index, chosen) for index in self._asked]
        for first, end in ((0, 2), (2, 4), (4, 5), (5, 6)):
            for ranks in of_each:
                yield from ranks[first:end]

    def _ranks_of(self, state: State, left: Open, index: int, among: t.Collection[str]) -> list[int]:
        alternative, lacking = state.alternatives[index], state.lacking[index]
        vectors = [
            (self._vector(place, index, alternative, among), number) for place, number in state.chosen[index].items()
        ]
        if lacking:
            more = sorted((self._vector(place, index, alternative, among), place) for place in left[index])
            for vector, place in more:
                number = min(left[index][place], lacking)
                vectors.append((vector, number))
                lacking -= number
                if not lacking:
                    break
        return [sum(vector[criterion] * number for vector, number in vectors) for criterion in range(6)]

    def _vector(self, place: int, index: int, alternative: int, among: t.Collection[str]) -> _Vector:
        twins = self._twins(place)
        rank = t.cast("Rank", twins.ranks[index][alternative])
        own = 2 if rank.own and twins.mates and not all(mate in among for mate in twins.mates) else rank.own
        return (own > 0, own > 1, rank.tier > 0, rank.tier > 1, rank.tags, rank.vf)

    def _wishes(self, state: State, left: Open, sides: t.Sequence[_Side], *, ended: bool) -> tuple[list[int], int]:
        """How many of each wish are not met at least, and how many bridges lie between what met wishes put together."""
        unmet, near = [], 0
        for relation in self._layout.problem.wishes:
            total = pairs_of(relation, [self._layout.problem.wanted[index].count for index in relation.wanted])
            met = self._most_met(state, left, relation, total)
            unmet.append(total - met)
            if not relation.match or relation.attribute not in IN_TREE:
                continue
            if met == total:
                near += self._nearness(sides, relation)
            elif ended:
                near += _between_pairs(state, relation) if relation.pair else self._partly(state, relation)
        return unmet, near

    def _most_met(self, state: State, left: Open, relation: Relation, total: int) -> int:
        members, attribute = relation.wanted, relation.attribute
        most = [state.capacity(index, attribute, left) for index in members]
        if relation.pair:
            if not relation.match:
                return total if any(state.lacking) else _apart(*most)
            return min(
                total, sum(min(number, most[1].get(value, 0)) for value, number in most[0].items() if value >= 0)
            )
        has = _added(state.values(index, attribute) for index in members)
        lacking = sum(state.lacking[index] for index in members)
        most_of = _added(most)
        count = _most_alike if relation.match else _most_apart
        return min(total, count(has, most_of, lacking))

    def _partly(self, state: State, relation: Relation) -> int:
        """The bridges between all pairs of devices that share the value, where not all do."""
        apart: dict[int, dict[int, int]] = {}
        for index in relation.wanted:
            for place, number in state.chosen[index].items():
                value = self._twins(place).values[relation.attribute]
                if value >= 0:
                    of_value = apart.setdefault(value, {})
                    of_value[place] = of_value.get(place, 0) + number
        return sum(self._between(chosen) for chosen in apart.values())

    def _between(self, chosen: t.Mapping[int, int]) -> int:
        total = sum(chosen.values())
        below: dict[int, int] = {}
        bridges = 0
        for place, number in chosen.items():
            bridges += self._twins(place).private * number * (total - 1)
            for node in self._twins(place).nodes:
                below[node] = below.get(node, 0) + number
        return bridges + sum(
            self._layout.nodes[node].bridges * number * (total - number) for node, number in below.items()
        )

    def _nearness(self, of_each: t.Sequence[_Side], relation: Relation) -> int:
        """The bridges between the devices that a relation puts together, all of which are to have it.

        Each bridge lies between those below it and the others.
        """
        sides = [of_each[index] for index in relation.wanted]
        nodes = self._layout.nodes
        if relation.pair:
            private = sum(side.private for side in sides)
            (least, most), (least_other, most_other) = ((side.least, side.most) for side in sides)
            return private + sum(
                nodes[node].bridges
                * max(0, least.get(node, 0) - most_other.get(node, 0), least_other.get(node, 0) - most.get(node, 0))
                for node in {*least, *least_other}
            )
        total = sum(self._layout.problem.wanted[index].count for index in relation.wanted)
        low, high = _added(side.least for side in sides), _added(side.most for side in sides)
        return sum(side.private for side in sides) * (total - 1) + sum(
            nodes[node].bridges * min(number * (total - number), high[node] * (total - high[node]))
            for node, number in low.items()
        )

    def _sides(self, state: State, left: Open) -> list[_Side]:
        return [self._side(state, left, index) for index in range(len(left))]

    def _side(self, state: State, left: Open, index: int) -> _Side:
        """How many of a request's devices are below each node, at least and at most; and its private bridges."""
        least: dict[int, int] = {}
        private = 0
        for place, number in state.chosen[index].items():
            private += self._twins(place).private * number
            for node in self._twins(place).nodes:
                least[node] = least.get(node, 0) + number
        most, lacking = dict(least), state.lacking[index]
        if lacking:
            more: dict[int, int] = {}
            for place, number in left[index].items():
                for node in self._twins(place).nodes:
                    more[node] = more.get(node, 0) + number
            for node, number in more.items():
                most[node] = most.get(node, 0) + min(number, lacking)
            private += lacking * min(self._twins(place).private for place in left[index])
        return _Side(least, most, private)

    def _spoilt(self, state: State, left: Open, sides: t.Sequence[_Side]) -> tuple[int, int]:
        """Over all pairs of a device taken and a free one left, the switches above both, and those on one root.

        Of n devices below a switch of which x are taken that is x (n - x), least where x is as small or as large as it
        can be. The other way to look at it is from each device: what is taken leaves at least what can't be taken.
        """
        stay, low, high = self._stay(state, sides)
        switches = roots = 0
        for place, node in enumerate(self._layout.nodes):
            of_node = min(low[place] * (node.free - low[place]), high[place] * (node.free - high[place]))
            switches += node.switches * of_node
            roots += of_node if node.parent is None else 0
        by_device = self._left_by_each(state, left, stay)
        return max(switches, by_device[0]), max(roots, by_device[1])

    def _stay(self, state: State, of_each: t.Sequence[_Side]) -> tuple[list[int], list[int], list[int]]:
        """For each node how many free devices stay below it at least, and how many are taken at least and at most."""
        sides = [of_each[index] for index in self._asked]
        lacking = sum(state.lacking)
        least, most = _added(side.least for side in sides), _added(side.most for side in sides)
        low = [least.get(place, 0) for place in range(len(self._layout.nodes))]
        high = [
            min(most.get(place, 0), low[place] + lacking, node.free) for place, node in enumerate(self._layout.nodes)
        ]
        return [node.free - taken for node, taken in zip(self._layout.nodes, high)], low, high

    def _left_by_each(self, state: State, left: Open, stay: t.Sequence[int]) -> tuple[int, int]:
        nodes, twins = self._layout.nodes, self._layout.twins
        switches = [sum(nodes[node].switches * stay[node] for node in one.nodes) for one in twins]
        roots = [stay[one.nodes[0]] for one in twins]
        together: dict[int, int] = {}
        for index in self._asked:
            together.update(left[index])
        lacking = sum(state.lacking[index] for index in self._asked)
        return self._least_of(state, left, switches, together, lacking), self._least_of(
            state, left, roots, together, lacking
        )

    def _least_of(
        self, state: State, left: Open, weights: t.Sequence[int], together: t.Mapping[int, int], lacking: int
    ) -> int:
        """The least sum of weights: each request has the lightest, and no device is had by two of them."""
        chosen = sum(weights[place] * number for index in self._asked for place, number in state.chosen[index].items())
        of_each = sum(_lightest(weights, left[index], state.lacking[index]) for index in self._asked)
        return chosen + max(of_each, _lightest(weights, together, lacking))


def _lightest(weights: t.Sequence[int], left: t.Mapping[int, int], lacking: int) -> int:
    total = 0
    for weight, number in sorted((weights[place], number) for place, number in left.items()) if lacking else ():
        total += weight * min(number, lacking)
        lacking -= min(number, lacking)
        if not lacking:
            break
    return total


def _between_pairs(state: State, relation: Relation) -> int:
    """The bridges between the pairs that hold, of what is chosen. That is work: it counts as steps."""
    ones, others = (_chosen(state, index) for index in relation.wanted)
    state.steps += len(ones) ** 2 + len(ones) ** 3 // 10  # a table, and ways through it, which are quicker looks
    return sum(pair.bridges for pair in paired(relation, ones, others) if pair.holds)


def _chosen(state: State, index: int) -> list[Candidate]:
    twins, candidates = state.layout.twins, state.layout.problem.candidates
    return [
        candidates[address]
        for place, number in state.chosen[index].items()
        for address in twins[place].members[:number]
    ]


class _Side(t.NamedTuple):
    least: dict[int, int]
    most: dict[int, int]
    private: int


def pairs_of(relation: Relation, counts: t.Sequence[int]) -> int:
    """How many pairs a wish is about."""
    total = sum(counts)
    return counts[0] if relation.pair else total * (total - 1) // 2


def _addresses(state: State) -> set[str]:
    """What is chosen, of twins that are alone as devices with group mates are."""
    twins = state.layout.twins
    return {address for chosen in state.chosen for place in chosen for address in twins[place].members[:1]}


def _added(several: t.Iterable[t.Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for counts in several:
        for key, number in counts.items():
            total[key] = total.get(key, 0) + number
    return total


def _most_alike(has: t.Mapping[int, int], most: t.Mapping[int, int], lacking: int) -> int:
    """The most pairs of one value: when the rest all come to the value that has most, or into the largest ones."""
    chosen = sum(has.values())
    total = chosen + lacking
    alike = sum(number * (number - 1) // 2 for value, number in has.items() if value >= 0)
    largest = max((number for value, number in has.items() if value >= 0), default=0)
    joined = alike + lacking * largest + lacking * (lacking - 1) // 2
    filled, rest = 0, total
    for number in sorted((number for value, number in most.items() if value >= 0), reverse=True):
        placed = min(number, rest)
        filled += placed * (placed - 1) // 2
        rest -= placed
    return min(joined, filled)


def _most_apart(has: t.Mapping[int, int], most: t.Mapping[int, int], lacking: int) -> int:
    """The most pairs of different values: when the rest come to the values that have least."""
    total = sum(has.values()) + lacking
    unknown = has.get(VALUE_UNKNOWN, 0)
    counts = {value: has.get(value, 0) for value in most if value >= 0}
    apart = sum(number - has.get(value, 0) for value, number in most.items() if value < VALUE_UNKNOWN)
    alike = sum(number * (number - 1) // 2 for number in counts.values())
    for _device in range(max(0, lacking - apart)):
        open_values = [value for value, number in counts.items() if number < most[value]]
        if not open_values:
            break
        least = min(open_values, key=counts.__getitem__)
        alike += counts[least]
        counts[least] += 1
    known = total - unknown
    return known * (known - 1) // 2 - alike


def _apart(ones: t.Mapping[int, int], others: t.Mapping[int, int]) -> int:
    """As relations.pairs_met, by numbers of values."""
    mine = sum(number for value, number in ones.items() if value != VALUE_UNKNOWN)
    its = sum(number for value, number in others.items() if value != VALUE_UNKNOWN)
    most = max((number for value, number in _added((ones, others)).items() if value >= 0), default=0)
    return min(mine, its, mine + its - most)
