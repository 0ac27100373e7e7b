# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which processes have devices open, by device nodes: PCI functions, and what they carry."""

from __future__ import annotations

import re
import typing as t

from ..._model.host.uses import HostUse
from ..hung_writes import all_hung_writes, where
from ..reading.pci import VDPA_DEVICES, locate
from .storage import block_locations

if t.TYPE_CHECKING:
    from ..sysfs import Tree

# Device nodes by folder, and the class in /sys/class where their names are found. Input devices are left out: logind
# holds every keyboard, and lets it go when it leaves.
_CLASSES = {
    "": (
        *("nvme", "nvme-generic", "scsi_generic", "scsi_tape", "scsi_changer"),
        *("hidraw", "tty", "usbmisc", "video4linux", "watchdog"),
    ),
    "bsg": ("bsg",),
    "dri": ("drm",),
    "snd": ("sound",),
    "infiniband": ("infiniband_verbs", "infiniband_mad"),
    "usb": ("usbmisc",),
    "vfio/devices": ("vfio-dev",),
}
# include/linux/usb.h
_USB_DEVICE_MAJOR = 189
_NVIDIA = "/proc/driver/nvidia/gpus"


def process_uses(tree: Tree, with_guests: t.Collection[str]) -> list[HostUse]:
    """A use for each device and process that has a node of it open; needs root to see other users' processes.

    `with_guests` are the functions that running domains have: that QEMU has them and their group open is no news.
    """
    uses: dict[HostUse, None] = {
        HostUse(
            "held_by_process",
            address,
            f"process {write.process} has not come back from its write to {write.path}{where(write.process)}: only a "
            "reboot frees the device",
            "",
        ): None
        for address, write in all_hung_writes(tree).items()
    }
    known: dict[str, list[tuple[str, str]]] = {}
    for process in tree.names("/proc"):
        if not process.isdecimal():
            continue
        for node in sorted(_open_nodes(tree, process)):
            if node not in known:
                known[node] = _locations(tree, node)
            if node.startswith("/dev/vfio/") and any(address in with_guests for _path, address in known[node]):
                continue
            for path, address in known[node]:
                name = tree.text(f"/proc/{process}/comm") or "?"
                uses[HostUse("held_by_process", address, f"process {process} ({name}) has {node} open", path)] = None
    return list(uses)


def _open_nodes(tree: Tree, process: str) -> set[str]:
    """Names of the device nodes that a process has open, pseudo-terminals and the like left out."""
    folder = f"/proc/{process}/fd"
    nodes = (tree.link_target(f"{folder}/{number}") for number in tree.names(folder))
    return {
        node
        for node in nodes
        if node is not None
        and node.startswith("/dev/")
        and not node.startswith(("/dev/pts/", "/dev/shm/", "/dev/input/"))
        and node not in ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/kvm")
    }


def _locations(tree: Tree, node: str) -> list[tuple[str, str]]:
    """The sysfs paths behind a device node, each with its PCI function; "" for where one of both is not."""
    folder, _slash, name = node[len("/dev/") :].rpartition("/")
    if folder == "vfio" and name.isdecimal():
        return [("", address) for address in tree.names(f"/sys/kernel/iommu_groups/{name}/devices")]
    if folder == "" and tree.exists(f"/sys/class/block/{name}"):
        return block_locations(tree, name)
    bus = re.fullmatch(r"bus/usb/(\d+)", folder)
    if bus is not None and name.isdecimal():
        # drivers/usb/core/hub.c, usb_new_device
        minor = (int(bus.group(1)) - 1) * 128 + int(name) - 1
        return locate(tree, f"/sys/dev/char/{_USB_DEVICE_MAJOR}:{minor}")
    if folder == "" and name.startswith("vhost-vdpa-"):
        # drivers/vhost/vdpa.c: the node hangs below the vDPA device, and is of no class.
        return [
            place
            for device in tree.names(VDPA_DEVICES)
            if tree.exists(f"{VDPA_DEVICES}/{device}/{name}")
            for place in locate(tree, f"{VDPA_DEVICES}/{device}")
        ]
    gpu = re.fullmatch(r"nvidia(\d+)", name) if folder == "" else None
    if gpu is not None:
        return [
            ("", address)
            for address in tree.names(_NVIDIA)
            if re.search(
                rf"^Device Minor:\s*{gpu.group(1)}$", tree.text(f"{_NVIDIA}/{address}/information") or "", re.M
            )
        ]
    for kind in _CLASSES.get(folder, ()):
        if tree.exists(f"/sys/class/{kind}/{name}"):
            return locate(tree, f"/sys/class/{kind}/{name}")
    return []
