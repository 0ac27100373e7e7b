# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests that ask for the same: who of them gets which device makes no difference, and one way of it is looked at.

A block are requests that constraints or wishes bind to each other, alone one without any.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .problem import Problem
    from .state import State

    Block = tuple[int, ...]


class Swapping:
    """The blocks of a problem that could change places."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._alike: dict[Block, list[Block]] = {}
        self._block_of: dict[int, Block] = {}
        by_form: dict[t.Hashable, list[Block]] = {}
        if any(one.group is not None for one in problem.candidates.values()):
            return  # who has one device of an IOMMU group keeps the others from all other owners
        for block in self._blocks():
            if self._may_swap(block):
                by_form.setdefault(self._form(block), []).append(block)
        for blocks in by_form.values():
            for block in blocks if len(blocks) > 1 else ():
                self._alike[block] = [other for other in blocks if other != block]
                self._block_of.update(dict.fromkeys(block, block))

    def others(self, state: State, index: int, *, even: bool = False) -> list[int]:
        """The requests that could have this one's place, while neither has anything, nor have those bound to them.

        With `even` only where each device is as good as any other for them.
        """
        block = self._block_of.get(index)
        if block is None or any(state.chosen[one] for one in block) or (even and not self._is_even(block)):
            return []
        place = block.index(index)
        return [other[place] for other in self._alike[block] if not any(state.chosen[one] for one in other)]

    def _blocks(self) -> t.Iterator[Block]:
        root = list(range(len(self._problem.wanted)))
        for relation in (*self._problem.constraints, *self._problem.wishes):
            first = min(root[index] for index in relation.wanted)
            joined = {root[index] for index in relation.wanted}
            root = [first if one in joined else one for one in root]
        for first in sorted(set(root)):
            yield tuple(index for index, one in enumerate(root) if one == first)

    def _may_swap(self, block: Block) -> bool:
        """Of several bound together each device must be as good as any other, since ranks go request by request."""
        wanted = [self._problem.wanted[index] for index in block]
        if any(one.held or one.fixed or len(one.alternatives) > 1 for one in wanted):
            return False
        return len(wanted) == 1 or self._is_even(block)

    def _is_even(self, block: Block) -> bool:
        return all(len(set(self._problem.wanted[index].alternatives[0].values())) < 2 for index in block)

    def _form(self, block: Block) -> t.Hashable:
        wanted = [self._problem.wanted[index] for index in block]
        relations = tuple(
            tuple(
                relation._replace(wanted=tuple(map(block.index, relation.wanted)))
                for relation in relations
                if relation.wanted[0] in block
            )
            for relations in (self._problem.constraints, self._problem.wishes)
        )
        return tuple((one.count, frozenset(one.alternatives[0].items())) for one in wanted), relations
