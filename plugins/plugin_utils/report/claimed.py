# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What claims say of what they hold: since when, until when, and what was said of the claim."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .models import Facts


class Claimed(t.NamedTuple):
    """A held device. Times are UTC in ISO 8601, None where nobody wrote `since` down, and no limit says until when.

    `overdue` is as it was when the facts were gathered. `labels` are as `team=vision`.
    """

    since: str | None = None
    until: str | None = None
    overdue: bool = False
    labels: tuple[str, ...] = ()

    def told(self) -> dict[str, t.Any]:
        """What there is of it, by its names."""
        labels = list(self.labels) or None
        known = {"since": self.since, "until": self.until, "overdue": self.overdue or None, "labels": labels}
        return {key: value for key, value in known.items() if value is not None}


UNKNOWN = Claimed()


def claimed_of(facts: Facts) -> dict[str, Claimed]:
    """What is claimed, functions by address and other devices by name."""
    told = {}
    for claim in facts.get("claims") or ():
        overdue, labels = claim.get("overdue") or (), labels_of(claim)
        for held in (*(claim.get("devices") or ()), *(claim.get("node_devices") or ())):
            name = str(held.get("address") or held.get("name"))
            told[name] = Claimed(held.get("since"), held.get("until"), name in overdue, labels)
    return told


def labels_of(claim: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """The labels of a claim, each as one text."""
    return tuple(f"{name}={value}" for name, value in (claim.get("labels") or {}).items())


def minutes(moment: str | None) -> str:
    """A time for people, to the minute: `2026-11-28 16:00`."""
    return "-" if moment is None else str(moment)[:16].replace("T", " ")
