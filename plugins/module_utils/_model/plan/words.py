# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What plans do, in one line: `web1: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci, attached to definition`."""

from __future__ import annotations

import typing as t

from ..claims.words import BESIDE, requests_told
from ..errors import few, one_line
from .plan import CLAIM, of_each_owner

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from .plan import Plan

BETWEEN = " | "
"""What stands between two owners, or two other things that are done."""


def told(plan: Plan, owner: str, *, check_mode: bool) -> str:
    """What one owner's plan does, or in check mode would do; of devices that only stay, that they do.

    `owner` is what the owner is called, see told_apart.
    """
    after = plan.after
    if not plan.changed:
        return one_line(f"{owner}: {_unchanged(plan)}")
    from .step_words import changes

    words = changes(plan)
    still = len({*after.holdings, *after.node_devices} - words.devices) if plan.operation == CLAIM else 0
    parts = [*words.parts]
    if parts and still:
        parts.append(f"{still} other{'s' if still > 1 else ''} as {_were(still)}")
    if not parts:
        parts.append(f"{_as_was(after)} but for the record")
    would = " would change" if check_mode else ""
    return one_line(f"{owner}{would}: " + BESIDE.join(parts))


def told_of(
    plans: t.Iterable[Plan], names: t.Mapping[str, str], *, check_mode: bool, also: t.Iterable[str] = ()
) -> str:
    """What the plans of several owners do, and `also` what else was done; empty without any.

    `names` has what owners are called, by their keys, see told_apart.
    Owners for whom nothing is done are counted, where there are others. One owner may have several plans.
    """
    owners = of_each_owner(plans)
    changed = [told(plan, names[plan.after.owner.key], check_mode=check_mode) for plan in owners if plan.changed]
    still = [plan for plan in owners if not plan.changed]
    parts = [few(changed, separator=BETWEEN)] if changed else []
    if len(owners) == 1 and still:
        parts.append(told(still[0], names[still[0].after.owner.key], check_mode=check_mode))
    elif still:
        parts.append(f"{len(still)} owner{'s' if len(still) > 1 else ''} as before")
    return BETWEEN.join([*parts, *(one_line(part) for part in also)])


def _unchanged(plan: Plan) -> str:
    if plan.operation != CLAIM:
        return "nothing given back"
    return _as_was(plan.after)


def _as_was(claim: Claim) -> str:
    """All that is held, which stays."""
    requests = requests_told(claim)
    if not requests:
        return "holds nothing, as before"
    every = "all " if len(requests) > 1 else ""
    return f"{few(requests, separator=BESIDE)}, {every}as {_were(len(claim.holdings) + len(claim.node_devices))}"


def _were(number: int) -> str:
    return "they were" if number > 1 else "it was"
