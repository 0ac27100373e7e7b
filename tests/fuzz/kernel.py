# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: what the kernel and the host's files tell, in bytes and lines."""

from __future__ import annotations

import json

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.host_facts import read_host
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.module_aliases import ModuleAliases
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import DEVICES, read_devices
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.ids import read_pci_ids
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.serials import pcie_serial, vpd_serial
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.management import management_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.routes import netlink_routing
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.namespaces import namespace_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import proc_routing
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.uses import (
    network_uses,
    without_interface,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.uses import storage_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.config_space import ConfigSpace
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import parse_set
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA, recorded

from .memory_tree import MemoryTree
from .source import Source
from .target import Target

_ENTRIES = recorded("lab-trixie")
_NIC = device("0000:01:00.0", modalias="pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00")
_NETLINK = json.loads((DATA / "netlink.json").read_text(encoding="utf-8"))["dumps"]
_FUNCTION = "0000:01:00.0"
_PATH = f"/sys/devices/pci0000:00/0000:00:10.0/{_FUNCTION}"
_LINKS = {
    f"{DEVICES}/{_FUNCTION}": _PATH,
    "/sys/class/net/eth0": f"{_PATH}/net/eth0",
    "/sys/class/block/sda": f"{_PATH}/block/sda",
    "/sys/class/block/loop0": "/sys/devices/virtual/block/loop0",
    "/sys/class/block/dm-0": "/sys/devices/virtual/block/dm-0",
    "/sys/dev/block/8:0": f"{_PATH}/block/sda",
}
_FILES = {
    **{
        f"{_PATH}/{name}": text.encode()
        for name, text in {
            "uevent": "DRIVER=igb\nPCI_CLASS=20000\nPCI_ID=8086:10C9\nPCI_SUBSYS_ID=8086:A03C\n"
            "PCI_SLOT_NAME=0000:01:00.0\nMODALIAS=pci:v00008086d000010C9sv00008086sd0000A03Cbc02sc00i00\n",
            "vendor": "0x8086\n",
            "device": "0x10c9\n",
            "class": "0x020000\n",
            "resource": "0x00000000fe000000 0x00000000fe01ffff 0x0000000000040200\n" * 7,
            "resource0_resize": "00000000000000f0\n",
            "numa_node": "0\n",
            "driver_override": "(null)\n",
            "reset_method": "flr bus\n",
            "boot_vga": "0\n",
            "sriov_totalvfs": "7\n",
            "sriov_numvfs": "0\n",
            "max_link_speed": "16.0 GT/s PCIe\n",
            "max_link_width": "16\n",
            "net/eth0/address": "52:54:00:00:00:01\n",
            "net/eth0/addr_assign_type": "0\n",
            "net/eth0/operstate": "up\n",
            "block/sda/size": "1024\n",
            "block/sda/dev": "8:0\n",
            "block/sda/holders/dm-0": "",
            "block/sda/serial": "S1\n",
        }.items()
    },
    "/proc/self/mountinfo": b"22 1 8:0 / / rw,relatime shared:1 - ext4 /dev/sda rw\n",
    "/proc/swaps": b"Filename\tType\tSize\tUsed\tPriority\n/dev/sda file 1 0 -2\n",
    "/proc/77/mountinfo": b"23 1 0:45 / /data rw - bcachefs /dev/sda:/dev/sdb rw,journal_dev=0x800,logdev=/dev/sda\n",
    "/proc/spl/kstat/zfs/tank/guid": b"77\n",
    "/run/udev/data/b8:0": b"E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL_ENC=my\\x20pool\nE:ID_FS_UUID=77\n",
    "/sys/kernel/config/nvmet/subsystems/x/namespaces/1/device_path": b"/dev/sda\n",
    "/sys/kernel/config/target/core/iblock_0/x/udev_path": b"/dev/sda\n",
    "/sys/kernel/config/target/core/iblock_0/x/info": b"Channel ID: 0 Target ID: 1 LUN: 2 Host ID: 3 File: /dev/sda\n",
    "/sys/devices/virtual/block/loop0/loop/backing_file": b"/dev/sda (deleted)\n",
    "/sys/devices/virtual/block/dm-0/dm/uuid": b"CRYPT-LUKS2-x\n",
    "/sys/fs/ext4/sda/x": b"1\n",
    "/proc/self/status": b"PPid:\t1\n",
    "/proc/net/route": b"Iface Destination Gateway Flags RefCnt Use Metric Mask\n"
    b"eth0 00000000 0202000A 0003 0 0 0 00000000\n",
    "/proc/net/ipv6_route": b"00000000000000000000000000000000 00 0 00 fe8 00000400 00000001 00000000 00000003 eth0\n",
    "/proc/net/if_inet6": b"fe800000000000005054 02 40 20 80 eth0\n",
    "/proc/net/tcp": b"sl local rem st\n0: 0F02000A:0016 0202000A:B0F4 01\n",
    "/proc/net/tcp6": b"sl local rem st\n"
    b"0: 0000000000000000FFFF00000F02000A:0016 0000000000000000FFFF00000202000A:B0F4 01\n",
    "/proc/sys/kernel/osrelease": b"6.12.48\n",
    "/proc/cmdline": b"intel_iommu=on\n",
    "/sys/devices/system/node/online": b"0\n",
    "/sys/devices/system/node/node0/cpulist": b"0-3\n",
    "/sys/devices/system/cpu/cpu0/topology/physical_package_id": b"0\n",
    "/sys/class/graphics/fb0/name": b"simple\n",
    "/sys/class/vtconsole/vtcon1/name": b"(M) frame buffer device\n",
    "/sys/class/vtconsole/vtcon1/bind": b"1\n",
    "/sys/class/watchdog/watchdog0/identity": b"i6300ESB\n",
}
_PATHS = tuple(_FILES)


def _recorded(name: str) -> tuple[bytes, ...]:
    entries = [entry for path, entry in _ENTRIES.items() if path.endswith(f"/{name}") and "hex" in entry]
    return tuple(bytes.fromhex(entry["hex"]).ljust(256, b"\0") for entry in entries)[:20]


def _config_space(data: bytes) -> None:
    for size in (len(data), 64, 256):
        space = ConfigSpace(data[:size].ljust(256, b"\0") if size == 256 else data[:size])
        for value in (space.header_type, space.revision, space.secondary_bus, space.link):
            json.dumps(value)
    json.dumps(pcie_serial(lambda place, size: data[place : place + size]))


def _vpd(data: bytes) -> None:
    serial = vpd_serial(data)
    assert serial is None or serial


def _netlink(data: bytes) -> None:
    """Messages of the kernel for each question, cut and changed."""
    bodies = data.split(b"|SPLIT|")

    def dump(kind: int, family: int) -> list[bytes]:
        return [body for body in bodies if body[:1] == bytes([family & 0xFF])] if kind != 18 else bodies

    routing = netlink_routing(dump, {1: "lo", 2: "eth0", 3: "eth1"})
    network_uses(MemoryTree({}), routing, {})


def _bodies() -> tuple[bytes, ...]:
    bodies = []
    for messages in _NETLINK.values():
        data = b"".join(bytes.fromhex(message) for message in messages)
        place = 0
        while place + 16 <= len(data):
            length = int.from_bytes(data[place : place + 4], "little")
            bodies.append(data[place + 16 : place + length])
            place += max(length + 3 & ~3, 4)
    return tuple(bodies)


def _module_aliases(data: bytes) -> None:
    folder = "/lib/modules/6.12"
    tree = MemoryTree({f"{folder}/modules.alias": data, f"{folder}/modules.builtin.modinfo": data})
    aliases = ModuleAliases(tree, "6.12")
    assert all(aliases.candidates(_NIC))
    assert aliases.vfio_driver(_NIC)


def _pci_ids(data: bytes) -> None:
    names = read_pci_ids(MemoryTree({"/usr/share/hwdata/pci.ids": data}), [_NIC])
    json.dumps([names.vendor("8086"), names.product("8086", "10d3"), names.subsystem(_NIC), names.pci_class("020000")])


def _cpu_list(data: bytes) -> None:
    source = Source(data)
    parse_set(",".join(source.text(("0-3", "^2", "8", "0-65535")) for _turn in range(source.below(5))))


def _attributes(data: bytes) -> None:
    """A host of one function, some of whose files have another text."""
    source = Source(data)
    files = dict(_FILES)
    for _turn in range(1 + source.below(3)):
        path = source.pick(_PATHS)
        known = files[path].decode("utf-8", "replace")
        files[path] = source.text((known, *known.split())).encode("utf-8", "replace")
    tree = MemoryTree(files, _LINKS)
    devices = read_devices(tree, details=True)
    json.dumps([[device.identity, device.details] for device in devices])
    for uses in (
        storage_uses(tree),
        network_uses(tree, proc_routing(tree), {"SSH_CONNECTION": source.text(("10.0.2.2 1 10.0.2.15 22",))}),
        namespace_uses(tree, [each for each in devices if without_interface(tree, each)]),
        management_uses(tree, devices),
    ):
        assert all(use.code and use.detail for use in uses)
    read_host(tree)


_ALIASES = (
    b"# Aliases\nalias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\nalias pci:v*d*sv*sd*bc0Csc03i30* xhci_pci\n",
    b"alias vfio_pci:v000010DEd*sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci\nalias usb:v1d2 x\n",
    b"e1000e.license=GPL v2\0e1000e.alias=pci:v00008086d000010D3sv*sd*bc*sc*i*\0vfio_pci.alias=vfio_pci:v*d*sv*\0",
)
_IDS = (
    b"# list\n8086  Intel Corporation\n\t10d3  82574L\n\t\t8086 a01f  Gigabit CT\n"
    b"C 02  Network controller\n\t00  Ethernet\n",
)

TARGETS = (
    Target("config space", _config_space, _recorded("config"), share=12),
    Target("VPD", _vpd, (b"\x82\x03\x00abc\x90\x07\x00SN\x04S123\x78", *_recorded("vpd")), share=12),
    Target(
        "netlink",
        _netlink,
        (*_bodies(), b"|SPLIT|".join(_bodies()[:6])),
        ("|SPLIT|",),
        documented=(LookupError,),
        share=12,
    ),
    Target(
        "modules.alias",
        _module_aliases,
        _ALIASES,
        ("alias pci:", "alias vfio_pci:", ".alias=", "\0", " ", "*"),
        share=6,
    ),
    Target("pci.ids", _pci_ids, _IDS, ("\n", "\t", "\t\t", "C ", "8086"), share=6),
    Target("lists of CPUs", _cpu_list, share=4),
    Target("sysfs and /proc", _attributes, share=4),
)
