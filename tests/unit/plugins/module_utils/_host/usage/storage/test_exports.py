# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that the kernel exports."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, uses, virtual

DISKS = (disk("sda", A, "sda1", number="8:0"), disk("sdb", B, number="8:16"))
NODES = {"/dev/sda1": "", "/dev/disk/by-id/x": "-> ../../sda1"}
NVMET = "/sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1"
LIO = "/sys/kernel/config/target/core/iblock_0/lun0"
PSCSI = "/sys/kernel/config/target/core/pscsi_0/tape"
UNIT = f"/sys/devices/pci0000:00/{A}/host4/target4:0:2/4:0:2:7"
IBLOCK = """Status: ACTIVATED  Max Queue Depth: 128  SectorSize: 512  HwMaxSectors: 32768
        iBlock device: sda1  UDEV PATH: /dev/mapper/gone  readonly: 0
  exclusive: 1
        Major: 8 Minor: 1  CLAIMED: IBLOCK
"""
UNUSED = """Status: DEACTIVATED  Max Queue Depth: 0  SectorSize: 0  HwMaxSectors: 0
          UDEV PATH: /dev/sda1  readonly: 0
        Major: 0 Minor: 0
"""
FILEIO = """Status: ACTIVATED  Max Queue Depth: 128  SectorSize: 512  HwMaxSectors: 16384
        TCM FILEIO ID: 0        File: /dev/disk/by-id/x  Size: 1073741824  Mode: O_DSYNC Async: 0
"""
PHYSICAL = """Status: ACTIVATED  Max Queue Depth: 1  SectorSize: 512  HwMaxSectors: 128
        SCSI Device Bus Location: Channel ID: 0 Target ID: 2 LUN: 7 Host ID: 4
        Vendor: IBM      Model: ULT3580-TD5      Rev: X
"""


@pytest.mark.parametrize(
    ("contents", "who", "folder_of_it"),
    [
        ({f"{NVMET}/device_path": "/dev/sda1\n", f"{NVMET}/enable": "1\n"}, "NVMe target (nvmet)", NVMET),
        ({f"{NVMET}/device_path": "/dev/disk/by-id/x\n"}, "NVMe target (nvmet)", NVMET),
        ({f"{LIO}/udev_path": "/dev/disk/by-id/x\n"}, "SCSI target (LIO)", LIO),
        (
            {f"{LIO}/udev_path": "/dev/mapper/gone\n", f"{LIO}/info": IBLOCK, f"{LIO}/enable": "1\n"},
            "SCSI target (LIO)",
            LIO,
        ),
        ({f"{LIO}/udev_path": "\n", f"{LIO}/info": FILEIO}, "SCSI target (LIO)", LIO),
        ({f"{LIO}/udev_path": "/dev/sda1\n", f"{LIO}/info": UNUSED}, "SCSI target (LIO)", LIO),
        (
            {
                f"{PSCSI}/udev_path": "",
                f"{PSCSI}/info": PHYSICAL,
                f"{UNIT}/type": "1\n",
                "/sys/bus/scsi/devices/4:0:2:7": f"-> ../../..{UNIT[4:]}",
            },
            "SCSI target (LIO)",
            PSCSI,
        ),
        (
            {"/sys/kernel/config/usb_gadget/g1/functions/mass_storage.0/lun.0/file": "/dev/sda1\n"},
            "USB gadget",
            "/sys/kernel/config/usb_gadget/g1/functions/mass_storage.0/lun.0",
        ),
        (
            {"/sys/kernel/config/cluster/c/heartbeat/R1/dev": "sda1\n"},
            "OCFS2 heartbeat",
            "/sys/kernel/config/cluster/c/heartbeat/R1",
        ),
        (
            {"/sys/kernel/scst_tgt/devices/d1/filename": "/dev/sda1\n[key]\n"},
            "SCSI target (SCST)",
            "/sys/kernel/scst_tgt/devices/d1",
        ),
        (
            {"/sys/class/rnbd-server/ctl/devices/sda1/block_dev": "-> ../../../../../class/block/sda1"},
            "RDMA block server (rnbd)",
            "/sys/class/rnbd-server/ctl/devices/sda1/block_dev",
        ),
    ],
)
def test_what_the_kernel_exports_is_held_by_it(folder, contents, who, folder_of_it):
    assert uses(folder, *DISKS, NODES, contents) == [
        ("kernel_holder", A, f"the kernel's {who} has it open, for {folder_of_it}")
    ]


def test_a_controller_whose_commands_are_passed_through_is_held(folder):
    controller = {
        f"/sys/devices/pci0000:00/{A}/nvme/nvme0/model": "x\n",
        "/sys/class/nvme/nvme0": f"-> ../../devices/pci0000:00/{A}/nvme/nvme0",
        "/sys/kernel/config/nvmet/subsystems/nqn.x/passthru/device_path": "/dev/nvme0\n",
        "/sys/kernel/config/nvmet/subsystems/nqn.x/passthru/enable": "1\n",
    }
    assert [(code, address) for code, address, _detail in uses(folder, controller)] == [("kernel_holder", A)]


def test_an_exported_volume_is_a_use_of_the_disks_below(folder):
    volume = virtual("dm-0", "sda1", "sdb", **{"dm/uuid": "LVM-x\n", "dm/name": "vg-a\n"})
    exported = {f"{NVMET}/device_path": "/dev/mapper/vg-a\n", "/dev/mapper/vg-a": "-> ../dm-0", "/dev/dm-0": ""}
    found = uses(folder, *DISKS, volume, exported)
    assert {(code, address) for code, address, _detail in found} == {
        (code, address) for code in ("lvm", "kernel_holder") for address in (A, B)
    }


@pytest.mark.parametrize(
    "contents",
    [
        {f"{NVMET}/device_path": "/dev/sda1\n", f"{NVMET}/enable": "0\n"},
        {f"{LIO}/udev_path": "/dev/sda1\n", f"{LIO}/enable": "0\n"},
        {f"{NVMET}/device_path": "/srv/images/sda1\n", f"{NVMET}/enable": "1\n", "/srv/images/sda1": ""},
        {f"{NVMET}/device_path": "(null)\n"},
        {"/sys/kernel/config/usb_gadget/g1/functions/mass_storage.0/lun.0/file": "\n"},
    ],
)
def test_what_is_not_exported_is_free(folder, contents):
    assert uses(folder, *DISKS, NODES, contents) == []


@pytest.mark.parametrize(("status", "used"), [("1", False), ("2", True)])
def test_a_usb_device_that_another_host_has_is_held_with_its_controller(folder, status, used):
    path = f"/sys/devices/pci0000:00/{A}/usb1/1-2"
    there = {
        f"{path}/usbip_status": f"{status}\n",
        "/sys/bus/usb/drivers/usbip-host/1-2": f"-> ../../../..{path[4:]}",
        "/sys/bus/usb/drivers/usbip-host/bind": "",
    }
    found = uses(folder, there)
    assert found == [("kernel_holder", A, "another host has USB device 1-2 by USB/IP")] * used
