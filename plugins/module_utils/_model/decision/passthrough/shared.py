# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Constraints and wishes over the requests of several owners, as data names them and as the record does."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ...errors import HostdevError, few
from ...requests.constraints import check_constraints, kept_constraints, owner_and_request, reference
from ..constraints import nameable

if t.TYPE_CHECKING:
    from ...claims.claim import Claim
    from ...claims.tracker import Tracker
    from ...requests.constraints import Constraint
    from ...requests.request import Request
    from ...requests.wish import HostWish
    from .owners import Owners


@dataclass(frozen=True)
class Shared:
    """What is asked for of several owners together, each request named OWNER/REQUEST with the owner's id.

    `named` are all requests of the run, named so.
    """

    constraints: tuple[Constraint, ...] = ()
    prefer: tuple[Constraint, ...] = ()
    named: frozenset[str] = frozenset()

    def noted(self, tracker: Tracker, after: Claim) -> Claim:
        """An owner's claim as it shall be, with what is asked for of it and of others together."""
        own = {reference(after.owner.id, name) for name in after.requests}
        left = nameable(tracker, after) | self.named
        constraints, prefer = (
            kept_constraints(kept, self.named, [one for one in asked if not own.isdisjoint(one.requests)], left)
            for kept, asked in ((after.constraints, self.constraints), (after.prefer, self.prefer))
        )
        return replace(after, constraints=constraints, prefer=prefer)


def shared(tracker: Tracker, owners: Owners, wish: HostWish) -> Shared:
    """What the data asks for of several owners together, by the record before anything of the run is done.

    Raises HostdevError with code invalid_constraint.
    """
    known = _Known(tracker, owners)
    constraints, prefer = (
        known.read(entries, path) for path, entries in (("constraints", wish.constraints), ("prefer", wish.prefer))
    )
    named = {reference(asked.owner.id, request.name) for asked in owners for request in asked.wish.requests}
    return Shared(constraints, prefer, frozenset(named))


class _Known:
    """The owners that constraints may name, by each of their names, with their requests by the run's end."""

    def __init__(self, tracker: Tracker, owners: Owners) -> None:
        self._requests: dict[str, dict[str, Request]] = {}
        self._ids: dict[str, str] = {}
        claims = {claim.owner.key: claim for claim in tracker}
        claims.update({asked.owner.key: tracker.claim_of(asked.owner) for asked in owners})
        for claim in claims.values():
            asked = owners.asked(claim.owner)
            wanted = () if asked is None else asked.wish.requests
            self._requests[claim.owner.id] = {**claim.requests, **{request.name: request for request in wanted}}
            self._ids.setdefault(claim.owner.label, claim.owner.id)
        # A UUID goes before whatever is called like one, and whom the data names before all others of that name.
        self._ids.update((asked.owner.label, asked.owner.id) for asked in owners)
        self._ids.update((owner, owner) for owner in self._requests)

    def read(self, entries: t.Sequence[Constraint], path: str) -> tuple[Constraint, ...]:
        by_name = {name: self._requests[owner] for name, owner in self._ids.items()}
        told: dict[str, str] = {}
        for index, entry in enumerate(entries):
            for place, text in enumerate(entry.requests):
                split = owner_and_request(text, by_name)
                if split is None:
                    raise _unknown(f"{path}[{index}].requests[{place}]", text, by_name)
                told[text] = reference(self._ids[split[0]], split[1])
        requests = {
            reference(name, request): one for name, requests in by_name.items() for request, one in requests.items()
        }
        check_constraints(entries, requests, path)
        read = tuple(entry.renamed(told.__getitem__) for entry in entries)
        for index, entry in enumerate(read):
            if len(set(entry.requests)) < len(entry.requests):
                given = ", ".join(entries[index].requests)
                raise _invalid(
                    f"{path}[{index}].requests", f"one request by two names of its owner ({given})", "it once"
                )
        return read


def _unknown(path: str, text: str, owners: t.Mapping[str, t.Collection[str]]) -> HostdevError:
    """The error of what names no known owner, with the one that may be meant."""
    from ...nearest import did_you_mean, nearest_first

    names = [reference(owner, request) for owner, requests in owners.items() for request in requests]
    of_whom = sorted(reference(owner, text) for owner, requests in owners.items() if text in requests)
    otherwise = "name the owner as claims does, then a slash, then its request"
    of_one = "what is over one owner alone may stand in its entry of claims"
    return _invalid(
        path,
        f"found {text!r}",
        f"OWNER/REQUEST, of this task or on record ({few(nearest_first(text, names), none='there is none')})",
        f"say whose it is, such as {of_whom[-1]}; {of_one}" if of_whom else did_you_mean(text, names, otherwise),
    )


def _invalid(path: str, found: str, wanted: str, remedy: str = "") -> HostdevError:
    return HostdevError("invalid_constraint", subject=path, found=found, wanted=wanted, remedy=remedy)
