# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be remote_managed."""

from __future__ import annotations

import typing as t

from ... import values
from ...host.device import TYPE_PF

if t.TYPE_CHECKING:
    from ...host.inventory import Inventory
    from .device_spec import DeviceSpec


def check_remote_managed(spec: DeviceSpec, inventory: Inventory, path: str) -> None:
    """Refuse remote_managed on what is no VF: only the VFs of a SmartNIC's PF can be. Raises HostdevError."""
    if not spec.remote_managed:
        return
    carrier = next((device for device in inventory.devices.values() if spec.devname in device.interfaces), None)
    if spec.devname is not None and carrier is None:
        raise values.invalid(f"{path}.devname", spec.devname, "an interface of this host, for remote_managed")
    if spec.address is not None and spec.address.exact is not None:
        carrier = inventory.devices.get(spec.address.exact)
    if carrier is None or carrier.device_type != TYPE_PF or spec.device_type not in (None, TYPE_PF):
        return
    vfs = [inventory.devices[vf] for vf in carrier.virtual_functions if vf in inventory.devices]
    if spec.product_id is not None and any(spec.fits_kind(vf) for vf in vfs):
        return
    if spec.fits_kind(carrier):
        raise values.invalid(
            f"{path}.remote_managed",
            True,
            f"the VFs of {carrier.address}, which is a PF",
            "add the VFs' product_id, or device_type: type-VF",
        )
    if vfs:
        ids = " or ".join(sorted({f"{vf.vendor_id}:{vf.product_id}" for vf in vfs}))
        given = f"{spec.vendor_id or '*'}:{spec.product_id or '*'}"
        raise values.invalid(f"{path}.product_id", given, f"the ids of the VFs of {carrier.address}, {ids}")
