# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that look the same to what is asked for, whatever their switches and root buses are called."""

from __future__ import annotations

import typing as t


class Item(t.NamedTuple):
    """Devices of one kind in one place: below a switch, on a root bus; None is in none, or not known."""

    kind: int
    places: tuple[str | None, ...] = ()


Alike = tuple[tuple[Item, int], ...]


def told_apart(items: t.Mapping[Item, int]) -> Alike:
    """The items with their counts, in one order, with places renamed by what is in them.

    What comes out the same is the same but for names. Hosts that are the same may come out different where their places
    are told apart by nothing but what is beside them; then each is searched, and nothing else is lost.
    """
    if not any(item.places for item in items):
        return tuple(sorted(items.items()))
    inside: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for item, count in items.items():
        for level, place in enumerate(item.places):
            if place is not None:
                inside.setdefault((level, place), []).append((item.kind, count))
    looks = {where: tuple(sorted(its)) for where, its in inside.items()}

    def look(entry: tuple[Item, int]) -> tuple[t.Any, ...]:
        item, count = entry
        places = tuple(looks.get((level, place), ()) for level, place in enumerate(item.places) if place is not None)
        return (tuple(place is None for place in item.places), places, item.kind, count, item.places)

    names: dict[tuple[int, str], str] = {}
    told = []
    # Items of one place stand together: it is named when it is first seen.
    for item, count in sorted(items.items(), key=look):
        places = tuple(
            None if place is None else names.setdefault((level, place), f"{level}.{len(names)}")
            for level, place in enumerate(item.places)
        )
        told.append((Item(item.kind, places), count))
    return tuple(told)
