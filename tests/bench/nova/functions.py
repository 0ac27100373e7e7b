# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions of a host with SR-IOV cards, as plain data that both trackers are given. Python's own library only."""

from __future__ import annotations

from typing import Any

VFS_PER_PF = 64


def functions(vfs: int) -> list[dict[str, Any]]:
    """Return as many VFs and their PFs, 64 VFs each, with the keys that Nova's tracker takes."""
    devices: list[dict[str, Any]] = []
    for first in range(0, vfs, VFS_PER_PF):
        card = first // VFS_PER_PF
        bus = f"{card // 255:04x}:{card % 255 + 1:02x}"
        common = {"vendor_id": "8086", "numa_node": card % 2, "label": "label_8086_154c"}
        pf = {**common, "address": f"{bus}:00.0", "product_id": "1572", "dev_type": "type-PF"}
        devices.append(pf)
        for place in range(8, 8 + min(VFS_PER_PF, vfs - first)):
            address = f"{bus}:{place // 8:02x}.{place % 8}"
            devices.append(
                {
                    **common,
                    "address": address,
                    "product_id": "154c",
                    "dev_type": "type-VF",
                    "parent_addr": pf["address"],
                }
            )
    for device in devices:
        device["dev_id"] = "pci_" + device["address"].replace(":", "_").replace(".", "_")
    return devices
