# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host serves requests best, in which order others would, and why each of the rest does not."""

from __future__ import annotations

import typing as t

from ..errors import HostdevError, few
from .counting import PACK, SPREAD
from .judging import Judge, Service
from .unserved import Reason

if t.TYPE_CHECKING:
    from .asked import Asked

_Pools = t.Sequence[t.Mapping[str, t.Any]]

NO_FACTS, ANTI_AFFINITY, ELSEWHERE = "no_facts", "anti_affinity", "claimed_elsewhere"


class Placement(t.NamedTuple):
    """Hosts that serve the requests, best first, and for each other one the reason.

    `bounded` are those of the former of which the search ended at its bound, so that they may serve better.
    """

    order: tuple[str, ...]
    refused: t.Mapping[str, Reason]
    bounded: tuple[str, ...] = ()


def place(
    hosts: t.Mapping[str, _Pools],
    asked: Asked,
    strategy: str = PACK,
    refused: t.Mapping[str, Reason] | None = None,
    holders: t.Collection[str] = (),
) -> Placement:
    """The hosts in the order of choice; those in `refused` are not looked at.

    Compared are the alternatives, request by request, the wishes, one by one, then how many free devices fit any of the
    requests: to pack the fewest, to spread the most; then the names. On `holders` the owner has devices: their pools do
    not tell what it may keep, so they go first as they are.
    """
    judge = Judge(asked)
    reasons = dict(refused or {})
    served: list[tuple[tuple[t.Any, ...], str]] = []
    bounded = []
    for name, pools in hosts.items():
        if name in reasons or name in holders:
            continue
        fitting, found = judge.verdict(pools)
        if isinstance(found, Reason):
            reasons[name] = found
            continue
        served.append((_order(found, -fitting if strategy == SPREAD else fitting, name), name))
        if not found.complete:
            bounded.append(name)
    first = sorted(name for name in holders if name not in reasons)
    return Placement((*first, *(name for _order, name in sorted(served))), reasons, tuple(bounded))


def no_host(asked: Asked, placement: Placement) -> HostdevError:
    """The error where no host serves the requests, with the reason of each; hosts with one reason share a line."""
    by_reason: dict[Reason, list[str]] = {}
    for name, reason in placement.refused.items():
        by_reason.setdefault(reason, []).append(name)
    reasons = [f"{few(names)}: {reason.message} ({reason.code})" for reason, names in by_reason.items()]
    return HostdevError(
        "no_host",
        subject=few([request.name for request in asked.requests]) or "the requests",
        found=f"no host serves this: {'; '.join(reasons) or 'none is known'}",
        wanted="a host that serves all requests",
        remedy="ask for less, or gather the hosts that are not known",
    )


def _order(found: Service, number: int, name: str) -> tuple[t.Any, ...]:
    return found.alternatives, tuple(-count for count in found.met), number, name
