# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs that come or go at this moment: for as long as that takes they have no links to their PF."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .device import PciDevice


def leaving_vfs(devices: t.Iterable[PciDevice]) -> dict[str, list[PciDevice]]:
    """By PF the functions beside it that look like such VFs of it, as those inside a guest do.

    Of a VF that goes the links go first, and then its driver's (drivers/pci/iov.c, pci_iov_remove_virtfn;
    drivers/base/dd.c, __device_release_driver). That one may wait for ever for whoever has the VF open.
    """
    bare: dict[str, list[PciDevice]] = {}
    pfs: list[PciDevice] = []
    for device in devices:
        if device.total_vfs:
            pfs.append(device)
        elif device.driver is None and device.physical_function is None and not device.is_bridge:
            bare.setdefault(_folder(device), []).append(device)
    found = {pf.address: [vf for vf in bare.get(_folder(pf), ()) if _may_be_of(vf, pf)] for pf in pfs}
    return {pf: vfs for pf, vfs in found.items() if vfs}


def _may_be_of(vf: PciDevice, pf: PciDevice) -> bool:
    return vf.vendor_id == pf.vendor_id and pf.vf_product_id in (None, vf.product_id)


def _folder(device: PciDevice) -> str:
    return device.path.rpartition("/")[0]
