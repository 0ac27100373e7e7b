# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host serves requests best, in which order others would, and why each of the rest does not."""

from __future__ import annotations

import typing as t

from ..errors import HostdevError, few
from ..selection.search.search import STEPS
from .counting import PACK, SPREAD
from .judging import Judge
from .unserved import Reason

if t.TYPE_CHECKING:
    from .asked import Asked
    from .judging import Glance

_Pools = t.Sequence[t.Mapping[str, t.Any]]

NO_FACTS, ANTI_AFFINITY, ELSEWHERE = "no_facts", "anti_affinity", "claimed_elsewhere"


# Steps of the searches of all hosts together, and of each at least.
_STEPS, _LEAST_STEPS = 3_000_000, 1_000


class Placement(t.NamedTuple):
    """Hosts that serve the requests, best first, and for each other one the reason.

    `bounded` are those of the former of which the search ended at its bound, so that they may serve better.
    """

    order: tuple[str, ...]
    refused: t.Mapping[str, Reason]
    bounded: tuple[str, ...] = ()


def place(
    hosts: t.Mapping[str, _Pools],
    asked: Asked | t.Mapping[str, Asked],
    strategy: str = PACK,
    refused: t.Mapping[str, Reason] | None = None,
    holders: t.Collection[str] = (),
) -> Placement:
    """The hosts in the order of choice, by what is asked of all or of each; those in `refused` are not looked at.

    Compared are the alternatives, request by request, the wishes, one by one, then how many free devices fit any of the
    requests: to pack the fewest, to spread the most; then the names. On `holders` the owner has devices: their pools do
    not tell what it may keep, so they go first as they are.
    """
    reasons = dict(refused or {})
    glances = _glances({name: hosts[name] for name in hosts if name not in reasons and name not in holders}, asked)
    # The bound is one for all: of many hosts that are all different each is searched less.
    different = len({(id(judge), glance.alike) for judge, glance in glances.values()})
    steps = min(STEPS, max(_LEAST_STEPS, _STEPS // max(different, 1)))
    served: list[tuple[tuple[t.Any, ...], str]] = []
    bounded = []
    for name, (judge, glance) in glances.items():
        found = judge.verdict(glance.alike, steps)
        if isinstance(found, Reason):
            reasons[name] = found
            continue
        number = -glance.fitting if strategy == SPREAD else glance.fitting
        served.append(((found.alternatives, tuple(-count for count in found.met), number, name), name))
        if not found.complete:
            bounded.append(name)
    first = sorted(name for name in holders if name not in reasons)
    return Placement((*first, *(name for _order, name in sorted(served))), reasons, tuple(bounded))


def _glances(hosts: t.Mapping[str, _Pools], asked: Asked | t.Mapping[str, Asked]) -> dict[str, tuple[Judge, Glance]]:
    judges: dict[int, Judge] = {}
    found = {}
    for name, pools in hosts.items():
        its = asked[name] if isinstance(asked, t.Mapping) else asked
        judge = judges.get(id(its))
        if judge is None:
            judge = judges[id(its)] = Judge(its)
        found[name] = judge, judge.glance(pools)
    return found


def no_host(asked: Asked, placement: Placement) -> HostdevError:
    """The error where no host serves the requests, with the reason of each; hosts with one reason share a line."""
    by_reason: dict[Reason, list[str]] = {}
    for name, reason in placement.refused.items():
        by_reason.setdefault(reason, []).append(name)
    reasons = [f"{few(names)}: {reason.message} ({reason.code})" for reason, names in by_reason.items()]
    return HostdevError(
        "no_host",
        subject=few(asked.names),
        found=f"no host serves this: {'; '.join(reasons) or 'none is known'}",
        wanted="a host that serves all requests",
        remedy="ask for less, or gather the hosts that are not known by the playbook kvm.hostdev.facts",
    )
