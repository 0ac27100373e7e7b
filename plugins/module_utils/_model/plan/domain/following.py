# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A domain's definition follows devices that are at other addresses since the host was started anew."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...elements import sourced
from ...guest.domain import CONFIG
from ..steps import HostdevStep
from .leaving import layout_after

if t.TYPE_CHECKING:
    from ...claims.claim import Claim
    from ...guest.domain import Domain


def following(domain: Domain, claim: Claim) -> list[HostdevStep]:
    """The steps of the definition: all that have moved leave it, and enter it as they stood, by their new addresses.

    First they leave, since one may have the address that another one had. All else of an element stays: its place in
    the guest, its alias, what was written by hand. What has no element at its old address was taken out, or changed
    by hand.
    """
    if domain.config is None:
        return []
    there = domain.config.assigned
    moved = [held for held in claim.holdings.values() if held.moved_from in there]
    leave, enter = [], []
    leaving = {held.moved_from for held in moved}
    for held in moved:
        xml = there[str(held.moved_from)].xml
        step = HostdevStep(str(held.moved_from), domain.name, domain.uuid, CONFIG, xml, None)
        leave.append(step)
        if held.address not in there or held.address in leaving:
            enter.append(replace(step, address=held.address, before=None, after=sourced(xml, held.address)))
    return [*leave, *enter]


def followed_claim(claim: Claim) -> Claim:
    """The claim once the definition has followed."""
    holdings = {address: replace(held, moved_from=None) for address, held in claim.holdings.items()}
    return replace(claim, holdings=holdings)


def followed_domain(domain: Domain, steps: t.Sequence[HostdevStep]) -> Domain:
    """The domain once its definition has followed."""
    return domain if domain.config is None else replace(domain, config=layout_after(domain.config, steps))
