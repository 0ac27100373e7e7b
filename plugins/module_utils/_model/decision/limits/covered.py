# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which held devices count for a limit."""

from __future__ import annotations

import typing as t

from ...claims.cards.identity import as_claimed, held_device
from ...claims.claim import Holding

if t.TYPE_CHECKING:
    from ...claims.usb_scsi import NodeHolding
    from ...requests.limits.limit import Limit
    from ...requests.specs.allow_list import AllowList
    from ...requests.specs.device_spec import DeviceSpec
    from ...snapshot import Snapshot


class Covered:
    """The held devices that fit one of a limit's specs, however they were asked for: as they were when claimed.

    A group mate that came along counts as well, since nobody else can have it. One that is no longer on the host
    counts where its ids and class do not say otherwise. USB and SCSI devices count for a limit on every device.
    """

    def __init__(self, snapshot: Snapshot, limit: Limit, allow_list: AllowList) -> None:
        """`snapshot` is from before the change that is asked about."""
        self._inventory = snapshot.inventory
        self._specs: list[DeviceSpec] | None = None
        if limit.specs is not None:
            held = [address for claim in snapshot.tracker for address in claim.holdings]
            self._specs = [spec.permitting(snapshot.inventory, held) for spec in limit.specs]
            self._allow_list = allow_list.resolved(snapshot.inventory, held)

    def __contains__(self, held: Holding | NodeHolding) -> bool:
        if self._specs is None:
            return True
        if not isinstance(held, Holding):
            return False
        device = held_device(self._inventory, held)
        if device is None:
            return any(_may_be(spec, held) for spec in self._specs)
        device = as_claimed(device, held)
        tags = self._allow_list.tags_of(device) or {}
        return any(spec.matches(device) and spec.demands(tags, device.device_type) for spec in self._specs)


def _may_be(spec: DeviceSpec, held: Holding) -> bool:
    ids = (spec.vendor_id, held.identity["vendor_id"]), (spec.product_id, held.identity["product_id"])
    return all(wanted in (None, known) for wanted, known in ids) and (
        spec.class_prefix is None or (held.identity["class_id"] or "").startswith(spec.class_prefix)
    )
