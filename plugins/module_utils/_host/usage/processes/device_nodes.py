# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is behind a device node: its sysfs path and the PCI functions that carry it, found by its number."""

from __future__ import annotations

import functools
import re
import typing as t

from ...device_numbers import DeviceNumber
from ...reading.pci.functions import VDPA_DEVICES, is_pci_name, locate
from ..storage.uses import block_locations

if t.TYPE_CHECKING:
    from ...sysfs import Tree

Place = tuple[str, str]
"""A sysfs path and its PCI function; "" for where one of both is not."""

# Logind holds every keyboard, and lets it go when it leaves (include/uapi/linux/major.h, INPUT_MAJOR).
_INPUT_MAJOR = 13
# include/linux/usb.h
_USB_DEVICE_MAJOR = 189
# Its nodes are not in sysfs. 255 and 254 are of the driver as a whole (nvidiactl, nvidia-modeset).
_NVIDIA_MAJOR = 195
_NVIDIA = "/proc/driver/nvidia/gpus"
# Nodes of PCI drivers that have no parent in sysfs, and a number of which many drivers have one (drivers/char/misc.c).
# /dev/sev is the one by which AMD's security processor is asked for guests (drivers/crypto/ccp/sev-dev.c).
_OF_DRIVERS = {"/sys/devices/virtual/misc/sev": "ccp"}
_VFIO_GROUP = re.compile(r"/sys/devices/virtual/vfio/(?:noiommu-)?(\d+)")


class Node(t.NamedTuple):
    """What a device node leads to. `vfio` says whether guests are given devices by it, `name` is the kernel's own."""

    places: tuple[Place, ...] = ()
    vfio: bool = False
    name: str = ""


