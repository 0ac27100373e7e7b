# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel gives to other hosts, or to a machine at a USB port: mostly exports that are kept in configfs."""

from __future__ import annotations

import re
import typing as t

from ...reading.pci.functions import locate

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .block_devices import BlockDevices

_CONFIG = "/sys/kernel/config"
# Files that name a device, each with who has that open. `enable` beside one reads 0 while nobody has.
_PATHS = (
    (f"{_CONFIG}/nvmet/subsystems/*/namespaces/*/device_path", "NVMe target (nvmet)"),
    (f"{_CONFIG}/nvmet/subsystems/*/passthru/device_path", "NVMe target (nvmet)"),
    (f"{_CONFIG}/target/core/*/*/udev_path", "SCSI target (LIO)"),
    (f"{_CONFIG}/usb_gadget/*/functions/*/lun.*/file", "USB gadget"),
    (f"{_CONFIG}/cluster/*/heartbeat/*/dev", "OCFS2 heartbeat"),
    ("/sys/kernel/scst_tgt/devices/*/filename", "SCSI target (SCST)"),
    ("/sys/class/rnbd-server/ctl/devices/*/block_dev/dev", "RDMA block server (rnbd)"),
    ("/sys/module/pstore_blk/parameters/blkdev", "store of crash logs (pstore_blk)"),
)
_USB_IP = "/sys/bus/usb/drivers/usbip-host"
_USB_IP_IN_USE = "2"  # include/uapi/linux/usbip.h, SDEV_ST_USED


def exported(blocks: BlockDevices) -> t.Iterator[tuple[str, str, str]]:
    """The sysfs path and PCI function of each device that the kernel exports, "" where it is on none, and a detail."""
    tree = blocks.tree
    for pattern, who in _PATHS:
        for path in _matching(tree, pattern):
            folder = path.rpartition("/")[0]
            if tree.text(f"{folder}/enable") == "0":
                continue
            named = (tree.lines(path) or [""])[0].strip()
            # Of a target's back end the kernel also tells what it has open, however that was called.
            for place, address in _target(blocks, tree.text(f"{folder}/info") or "") or _named(blocks, named):
                yield place, address, f"the kernel's {who} has it open, for {folder}"
    for name in tree.names(_USB_IP):
        if tree.text(f"{_USB_IP}/{name}/usbip_status") == _USB_IP_IN_USE:
            for place, address in locate(tree, f"{_USB_IP}/{name}"):
                yield place, address, f"another host has USB device {name} by USB/IP"


def _matching(tree: Tree, pattern: str) -> list[str]:
    """The paths of files that fit; `*` at the end of a part stands for any rest of a name."""
    paths = [""]
    for part in pattern.split("/")[1:]:
        start, star, _end = part.partition("*")
        if star:
            paths = [f"{path}/{name}" for path in paths for name in tree.names(path) if name.startswith(start)]
        else:
            paths = [f"{path}/{part}" for path in paths]
    return [path for path in paths if tree.exists(path)]


def _named(blocks: BlockDevices, text: str) -> list[tuple[str, str]]:
    """Where a device is, by its number, path or bare name; also a disk's controller, which nvmet can pass through."""
    block = blocks.numbered(text) if re.fullmatch(r"\d+:\d+", text) else blocks.named(text)
    if block is None and text in blocks.names:
        block = text
    if block is not None:
        return blocks.locations(block)
    controller = re.fullmatch(r"/dev/(nvme\d+)", text)
    return locate(blocks.tree, f"/sys/class/nvme/{controller.group(1)}") if controller else []


def _target(blocks: BlockDevices, info: str) -> list[tuple[str, str]]:
    """Where the device of a target's back end is, which need not be called as it was when it was opened.

    drivers/target/target_core_iblock.c, target_core_file.c and target_core_pscsi.c, show_configfs_dev_params.
    """
    number = re.search(r"Major: (\d+) Minor: (\d+)", info)
    if number is not None:
        return _named(blocks, ":".join(number.groups()))
    file = re.search(r" File: (/dev/\S+)", info)
    if file is not None:
        return _named(blocks, file.group(1))
    unit = re.search(r"Channel ID: (\d+) Target ID: (\d+) LUN: (\d+) Host ID: (\d+)", info)
    if unit is not None:
        channel, target, lun, host = unit.groups()
        return locate(blocks.tree, f"/sys/bus/scsi/devices/{host}:{channel}:{target}:{lun}")
    return []
