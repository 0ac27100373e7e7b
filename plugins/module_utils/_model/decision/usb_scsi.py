# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices as a kind of devices, see kinds.Kind.

Few hosts give any away: the rules are imported where somebody holds or wants one.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..plan.plan import Steps

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..claims.usb_scsi import NodeHolding
    from ..plan.plan import Change, Plan
    from ..requests.wish import ReleaseWish
    from ..selection.choice import Asked
    from ..snapshot import Snapshot


class UsbAndScsi:
    """USB and SCSI devices: nothing is bound, they are attached alone."""

    def held(self, claim: Claim) -> t.Mapping[str, NodeHolding]:
        return claim.node_devices

    def select(self, snapshot: Snapshot, asked: Asked, after: Claim) -> Claim:
        held = any(claim.node_devices for claim in snapshot.tracker)
        if not held and all(request.node is None for request in (*asked.wish.requests, *after.requests.values())):
            return after
        from ..selection.usb_scsi import select_nodes

        chosen = select_nodes(snapshot, asked, after)
        domain = snapshot.domain_of(asked.owner)
        if domain is None or chosen.node_devices == after.node_devices:
            return chosen
        from ..plan.domain.usb_scsi import with_what_stood

        return with_what_stood(snapshot.nodes, domain, after, chosen)

    def warnings_of_choice(self, snapshot: Snapshot, asked: Asked, change: Change) -> list[str]:
        return []

    def keep(self, snapshot: Snapshot, wish: ReleaseWish, before: Claim, after: Claim) -> Claim:
        if not before.node_devices:
            return after
        from ..selection.usb_scsi import give_back_nodes

        kept = give_back_nodes(before, names=wish.names, addresses=wish.addresses)
        return replace(after, requests={**after.requests, **kept.requests}, node_devices=kept.node_devices)

    def steps(self, snapshot: Snapshot, change: Change) -> Steps:
        if not change.before.node_devices and not change.after.node_devices:
            return Steps((), ())
        from ..plan.domain.usb_scsi import node_steps

        return node_steps(snapshot, change)

    def warnings_of_claim(self, snapshot: Snapshot, plan: Plan) -> list[str]:
        if not plan.after.node_devices:
            return []
        from ..plan.domain.usb_scsi import number_warnings

        return number_warnings(plan)

    def warnings_of_release(self, snapshot: Snapshot, wish: ReleaseWish, plan: Plan) -> list[str]:
        if not plan.before.node_devices:
            return []
        from ..claims.usb_scsi import held_node

        return [
            f"{name} is only taken from record and domain: the device of {plan.before.owner} is no longer there"
            for name, held in plan.before.node_devices.items()
            if name not in plan.after.node_devices and held_node(snapshot.nodes, held) is None
        ]
