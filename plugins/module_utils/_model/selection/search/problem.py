# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a search is asked, and what it answers: requests with the devices that may serve them, and what binds them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ...host.topology import Where
    from ...relations.relation import Candidate, Relation


class Rank(t.NamedTuple):
    """How gladly a device is taken for a request, the fewer the better, compared one after the other.

    `own` is 0 of what the owner's domain has already, else 1, and 2 where group mates come along that are not chosen
    themselves; `tier` is how far its NUMA node is from the guest, 0 to 2, `tags` the number of tags, `vf` 1 of a VF.
    """

    own: int = 1
    tier: int = 0
    tags: int = 0
    vf: int = 0


@dataclass(frozen=True)
class Wanted:
    """A request in a search: `count` devices of one of the alternatives, each of which ranks those that may serve it.

    `held` are devices that it has and may keep, the ones in `parting` the last to be kept. With `may_go` they may be
    given back for others, else only what a smaller count leaves over. `consents` are the group mates that may come
    along, None for all. A `fixed` request is not asked for: it has what it has, and only constraints speak of it.
    """

    name: str
    owner: str
    count: int
    alternatives: tuple[t.Mapping[str, Rank], ...]
    held: frozenset[str] = frozenset()
    parting: frozenset[str] = frozenset()
    consents: frozenset[str] | None = frozenset()
    fixed: bool = False
    may_go: bool = False


@dataclass(frozen=True)
class Problem:
    """One search. `beside` are further free devices, which no request asks for."""

    wanted: tuple[Wanted, ...]
    candidates: t.Mapping[str, Candidate]
    constraints: tuple[Relation, ...] = ()
    wishes: tuple[Relation, ...] = ()
    beside: t.Mapping[str, Where] = field(default_factory=dict)

    def sides(self, relation: Relation, chosen: t.Sequence[t.Sequence[str]]) -> list[list[Candidate]]:
        """The devices that a relation is about, of the addresses that serve each request."""
        return [[self.candidates[address] for address in chosen[index]] for index in relation.wanted]


@dataclass(frozen=True)
class Solution:
    """The devices of each request in address order, and which alternative serves it.

    `complete` is false where the search ended at its bound: a better way may exist.
    """

    chosen: tuple[tuple[str, ...], ...]
    alternatives: tuple[int, ...]
    complete: bool = True
