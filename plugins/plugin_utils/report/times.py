# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Since when devices are held, when they are due back, and which were overdue when the facts were gathered."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .models import Facts


class Times(t.NamedTuple):
    """UTC in ISO 8601; None where an older release claimed the device, and where no limit says until when."""

    since: str | None = None
    until: str | None = None
    overdue: bool = False

    def told(self) -> dict[str, t.Any]:
        """What is known of them, by the names that the facts have."""
        known = {"since": self.since, "until": self.until, "overdue": self.overdue or None}
        return {key: value for key, value in known.items() if value is not None}


UNKNOWN = Times()


def times_of(facts: Facts) -> dict[str, Times]:
    """The times of what is claimed, functions by address and other devices by name."""
    times = {}
    for claim in facts.get("claims") or ():
        overdue = claim.get("overdue") or ()
        for held in (*(claim.get("devices") or ()), *(claim.get("node_devices") or ())):
            name = str(held.get("address") or held.get("name"))
            times[name] = Times(held.get("since"), held.get("until"), name in overdue)
    return times


def minutes(moment: str | None) -> str:
    """A time for people, to the minute: `2026-11-28 16:00`."""
    return "-" if moment is None else str(moment)[:16].replace("T", " ")
