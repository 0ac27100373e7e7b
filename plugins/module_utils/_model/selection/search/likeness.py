# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which twins mirror each other at a point of a search: a tree turned so that one comes where the other is is the same.

Each node has a form, made of the forms below it whatever their order, and of what the search has done there. Twins
mirror each other when all nodes above them have the same forms.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .layout import Layout
    from .state import State


class Likeness:
    """The forms of one layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._children: list[list[int]] = [[] for _node in layout.nodes]
        self._twins: list[list[int]] = [[] for _node in layout.nodes]
        for place, node in enumerate(layout.nodes):
            if node.parent is not None:
                self._children[node.parent].append(place)
        for place, twins in enumerate(layout.twins):
            self._twins[twins.nodes[-1]].append(place)

    def kinds(self, state: State, places: t.Collection[int]) -> list[list[int]]:
        """The places, in lists of those that mirror each other, the lowest first in each."""
        labels = [self._layout.twins[place].label for place in places]
        if len(set(labels)) == len(labels):
            return [[place] for place in places]
        forms: dict[t.Hashable, int] = {}
        of_twins = [forms.setdefault(self._label(state, place), len(forms)) for place in range(len(self._layout.twins))]
        of_node = [0] * len(self._layout.nodes)
        for place in range(len(self._layout.nodes) - 1, -1, -1):
            node = self._layout.nodes[place]
            form = (
                node.bridges,
                node.switches,
                node.free,
                node.parent is None,
                tuple(sorted(of_node[child] for child in self._children[place])),
                tuple(sorted(of_twins[twins] for twins in self._twins[place])),
            )
            of_node[place] = forms.setdefault(form, len(forms))
        kinds: dict[t.Hashable, list[int]] = {}
        for place in sorted(places):
            above = tuple(of_node[node] for node in self._layout.twins[place].nodes)
            kinds.setdefault((above, of_twins[place]), []).append(place)
        return list(kinds.values())

    def _label(self, state: State, place: int) -> t.Hashable:
        twins = self._layout.twins[place]
        chosen = tuple(counts.get(place, 0) for counts in state.chosen)
        shut = tuple(place in shut for shut in state.shut)
        return (twins.label, len(twins.members), chosen, shut)
