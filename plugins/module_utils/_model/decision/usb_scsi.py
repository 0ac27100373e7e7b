# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices as a kind of devices, see kinds.Kind."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.usb_scsi import held_node
from ..plan.usb_scsi import node_steps, number_warnings
from ..selection.usb_scsi import give_back_nodes, select_nodes

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..claims.usb_scsi import NodeHolding
    from ..plan.change import Change, Steps
    from ..plan.plan import Plan
    from ..requests.wish import ReleaseWish
    from ..selection.choice import Asked
    from ..snapshot import Snapshot


class UsbAndScsi:
    """USB and SCSI devices: nothing is bound, they are attached alone."""

    def held(self, claim: Claim) -> t.Mapping[str, NodeHolding]:
        return claim.node_devices

    def select(self, snapshot: Snapshot, asked: Asked, after: Claim) -> Claim:
        return select_nodes(snapshot, asked, after)

    def warnings_of_choice(self, snapshot: Snapshot, asked: Asked, change: Change) -> list[str]:
        return []

    def keep(self, snapshot: Snapshot, wish: ReleaseWish, before: Claim, after: Claim) -> Claim:
        kept = give_back_nodes(before, names=wish.names, addresses=wish.addresses)
        return replace(after, requests={**after.requests, **kept.requests}, node_devices=kept.node_devices)

    def steps(self, snapshot: Snapshot, change: Change) -> Steps:
        return node_steps(snapshot, change)

    def warnings_of_claim(self, snapshot: Snapshot, plan: Plan) -> list[str]:
        return number_warnings(plan)

    def warnings_of_release(self, snapshot: Snapshot, wish: ReleaseWish, plan: Plan) -> list[str]:
        return [
            f"{name} is only taken from record and domain: the device of {plan.before.owner} is no longer there"
            for name, held in plan.before.node_devices.items()
            if name not in plan.after.node_devices and held_node(snapshot.nodes, held) is None
        ]
