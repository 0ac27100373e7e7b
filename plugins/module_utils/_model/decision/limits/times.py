# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Since when devices are held, by when they are due back, and which are overdue."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .covered import Covered

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding
    from ...claims.usb_scsi import NodeHolding
    from ...requests.wish import ClaimWish
    from ...snapshot import Snapshot

    _Held = t.TypeVar("_Held", Holding, NodeHolding)


def with_times(snapshot: Snapshot, wish: ClaimWish, before: Claim, after: Claim) -> Claim:
    """The owner's claim with when each of its devices was claimed, and when it is due back.

    A device that is held goes on as it did: a duration counts from when it was claimed, however often that is asked
    for again. What the limits of a task say holds for the devices of the requests that it names; a task without limits
    leaves all as it is. A group mate that came along is due back with those that it came with.
    """
    now = snapshot.now
    named = {request.name for request in wish.requests}
    ways = [
        (limit.due, Covered(snapshot, limit, wish.allow_list))
        for limit in wish.limits or ()
        if limit.due is not None and limit.covers((after.owner.label, after.owner.id), after.labels)
    ]

    def timed(held: _Held, known: _Held | None) -> _Held:
        if known is None or (held.since is None and known.since is not None):
            held = replace(held, since=now or None)
        if held.request is None:
            return held if held.until is None else replace(held, until=None)
        if wish.limits is None or held.request not in named or not now:
            return held
        dues = [due for due, covered in ways if held in covered]
        if held.since is None and any(due.moment is None for due in dues):
            held = replace(held, since=now)  # an older release wrote none down
        until = min((due.of(held.since or now) for due in dues), default=None)
        return held if until == held.until else replace(held, until=until)

    return replace(
        after,
        holdings={name: timed(held, before.holdings.get(name)) for name, held in after.holdings.items()},
        node_devices={name: timed(held, before.node_devices.get(name)) for name, held in after.node_devices.items()},
    )


def continued(snapshot: Snapshot, wish: ClaimWish, on_record: Claim, after: Claim) -> Claim:
    """The owner's claim after a run in which it gave devices back and took some of them again, or all that it had.

    `on_record` is what it held when the run began: its labels, and since when it has what it has, go on.
    """

    def same(held: _Held, known: _Held | None) -> _Held:
        if known is None or known.identity != held.identity or known.since == held.since:
            return held
        return replace(held, since=known.since, until=known.until)

    claim = replace(
        after,
        labels=on_record.labels if wish.labels is None and after.requests else after.labels,
        holdings={name: same(held, on_record.holdings.get(name)) for name, held in after.holdings.items()},
        node_devices={name: same(held, on_record.node_devices.get(name)) for name, held in after.node_devices.items()},
    )
    return after if claim == after else with_times(snapshot, wish, claim, claim)
