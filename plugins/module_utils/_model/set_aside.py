# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What the books say of a device that hangs between two drivers, while the rest of its plan is undone or finished."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .claims.tracker import Claim

if t.TYPE_CHECKING:
    from .plan.plan import Plan


def with_set_aside(plan: Plan, claim: Claim, addresses: t.Iterable[str]) -> Claim:
    """The claim at one end of the plan, `before` or `after`, with these devices of it held too, and attached nowhere.

    So nobody else gets them, and a release after the reboot that frees them gives them back as they were.
    """
    holdings, requests = dict(claim.holdings), dict(claim.requests)
    for address in addresses:
        held = plan.before.holdings.get(address) or plan.after.holdings.get(address)
        if held is None:
            continue
        holdings[address] = replace(held, attach=())
        if held.request is not None and held.request not in requests:
            origin = plan.before.requests.get(held.request) or plan.after.requests[held.request]
            requests[held.request] = {**origin, "count": 0}
    for name in requests.keys() - claim.requests.keys():
        count = sum(1 for held in holdings.values() if held.request == name)
        requests[name] = {**requests[name], "count": count}
    return Claim(claim.owner, requests, holdings, claim.node_devices)
