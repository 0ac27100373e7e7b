# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wants what of which rack, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .hosts import DISK, EVERYWHERE, GPU, NIC, VF

PLACED, CLAIMED = "Place", "Claim"
"""Tasks of plays/claim.yml."""

# What is wanted by turns: requests, and what they must share.
_BELOW_ONE_SWITCH = [{"requests": ["gpu", "nic"], "match": "pcie_switch"}]
_WISHES: tuple[tuple[dict[str, tuple[str, int]], list[dict[str, Any]]], ...] = (
    ({"nic": (VF, 1)}, []),
    ({"gpu": (GPU, 1)}, []),
    ({"nic": (VF, 3)}, []),
    ({"gpu": (GPU, 2), "nic": (NIC, 1)}, _BELOW_ONE_SWITCH),
    ({"disk": (DISK, 1)}, []),
    ({"gpu": (GPU, 1), "nic": (VF, 1)}, _BELOW_ONE_SWITCH),
)


class Answer(NamedTuple):
    """What one task returned for a host of the inventory; `state` is ok, failed or unreachable."""

    task: str
    host: str
    state: str
    result: Mapping[str, Any]


class Claim(NamedTuple):
    """What one owner wants of a rack, or of EVERYWHERE."""

    name: str
    rack: str
    requests: Sequence[Mapping[str, Any]]
    constraints: Sequence[Mapping[str, Any]] = ()

    @property
    def number(self) -> int:
        """How many devices it wants."""
        return sum(int(request["count"]) for request in self.requests)

    def variables(self) -> dict[str, Any]:
        """As plays/claim.yml has it."""
        return {
            "fleet_rack": self.rack,
            "fleet_requests": list(self.requests),
            "fleet_constraints": list(self.constraints),
        }


def claims(number: int, racks: Sequence[str]) -> list[Claim]:
    """So many, spread over the racks, with all kinds of wishes in each; one of five goes to whichever host is best.

    By the same facts that is the same host for all of those that want the same.
    """
    made = []
    for index in range(number):
        in_racks = index - index // 5
        rack, turn = racks[in_racks % len(racks)], in_racks // len(racks)
        if index % 5 == 4:
            rack, turn = EVERYWHERE, index // 5
        wanted, constraints = _WISHES[turn % len(_WISHES)]
        requests = [{"name": name, "specs": [ids], "count": count} for name, (ids, count) in wanted.items()]
        made.append(Claim(f"vm{index + 1:03}", rack, requests, constraints))
    return made


@dataclass
class Outcome:
    """What became of a claim: the host that serves it and the devices there, and which hosts had nothing, with why."""

    claim: Claim
    host: str | None = None
    devices: frozenset[str] = frozenset()
    refusals: list[tuple[str, str]] = field(default_factory=list)


def outcomes(wanted: Iterable[Claim], answers: Iterable[Answer]) -> list[Outcome]:
    """By what the tasks of plays/claim.yml returned: the order of hosts, then what each of them said."""
    found = {claim.name: Outcome(claim) for claim in wanted}
    orders: dict[str, list[str]] = {}
    for answer in answers:
        outcome, result = found[answer.host], answer.result
        if answer.task == PLACED:
            orders[answer.host] = list(result["ansible_facts"]["fleet_order"])
        elif answer.task == CLAIMED and answer.state == "ok":
            outcome.host = orders[answer.host][len(outcome.refusals)]
            outcome.devices = frozenset(device["address"] for device in result["devices"])
        elif answer.task == CLAIMED:
            host = orders[answer.host][len(outcome.refusals)]
            outcome.refusals.append((host, str((result.get("error") or {}).get("code") or result.get("msg"))))
    return list(found.values())