class DeviceNodes:
    """Looks up what nodes lead to, each once: input devices only if `with_input`, which on a host are always open."""

    def __init__(self, tree: Tree, *, with_input: bool = False) -> None:
        self._tree = tree
        self._with_input = with_input
        self._by_number: dict[DeviceNumber, Node] = {}
        self._by_name: dict[str, Node] = {}

    def by_number(self, number: DeviceNumber) -> Node:
        node = self._by_number.get(number)
        if node is None:
            node = self._by_number[number] = (self._block if number.kind == "block" else self._char)(number)
        return node

    def by_name(self, path: str) -> Node:
        """Of a node whose number could not be asked, as far as its name tells: what sysfs has by that name."""
        _before, _dev, name = path.partition("/dev/")
        node = self._by_name.get(name)
        if node is None:
            node = self._by_name[name] = self._named(name)
        return node

    def _block(self, number: DeviceNumber) -> Node:
        if not self._tree.exists(number.link):
            return Node()
        name = self._tree.real(number.link).rpartition("/")[2]
        return Node(tuple(block_locations(self._tree, name)), name=name)

    def _char(self, number: DeviceNumber) -> Node:
        if number.major == _INPUT_MAJOR and not self._with_input:
            return Node()
        if number.major == _NVIDIA_MAJOR:
            return Node(_nvidia(self._tree, number.minor))
        if not self._tree.exists(number.link):
            return Node(self._of_driver(number.major))
        node = self._of_path(self._tree.real(number.link))
        return node if node.places else Node(self._of_driver(number.major))

    def _of_path(self, path: str) -> Node:
        """What a character device in sysfs leads to."""
        group = _VFIO_GROUP.fullmatch(path)
        if group is not None:
            return self._group(group[1])
        # Of multipath NVMe the subsystem, which links to its controllers, carries the namespace.
        subsystem = re.match(r".*/nvme-subsystem/[^/]+", path)
        if subsystem is not None:
            names = filter(re.compile(r"nvme\d+").fullmatch, self._tree.names(subsystem[0]))
            return Node(tuple(place for name in names for place in locate(self._tree, f"{subsystem[0]}/{name}")))
        if path in _OF_DRIVERS:
            return Node(self._functions_of(_OF_DRIVERS[path]))
        return Node(tuple(locate(self._tree, path)), "/vfio-dev/" in path)

    def _group(self, number: str) -> Node:
        """The functions of an IOMMU group; of a mediated device the one that it is made on."""
        folder = f"/sys/kernel/iommu_groups/{number}/devices"
        places: list[Place] = []
        for name in self._tree.names(folder):
            places += [("", name)] if is_pci_name(name) else locate(self._tree, f"{folder}/{name}")
        return Node(tuple(places), vfio=True)

    def _of_driver(self, major: int) -> tuple[Place, ...]:
        """All functions of the PCI driver that has the major number, of a node of which sysfs does not tell more.

        Some drivers make their nodes without a parent, or without a class.
        """
        told = re.search(rf"^Character devices:\n(?:.+\n)*? *{major} (.+)$", self._devices, re.MULTILINE)
        return () if told is None else self._functions_of(told[1])

    def _functions_of(self, driver: str) -> tuple[Place, ...]:
        names = self._tree.names(f"/sys/bus/pci/drivers/{driver}")
        return tuple(("", address) for address in filter(is_pci_name, names))

    @functools.cached_property
    def _devices(self) -> str:
        return self._tree.text("/proc/devices") or ""

    @functools.cached_property
    def _char_names(self) -> dict[str, str]:
        """What has a number, input devices left out, with that."""
        numbers = self._tree.names("/sys/dev/char")
        names = {number: self._tree.link_name(f"/sys/dev/char/{number}") for number in numbers}
        return {name: number for number, name in names.items() if name and not number.startswith(f"{_INPUT_MAJOR}:")}

    def _named(self, name: str) -> Node:
        folder, _slash, last = name.rpartition("/")
        if folder == "vfio" and last.isdecimal():
            return self._group(last)
        if folder == "vfio" and last.startswith("noiommu-"):
            return self._group(last[len("noiommu-") :])
        bus = re.fullmatch(r"bus/usb/(\d+)", folder)
        if bus is not None and last.isdecimal():
            # drivers/usb/core/hub.c, usb_new_device
            return self.by_number(DeviceNumber("char", _USB_DEVICE_MAJOR, (int(bus[1]) - 1) * 128 + int(last) - 1))
        gpu = re.fullmatch(r"nvidia(\d+)", name)
        if gpu is not None:
            return self.by_number(DeviceNumber("char", _NVIDIA_MAJOR, int(gpu[1])))
        if self._tree.exists(f"/sys/class/block/{last}"):
            return Node(tuple(block_locations(self._tree, last)), name=last)
        for link in self._links(folder, last):
            path = self._tree.real(link)
            if self._tree.exists(path):
                return self._of_path(path)
        return Node()

    def _links(self, folder: str, name: str) -> t.Iterator[str]:
        """Where sysfs might have what a node is called after, input devices left out."""
        adapter = re.fullmatch(r"dvb/adapter(\d+)", folder)
        if adapter is not None:
            # drivers/media/dvb-core/dvbdev.c, dvb_devnode
            name = f"dvb{adapter[1]}.{name}"
        if name in self._char_names:
            yield f"/sys/dev/char/{self._char_names[name]}"
        for kind in self._tree.names("/sys/class"):
            if kind != "input":
                yield f"/sys/class/{kind}/{name}"
        # drivers/vhost/vdpa.c: the node hangs below the vDPA device, and is of no class.
        for device in self._tree.names(VDPA_DEVICES):
            yield f"{VDPA_DEVICES}/{device}/{name}"


def _nvidia(tree: Tree, minor: int) -> tuple[Place, ...]:
    """The GPU that NVIDIA's own table has under a minor number."""
    line = re.compile(rf"^Device Minor:\s*{minor}$", re.MULTILINE)
    addresses = (name for name in tree.names(_NVIDIA) if line.search(tree.text(f"{_NVIDIA}/{name}/information") or ""))
    return tuple(("", address) for address in addresses)
