# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of devices, and what a claim and a release ask of each.

A new kind is a file in each wing that it concerns, an entry in KINDS, and one in report.drift.DRIFTS: that table stands
apart, since facts ship nothing of a claim.
"""

from __future__ import annotations

import typing as t

from ..plan.plan import Plan
from .pci import PciFunctions
from .usb_scsi import UsbAndScsi

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..claims.usb_scsi import NodeHolding
    from ..plan.plan import Change, Steps
    from ..requests.wish import ReleaseWish
    from ..selection.choice import Asked
    from ..snapshot import Snapshot


class Kind(t.Protocol):
    """One kind of devices. Each method answers for its own kind alone, and has no effects."""

    def held(self, claim: Claim) -> t.Mapping[str, Holding | NodeHolding]:
        """What a claim holds of this kind, by address or name."""

    def select(self, snapshot: Snapshot, asked: Asked, after: Claim) -> Claim:
        """The claim with what it holds of this kind once the wish's requests for such are served.

        `after` has the kinds before this one as they shall be. Raises HostdevError when a request can't be served.
        """

    def warnings_of_choice(self, snapshot: Snapshot, asked: Asked, change: Change) -> list[str]:
        """What is to be said of what was asked for and chosen."""

    def keep(self, snapshot: Snapshot, wish: ReleaseWish, before: Claim, after: Claim) -> Claim:
        """The claim `after`, of the kinds before this one, with what a release leaves of this kind in `before`."""

    def steps(self, snapshot: Snapshot, change: Change) -> Steps:
        """The steps between the two ends of a change. Raises HostdevError where one can't be done."""

    def warnings_of_claim(self, snapshot: Snapshot, plan: Plan) -> list[str]:
        """What is to be said of what a claim's plan makes."""

    def warnings_of_release(self, snapshot: Snapshot, wish: ReleaseWish, plan: Plan) -> list[str]:
        """What is to be said of what is given back: that it is gone, or that it stays."""


# What hangs on devices of another kind comes after that.
KINDS: tuple[Kind, ...] = (PciFunctions(), UsbAndScsi())


def make_plan(snapshot: Snapshot, change: Change) -> Plan:
    """All kinds' steps: the last kind leaves the domain first and enters it last. Raises HostdevError."""
    parts = [kind.steps(snapshot, change) for kind in KINDS]
    first = [step for part in reversed(parts) for step in part.first]
    then = [step for part in parts for step in part.then]
    return Plan(change.operation, (*first, *then), change.before, change.after, change.allow)
