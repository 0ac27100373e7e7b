# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One resolution in progress."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..availability.states import DeviceTracker
from ..claims.identity import Moved
from ..guards.blocker import Consent
from ..requests.wish import Terms
from .matching import Guest

if t.TYPE_CHECKING:
    from ..claims.claim import Owner
    from ..claims.tracker import Tracker
    from ..host.inventory import Inventory
    from ..requests.allow_list import AllowList


@dataclass
class Selection:
    """One resolution in progress: what each request keeps or takes."""

    inventory: Inventory
    tracker: Tracker
    owner: Owner
    allow_list: AllowList
    terms: Terms
    consent: Consent
    moved: t.Mapping[str, Moved]
    held: frozenset[str]
    books: DeviceTracker
    guest: Guest
    serving: dict[str, str] = field(default_factory=dict)
