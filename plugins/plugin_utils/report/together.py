# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What owners asked for over several of their devices: constraints and wishes, as people read them."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import (
    Constraint,
    owner_and_request,
)

if t.TYPE_CHECKING:
    from .models import Facts


class Together(t.NamedTuple):
    """A constraint, or a wish: its requests, each with its owner's id, and what they are to share, or not to."""

    requests: tuple[tuple[str, str], ...]
    owners: tuple[str, ...]
    told: str


def together(facts: Facts) -> list[Together]:
    """All on record, by claims. One over several owners, which each of them has on record, comes once."""
    claims = {claim["owner"]["id"]: claim for claim in facts.get("claims") or ()}
    labels = {owner: str(claim["owner"]["label"]) for owner, claim in claims.items()}
    requests = {owner: [request["name"] for request in claim.get("requests") or ()] for owner, claim in claims.items()}
    found = []
    for owner, claim in claims.items():
        for key in ("constraints", "prefer"):
            for entry in claim.get(key) or ():
                constraint = Constraint.from_dict(entry)
                named = tuple(
                    (name in requests[owner] and (owner, name)) or owner_and_request(name, requests) or (owner, name)
                    for name in constraint.requests
                )
                found.append(_together(named, constraint, labels, wish=key == "prefer"))
    return list(dict.fromkeys(found))


def _together(
    named: tuple[tuple[str, str], ...], constraint: Constraint, labels: t.Mapping[str, str], *, wish: bool
) -> Together:
    """Of one owner's requests the names alone: the owner stands beside them."""
    owners = tuple(dict.fromkeys(labels[owner] for owner, _request in named))
    names = [request if len(owners) == 1 else f"{labels[owner]}/{request}" for owner, request in named]
    told = f"{', '.join(names)}: {constraint.relation} {constraint.attribute}"
    return Together(named, owners, told + (", in pairs" if constraint.pair else "") + (" (a wish)" if wish else ""))


def together_of(facts: Facts) -> dict[str, list[str]]:
    """What a held function is asked to share with others, or not to, by its address."""
    asked = together(facts)
    return {
        holding["address"]: [
            one.told for one in asked if (claim["owner"]["id"], holding.get("request")) in one.requests
        ]
        for claim in facts.get("claims") or ()
        for holding in claim.get("devices") or ()
    }
