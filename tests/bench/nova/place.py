# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of a host by the filter `place` against OpenStack Nova's, on the same hosts and requests, in one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .fleet import ASKED, Asked, fleet, only_of
from .processes import nova_python, novas, ours, shown

# What is asked for: so many times faster at the largest size, and the time of a host no more than so many times longer.
FASTER, GROWTH = 20, 1.5
# Nova's weigher counts no further (nova/scheduler/weights/pci.py).
_MANY = 99
# Host states of Nova: with the NUMA topology that libvirt reports of each host, which the filter copies with the pools
# of each, and without. What is asked for is asked of hosts as they are.
SIDES = {"as_reported": "with its NUMA topology as libvirt reports it", "bare": "without a NUMA topology"}
_LINEAR = "a GPU and 2 VFs"

Told = Mapping[str, Any]


def run(sizes: Sequence[int], rounds: int) -> None:
    """Print both sides' times and what they agree in; stops where they disagree or what is asked for is missed."""
    nova_python()
    print(
        "Nova: its PciPassthroughFilter and PCIWeigher on host states, then with the making of these from compute\n"
        "nodes, as for each request. Ours: the engine on pools that have been read; the whole filter on hostvars.\n"
        "Nova packs by all free devices, ours by those that fit: the orders are compared where both are one number.\n"
        f"Processor time, medians of {rounds} rounds."
    )
    told = {}
    for size in sorted(sizes):
        told[size] = {**novas("nova_placement", size, rounds), "ours": ours("our_placement", size, rounds)}
        agreed = _agree(told[size], size)
    largest, smallest = max(told), min(told)
    _line(f"\n{largest} hosts: what both say alike", "serve", "ordered")
    print("\n".join(agreed))
    faster = {side: _times(told[largest], side, largest) for side in SIDES}
    growth = _growth(told)
    if faster["as_reported"] < FASTER:
        raise SystemExit(f"bench: {faster['as_reported']:.1f} times faster than Nova, where {FASTER} are asked for")
    if growth > GROWTH:
        raise SystemExit(f"bench: a host takes {growth:.2f} times as long among {largest} as among {smallest}")


def _agree(told: Told, size: int) -> list[str]:
    """A line for each request. Stops unless the same hosts serve it, in one order where the definitions agree.

    Nova packs by all free devices, up to 99 of them, ours by those that fit: this is one number where every free device
    of a host fits and there are fewer. Equals go by name in ours, and stay in the order given, by name too, in Nova.
    """
    free, lines = fleet(size), []
    for name, asked in ASKED.items():
        mine = told["ours"][name]["order"]
        for side in SIDES:
            theirs = told[side]["requests"][name]["order"]
            if set(mine) != set(theirs):
                raise SystemExit(f"bench: {name}: one alone takes {sorted(set(mine) ^ set(theirs))[:9]}")
            alike = {host for host in theirs if _counts_alike(free[host] or [], asked)}
            if not alike or [host for host in theirs if host in alike] != [host for host in mine if host in alike]:
                raise SystemExit(f"bench: {name}: the orders of {len(alike)} hosts differ")
        best = "the same is best" if theirs[0] == mine[0] else f"best is {theirs[0]} for Nova, {mine[0]} for ours"
        lines.append(f"{name:<42}{len(mine):>12}{len(alike):>12}  {best}")
    return lines


def _counts_alike(free: list[dict[str, Any]], asked: Asked) -> bool:
    return only_of(free, asked) and sum(entry["count"] for entry in free) < _MANY


def _times(told: Told, side: str, size: int) -> float:
    """Print a line for each request, and return how many times faster the engine is at the least."""
    print(f"\n{size} hosts, each {SIDES[side]}")
    _line("the best host for", "Nova", "engine", "times", "and states", "filter", "times")
    least = float("inf")
    for name, mine in told["ours"].items():
        if name not in ASKED:
            _line(name, "can't", shown(mine["engine"]), "", "", shown(mine["filter"]))
            continue
        nova = told[side]["requests"][name]["seconds"]
        faster, whole = nova / mine["engine"], nova + told[side]["states"]
        ratio = f"{whole / mine['filter']:.1f}"
        _line(name, shown(nova), shown(mine["engine"]), f"{faster:.1f}", shown(whole), shown(mine["filter"]), ratio)
        least = min(least, faster)
    return least


def _growth(told: Mapping[int, Told]) -> float:
    """Print what a host takes at each size, and return how many times longer ours takes at the largest at worst."""
    _line(f"\na host, for {_LINEAR}", "Nova", "engine", "filter")
    ours_by_size: dict[int, list[float]] = {}
    for size, sides in told.items():
        nova, mine = sides["as_reported"]["requests"][_LINEAR]["seconds"], sides["ours"][_LINEAR]
        ours_by_size[size] = [mine[name] / size for name in ("engine", "filter")]
        _line(f"among {size}", *map(shown, (nova / size, *ours_by_size[size])))
    pairs = zip(ours_by_size[max(told)], ours_by_size[min(told)], strict=True)
    return max(at_largest / at_smallest for at_largest, at_smallest in pairs)


def _line(name: str, *cells: str) -> None:
    print(f"{name:<42}" + "".join(f"{cell:>12}" for cell in cells), flush=True)
