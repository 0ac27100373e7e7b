# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ids and classes, against the part of the recording that the inventory does not have them from."""

from __future__ import annotations

import typing as t

from .verdict import Held

if t.TYPE_CHECKING:
    from ..recording import Recording


def ids(recording: Recording) -> Held:
    """Each function that is told once more is there, and is what is told, in as many digits as are told."""
    held = Held("ids")
    devices = recording.inventory.devices
    for address, told in recording.ids.items():
        device = devices.get(address)
        held.true(f"{address} is not there", device is not None)
        if device is not None:
            made = (device.vendor_id, device.product_id, device.class_id)
            held.equal(address, tuple(one[: len(other)] for one, other in zip(made, told)), told)
    return held
