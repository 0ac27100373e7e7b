# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices of free owners that definitions have by hand: these follow nothing, so that it is told where they name it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .tracker import Tracker

if t.TYPE_CHECKING:
    from .cards.found_again import Followed
    from .claim import Claim


def keeping_places(before: Tracker, there: Followed, defined: t.Container[str]) -> Tracker:
    """The tracker with devices where they are now, and with the places that definitions still name.

    `defined` are the addresses of functions that any definition has. Whoever starts by such a one would get what has
    come to that place.
    """
    origins = {now: was for was, now in there.moves.items()}

    def kept(claim: Claim) -> Claim:
        if claim.owner.kind != "name":
            return claim
        known, holdings = before.claim_of(claim.owner).holdings, dict(claim.holdings)
        for now in holdings.keys() & origins.keys():
            was = known[origins[now]].moved_from or origins[now]
            if was != now and was in defined:
                holdings[now] = replace(holdings[now], moved_from=was)
        return replace(claim, holdings=holdings)

    tracker = there.tracker
    claims = [kept(claim) for claim in tracker]
    return Tracker(claims, tracker.waiting.values(), tracker.set_aside.values(), tracker.made_vfs.values())


def without_places(claim: Claim, defined: t.Container[str]) -> Claim:
    """The claim of a free owner without the former places that no definition names any more."""
    holdings = {
        address: held if held.moved_from in defined else replace(held, moved_from=None)
        for address, held in claim.holdings.items()
    }
    return replace(claim, holdings=holdings)
