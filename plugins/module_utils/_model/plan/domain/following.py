# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A domain's definition follows devices that are at other addresses since the host was started anew."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...elements import sourced
from ...guest.domain import CONFIG
from ..steps import HostdevStep

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding
    from ...guest.domain import Domain


def following(domain: Domain, claim: Claim, there: t.Collection[str]) -> list[HostdevStep]:
    """The steps of the definition: all that have moved leave it, and enter it as they stood, by their new addresses.

    `there` are the held devices that are on the host. First they leave, since one may have the address that another
    one had. All else of an element stays: its place in the guest, its alias, what was written by hand. What has no
    element at its old address was taken out, or changed by hand. One that is gone, and whose address another of them
    got, leaves as well: its element would give the other one.
    """
    if domain.config is None:
        return []
    defined = domain.config.assigned
    moved = [held for held in _moved(claim, there) if held.moved_from in defined]
    leave, enter = [], []
    leaving = {held.moved_from for held in moved}
    for held in moved:
        xml = defined[str(held.moved_from)].xml
        step = HostdevStep(str(held.moved_from), domain.name, domain.uuid, CONFIG, xml, None)
        leave.append(step)
        if held.address in there and (held.address not in defined or held.address in leaving):
            enter.append(replace(step, address=held.address, before=None, after=sourced(xml, held.address)))
    return [*leave, *enter]


def followed_claim(claim: Claim, there: t.Collection[str]) -> Claim:
    """The claim once the definition has followed."""
    moved = {held.address: replace(held, moved_from=None) for held in _moved(claim, there)}
    return replace(claim, holdings={**claim.holdings, **moved})


def _moved(claim: Claim, there: t.Collection[str]) -> list[Holding]:
    return [
        held
        for address, held in claim.holdings.items()
        if held.moved_from is not None and (address in there or held.moved_from in there)
    ]
