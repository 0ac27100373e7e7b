# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices from sysfs, under the names that libvirt gives them: guards need no libvirt."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ..._model.host.nodes.node_device import SCSI, USB, NodeDevice
from ..sysfs import as_text
from .bounded import read_bounded

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_USB = "/sys/bus/usb/devices"
_SCSI = "/sys/bus/scsi/devices"
_USB_CLASS_HUB = "09"


def read_usb_and_scsi(tree: Tree) -> dict[str, NodeDevice]:
    """All USB devices, hubs among them, and all SCSI devices by name; one that vanishes meanwhile is left out.

    Fields are those of `_model.host.node_device`, and besides `port` (the device's place on its bus, such as 1-2),
    `serial`, `wwid`, and `block_paths`, the paths in /dev of the disks and partitions on the device.
    """
    blocks = [(tree.real(f"/sys/class/block/{name}"), name) for name in tree.names("/sys/class/block")]
    devices = {}
    for folder, read in ((_USB, _usb), (_SCSI, _scsi)):
        for name in tree.names(folder):
            path = tree.real(f"{folder}/{name}")
            device = read(tree, name, path)
            if device is not None:
                below = [block for place, block in blocks if place.startswith(f"{path}/")]
                paths = [place for block in below for place in _dev_paths(tree, block)]
                devices[device.name] = replace(device, fields={**device.fields, "block_paths": paths})
    return _with_usb_serials(tree, devices)


def _with_usb_serials(tree: Tree, devices: t.Mapping[str, NodeDevice]) -> dict[str, NodeDevice]:
    """The devices, USB devices with their serial numbers, except for those that are stuck.

    Whoever reads one waits for the device's lock (drivers/usb/core/sysfs.c, usb_string_attr), which is taken for as
    long as it is reset.
    """
    paths = {f"{device.path}/serial": name for name, device in devices.items() if device.capability == USB}
    told = {paths[path]: data for path, data in read_bounded(tree, list(paths)).data.items() if data is not None}
    return {
        name: replace(device, fields={**device.fields, "serial": as_text(told[name])}) if name in told else device
        for name, device in devices.items()
    }


def _usb(tree: Tree, name: str, path: str) -> NodeDevice | None:
    """A device, not an interface, whose name has a colon (Documentation/ABI/stable/sysfs-bus-usb)."""
    bus, number = tree.number(f"{path}/busnum"), tree.number(f"{path}/devnum")
    vendor, product = tree.text(f"{path}/idVendor"), tree.text(f"{path}/idProduct")
    if ":" in name or bus is None or number is None or not vendor or not product:
        return None
    root = name.startswith("usb")
    fields = {
        "bus": bus,
        "device": number,
        "port": name,
        "vendor_id": vendor.lower(),
        "product_id": product.lower(),
        "serial": None,
        # A hub says so in its descriptor's class (USB 2.0, 11.23.1).
        "hub": root or tree.text(f"{path}/bDeviceClass") == _USB_CLASS_HUB,
        "root_hub": root,
    }
    return NodeDevice(f"usb_{_libvirt_name(name)}", USB, path=path, fields=fields)


def _scsi(tree: Tree, name: str, path: str) -> NodeDevice | None:
    """A logical unit; hosts and targets are on the same bus."""
    numbers = re.fullmatch(r"(\d+):(\d+):(\d+):(\d+)", name)
    if numbers is None or not tree.exists(path):
        return None
    fields: dict[str, t.Any] = dict(zip(("host", "bus", "target", "lun"), map(int, numbers.groups())))
    fields.update({key: tree.text(f"{path}/{key}") for key in ("vendor", "model", "wwid")})
    # Page 80h of the vital product data has four bytes before the number (SPC-4, 7.8.15).
    page = tree.data(f"{path}/vpd_pg80")
    fields["serial"] = page[4:].decode("ascii", "replace").strip("\0 ") or None if page else None
    return NodeDevice(f"scsi_{_libvirt_name(name)}", SCSI, path=path, fields=fields)


def _libvirt_name(name: str) -> str:
    """src/node_device/node_device_udev.c, udevGenerateDeviceName."""
    return re.sub(r"[^A-Za-z0-9]", "_", name)


def _dev_paths(tree: Tree, block: str) -> list[str]:
    """A block device's node and the links that udev made to it."""
    number = tree.text(f"/sys/class/block/{block}/dev")
    links = [line[2:] for line in tree.lines(f"/run/udev/data/b{number}") if line.startswith("S:")]
    return [f"/dev/{name}" for name in (block, *links)]
