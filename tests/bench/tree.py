# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic hosts of any size: a /sys and /proc of real files, with PFs, VFs, multi-function groups and bridges."""

from __future__ import annotations

import os
from pathlib import Path

VFS_PER_PF = 62
_CONFIG_SIZE = 4096
# Start, end and flags of a resource.
_BAR = (0xFE000000, 0xFE003FFF, 0x14220C)
_UNUSED = (0, 0, 0)


def make_host(root: Path, functions: int) -> None:
    """Write a host with FUNCTIONS PCI functions below ROOT.

    They come in blocks of 64: a root port, a PF on its bus, and the VFs of that PF; each VF has a group of its own.
    Every eighth block has a card of 63 plain functions in groups of seven in place of the PF.
    """
    for folder in ("sys/bus/pci/devices", "sys/bus/pci/drivers", "sys/kernel/iommu_groups", "sys/class/iommu/dmar0"):
        (root / folder).mkdir(parents=True)
    (root / "sys/class/net").mkdir()
    (root / "sys/class/block").mkdir()
    for name in ("igb", "igbvf", "nvme", "pcieport"):
        (root / "sys/bus/pci/drivers" / name).mkdir()
    _write(root / "proc/sys/kernel/osrelease", "6.12.0-bench\n")
    _write(root / "proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000000\n")
    for name in ("self/mountinfo", "swaps", "net/route", "net/ipv6_route", "net/if_inet6", "net/tcp", "net/tcp6"):
        _write(root / "proc" / name, "")
    host = _Host(root)
    block = 0
    while host.made < functions:
        host.block(block, functions)
        block += 1


class _Host:
    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.made = 0
        self.groups = 0

    def block(self, number: int, limit: int) -> None:
        """Make one root port with what is on its bus: one bus each, 255 of them in a PCI domain."""
        domain, bus = number // 255, number % 255 + 1
        port = f"{domain:04x}:00:{bus // 8:02x}.{bus % 8}"
        root_bus = f"/sys/devices/pci{domain:04x}:00"
        # A root port's address is its own; what would collide with the host bridge's slot 0 is never function 0.
        self._function(f"{root_bus}/{port}", port, "1b36", "000c", "060400", "pcieport", bridge_to=bus)
        below = f"{root_bus}/{port}"
        if number % 8 == 7:
            group = 0
            for index in range(63):
                if self.made >= limit:
                    return
                if index % 7 == 0:
                    group = self._group()
                address = f"{domain:04x}:{bus:02x}:{index // 8:02x}.{index % 8}"
                self._function(f"{below}/{address}", address, "1b36", "0010", "010802", "nvme", group=group)
            return
        if self.made >= limit:
            return
        pf = f"{domain:04x}:{bus:02x}:00.0"
        self._function(f"{below}/{pf}", pf, "8086", "10c9", "020000", "igb")
        vfs = []
        for index in range(VFS_PER_PF):
            if self.made >= limit:
                break
            place = index + 8
            address = f"{domain:04x}:{bus:02x}:{place // 8:02x}.{place % 8}"
            self._function(f"{below}/{address}", address, "8086", "10ca", "020000", "igbvf")
            os.symlink(f"../{pf}", f"{self.root}{below}/{address}/physfn")
            os.symlink(f"../{address}", f"{self.root}{below}/{pf}/virtfn{index}")
            vfs.append(address)
        self._put(f"{below}/{pf}", sriov_totalvfs=f"{VFS_PER_PF}\n", sriov_numvfs=f"{len(vfs)}\n")

    def _group(self) -> int:
        group = self.groups
        self.groups += 1
        os.makedirs(f"{self.root}/sys/kernel/iommu_groups/{group}/devices")
        return group

    def _function(
        self,
        path: str,
        address: str,
        vendor: str,
        product: str,
        class_id: str,
        driver: str,
        *,
        bridge_to: int | None = None,
        group: int | None = None,
    ) -> None:
        folder = f"{self.root}{path}"
        os.makedirs(folder)
        identity = (
            f"pci:v0000{vendor.upper()}d0000{product.upper()}sv00001AF4sd00001100"
            f"bc{class_id[:2]}sc{class_id[2:4]}i{class_id[4:]}"
        )
        self._put(
            path,
            vendor=f"0x{vendor}\n",
            device=f"0x{product}\n",
            subsystem_vendor="0x1af4\n",
            subsystem_device="0x1100\n",
            revision="0x01\n",
            **{"class": f"0x{class_id}\n"},
            irq="0\n",
            enable="1\n",
            numa_node=f"{self.made % 2}\n",
            modalias=f"{identity}\n",
            driver_override="(null)\n",
            reset_method="flr bus\n",
            current_link_speed="2.5 GT/s PCIe\n",
            current_link_width="1\n",
            max_link_speed="2.5 GT/s PCIe\n",
            max_link_width="1\n",
            uevent=(
                f"DRIVER={driver}\nPCI_CLASS={class_id.lstrip('0').upper()}\nPCI_ID={vendor.upper()}:{product.upper()}\n"
                f"PCI_SUBSYS_ID=1AF4:1100\nPCI_SLOT_NAME={address}\nMODALIAS={identity}\n"
            ),
            resource="".join(
                f"0x{start:016x} 0x{end:016x} 0x{flags:016x}\n"
                for start, end, flags in (_BAR, _UNUSED, _UNUSED, _BAR, *[_UNUSED] * 9)
            ),
        )
        with open(f"{folder}/config", "wb") as file:
            file.write(_config(vendor, product, class_id, bridge_to))
        if group is None:
            group = self._group()
        os.symlink(f"{'../' * path.count('/')}sys/bus/pci/drivers/{driver}", f"{folder}/driver")
        os.symlink(f"{'../' * path.count('/')}sys/kernel/iommu_groups/{group}", f"{folder}/iommu_group")
        os.symlink(f"../../../..{path[4:]}", f"{self.root}/sys/kernel/iommu_groups/{group}/devices/{address}")
        os.symlink(f"../../..{path[4:]}", f"{self.root}/sys/bus/pci/devices/{address}")
        self.made += 1

    def _put(self, path: str, **files: str) -> None:
        for name, text in files.items():
            with open(f"{self.root}{path}/{name}", "w", encoding="ascii") as file:
                file.write(text)


def _config(vendor: str, product: str, class_id: str, bridge_to: int | None) -> bytes:
    """Config space with the header and a PCI Express capability at 0x40."""
    data = bytearray(_CONFIG_SIZE)
    data[0:2] = int(vendor, 16).to_bytes(2, "little")
    data[2:4] = int(product, 16).to_bytes(2, "little")
    data[0x06] = 0x10
    data[0x08] = 0x01
    data[0x09:0x0C] = bytes.fromhex(class_id)[::-1]
    data[0x34] = 0x40
    data[0x40:0x44] = bytes((0x10, 0x00, 0x02, 0x00))
    data[0x4C:0x50] = (0x11).to_bytes(4, "little")
    data[0x52:0x54] = (0x11).to_bytes(2, "little")
    if bridge_to is not None:
        data[0x0E] = 0x01
        data[0x18:0x1B] = bytes((0, bridge_to, bridge_to))
    else:
        data[0x2C:0x30] = bytes((0xF4, 0x1A, 0x00, 0x11))
    return bytes(data)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
