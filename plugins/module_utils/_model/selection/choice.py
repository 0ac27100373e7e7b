# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who asks for devices, and one selection in progress."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..claims.claim import Owner
from ..requests.wish import ClaimWish
from .nearness import ANYWHERE, Guest

if t.TYPE_CHECKING:
    from ..claims.cards.identity import Moved
    from ..claims.tracker import Tracker
    from ..guards.consent import Consent
    from ..host.inventory import Inventory
    from ..requests.specs.allow_list import AllowList
    from ..requests.wish import Terms


class Asked(t.NamedTuple):
    """A wish for a claim with whose it is, and where that one runs.

    `serving` are the devices that serve the requests, by address, where that was settled for several owners at once.
    """

    wish: ClaimWish
    owner: Owner
    guest: Guest = ANYWHERE
    serving: t.Mapping[str, str] | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """Where devices are to be attached: nowhere for an owner that is no domain."""
        return self.wish.attach if self.owner.kind == "domain" else ()


@dataclass
class Selection:
    """One selection in progress: what each request keeps or takes."""

    inventory: Inventory
    tracker: Tracker
    owner: Owner
    allow_list: AllowList
    terms: Terms
    consent: Consent
    moved: t.Mapping[str, Moved]
    held: frozenset[str]
    guest: Guest
    serving: dict[str, str] = field(default_factory=dict)
