# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wants what of which rack, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .hosts import DISK, EVERYWHERE, GPU, NIC, VF

PLACED = ("Place", "Choose the host")
CLAIMED = ("Claim", "Claim, bind and attach the devices")
"""Tasks of plays/claim.yml, and of the playbook kvm.hostdev.place."""

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
    strategy: str = "pack"

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
            "fleet_strategy": self.strategy,
        }


def claims(number: int, racks: Sequence[str]) -> list[Claim]:
    """So many, spread over the racks, with all kinds of wishes in each; one of five goes to whichever host is best.

    By the same facts that is the same host for all of those that want the same. In racks every other round of wishes
    is spread instead of packed.
    """
    made = []
    for index in range(number):
        in_racks = index - index // 5
        rack, turn = racks[in_racks % len(racks)], in_racks // len(racks)
        strategy = "spread" if turn // len(_WISHES) % 2 else "pack"
        if index % 5 == 4:
            rack, turn, strategy = EVERYWHERE, index // 5, "pack"
        made.append(Claim(f"vm{index + 1:03}", rack, *_wish(turn), strategy))
    return made


def one_of_each(rack: str) -> list[Claim]:
    """One claim of each kind of wish, by names of their own."""
    return [Claim(f"placed{turn + 1}", rack, *_wish(turn)) for turn in range(len(_WISHES))]


def _wish(turn: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    wanted, constraints = _WISHES[turn % len(_WISHES)]
    return [{"name": name, "specs": [ids], "count": count} for name, (ids, count) in wanted.items()], constraints


@dataclass
class Outcome:
    """What became of a claim: the host that serves it and the devices there, and which hosts had nothing, with why."""

    claim: Claim
    host: str | None = None
    devices: frozenset[str] = frozenset()
    refusals: list[tuple[str, str]] = field(default_factory=list)


def outcome(claim: Claim, answers: Iterable[Answer]) -> Outcome:
    """By what the tasks for one claim returned: the order of hosts, then what each of them said."""
    order: list[str] = []
    found = Outcome(claim)
    for answer in answers:
        if answer.task in PLACED:
            (placement,) = answer.result["ansible_facts"].values()
            order = placement["order"]
        elif answer.task in CLAIMED and answer.state == "ok" and "error" not in answer.result:
            found.host = order[len(found.refusals)]
            found.devices = frozenset(device["address"] for device in answer.result["devices"])
        elif answer.task in CLAIMED:
            error = answer.result.get("error") or {}
            found.refusals.append((order[len(found.refusals)], str(error.get("code") or answer.result.get("msg"))))
    return found


def outcomes(wanted: Iterable[Claim], answers: Iterable[Answer]) -> list[Outcome]:
    """The same for many, which are the hosts of their tasks."""
    of_each: dict[str, list[Answer]] = {}
    for answer in answers:
        of_each.setdefault(answer.host, []).append(answer)
    return [outcome(claim, of_each.get(claim.name, ())) for claim in wanted]
