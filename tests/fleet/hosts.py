# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated hosts: which there are, and the files of each as a fake root."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import Entries, expand

EVERYWHERE = "kvm_hosts"
"""The group of all hosts."""
PER_RACK = 5
GPU, NIC, VF, DISK = "10de:20b2", "8086:1572", "8086:154c", "144d:a80a"
CARD, CARD_AUDIO = "10de:2684", "10de:22ba"
_BRIDGE = "10b5:8796"
_PORT, _UPSTREAM, _DOWNSTREAM, _ENDPOINT = 4, 5, 6, 0  # PCIe 6.0, 7.5.3.2
_CLASSES = {GPU: "030200", NIC: "020000", VF: "020000", DISK: "010802", CARD: "030000", CARD_AUDIO: "040300"}
_DRIVERS = {GPU: "nvidia", NIC: "i40e", VF: "iavf", DISK: "nvme", CARD: "nouveau", CARD_AUDIO: "snd_hda_intel"}
_OF_HOSTS = {
    "/proc/sys/kernel/osrelease": "6.12.48+deb13-amd64\n",
    "/proc/cmdline": "root=/dev/vda ro intel_iommu=on\n",
    "/sys/devices/system/node/node0/cpulist": "0-31\n",
    "/sys/devices/system/node/node1/cpulist": "32-63\n",
    **{f"/sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id": f"{cpu // 32}\n" for cpu in (0, 32)},
    **{f"/proc/{name}": "" for name in ("self/mountinfo", "swaps", "net/route", "net/ipv6_route", "net/if_inet6")},
    **{f"/proc/{name}": "" for name in ("net/tcp", "net/tcp6")},
}


class Host(NamedTuple):
    """One host: `kind` is one of KINDS; one that is not `reachable` was never gathered from."""

    name: str
    rack: str
    kind: str
    reachable: bool = True


def fleet(number: int) -> list[Host]:
    """So many hosts in racks of five; the eighth is not reachable, and one of twenty has its IOMMU off."""
    order = sorted(set(KINDS) - {"no iommu"})
    hosts = []
    for index in range(number):
        kind = "no iommu" if index % 20 == 3 else order[index % len(order)]
        hosts.append(Host(f"kvm{index + 1:03}", f"rack{index // PER_RACK + 1:02}", kind, index != 7))
    return hosts


class _Files:
    """The files of one host as they are put together."""

    def __init__(self, name: str, *, iommu: bool = True) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()
        boot = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}\n"
        texts = {**_OF_HOSTS, "/etc/machine-id": f"{digest[:32]}\n", "/proc/sys/kernel/random/boot_id": boot}
        self.entries: Entries = {path: {"file": text} for path, text in texts.items()}
        folders = ["/run", "/sys/class/net", "/sys/class/block", *(["/sys/class/iommu/dmar0"] if iommu else [])]
        for folder in folders:
            self.entries[folder] = {"dir": True}
        self._iommu = iommu
        self._groups = 0

    def function(
        self,
        path: str,
        ids: str,
        node: int,
        *,
        port: int = _ENDPOINT,
        bus: int = 0,
        beside: str = "",
        **texts: str,
    ) -> str:
        """One function at a path of sysfs, which is returned; of a bridge `bus` is the one below.

        It has a group of its own, or is in that of the function at `beside`.
        """
        address = path.rpartition("/")[2]
        vendor, product = ids.split(":")
        class_id, driver = _CLASSES.get(ids, "060400"), _DRIVERS.get(ids, "pcieport")
        uevent = (
            f"PCI_CLASS={class_id.lstrip('0').upper()}\nPCI_ID={ids.upper()}\nPCI_SUBSYS_ID=1AF4:1100\n"
            f"PCI_SLOT_NAME={address}\nMODALIAS=pci:v0000{vendor.upper()}d0000{product.upper()}\n"
        )
        told = {"uevent": uevent, "numa_node": f"{node}\n", "driver_override": "(null)\n", **texts}
        told.update(reset_method="flr bus\n", max_link_speed="16.0 GT/s PCIe\n", max_link_width="16\n")
        for name, text in told.items():
            self.entries[f"{path}/{name}"] = {"file": text}
        self.entries[f"{path}/config"] = {"hex": _config(ids, class_id, port, bus).hex(), "size": 256}
        self._link(f"/sys/bus/pci/devices/{address}", path)
        self.entries[f"/sys/bus/pci/drivers/{driver}"] = {"dir": True}
        self._link(f"{path}/driver", f"/sys/bus/pci/drivers/{driver}")
        if class_id == "020000":
            name = "en" + address.replace(":", "").replace(".", "")[4:]
            self.entries[f"{path}/net/{name}/mtu"] = {"file": "1500\n"}
            self._link(f"/sys/class/net/{name}", f"{path}/net/{name}")
        if self._iommu:
            group = self.entries[f"{beside}/iommu_group"]["link"].rpartition("/")[2] if beside else str(self._groups)
            self._groups += not beside
            self._link(f"{path}/iommu_group", f"/sys/kernel/iommu_groups/{group}")
            self._link(f"/sys/kernel/iommu_groups/{group}/devices/{address}", path)
        return path

    def _link(self, path: str, target: str) -> None:
        self.entries[path] = {"link": os.path.relpath(target, os.path.dirname(path))}

    def port(self, root: int, slot: int, bus: int) -> str:
        """A root port of the root bus `root`, which leads to `bus`."""
        path = f"/sys/devices/pci0000:{root:02x}/0000:{root:02x}:{slot:02x}.0"
        return self.function(path, _BRIDGE, _node(root), port=_PORT, bus=bus)

    def switch(self, root: int, slot: int, bus: int, ports: int) -> list[str]:
        """A switch at a root port; its downstream ports, whose buses are counted from `bus` + 2."""
        above = self.port(root, slot, bus)
        upstream = self.function(f"{above}/0000:{bus:02x}:00.0", _BRIDGE, _node(root), port=_UPSTREAM, bus=bus + 1)
        return [
            self.function(
                f"{upstream}/0000:{bus + 1:02x}:{number:02x}.0",
                _BRIDGE,
                _node(root),
                port=_DOWNSTREAM,
                bus=bus + 2 + number,
            )
            for number in range(ports)
        ]

    def card(self, port: str, root: int, bus: int, ids: str) -> str:
        return self.function(f"{port}/0000:{bus:02x}:00.0", ids, _node(root))

    def sriov(self, port: str, root: int, bus: int, vfs: int) -> None:
        """A NIC with so many VFs."""
        pf = self.function(
            f"{port}/0000:{bus:02x}:00.0",
            NIC,
            _node(root),
            sriov_totalvfs="64\n",
            sriov_numvfs=f"{vfs}\n",
            sriov_drivers_autoprobe="1\n",
        )
        for number in range(vfs):
            vf = self.function(f"{port}/0000:{bus:02x}:{2 + number // 8:02x}.{number % 8}", VF, _node(root))
            self._link(f"{vf}/physfn", pf)
            self._link(f"{pf}/virtfn{number}", vf)


def _node(root: int) -> int:
    return int(root >= 0x80)


def _config(ids: str, class_id: str, port: int, bus: int) -> bytes:
    """The header, and the capability of PCI Express at 0x40."""
    data = bytearray(256)
    vendor, product = (int(part, 16) for part in ids.split(":"))
    data[0:4] = vendor.to_bytes(2, "little") + product.to_bytes(2, "little")
    data[0x06] = 0x10
    data[0x09:0x0C] = bytes.fromhex(class_id)[::-1]
    data[0x34] = 0x40
    data[0x40:0x44] = bytes((0x10, 0x00, 0x02 | port << 4, 0x00))
    if bus:
        data[0x0E] = 0x01
        data[0x18:0x1B] = bytes((0, bus, bus))
    return bytes(data)


def _trees_of_gpus(files: _Files) -> None:
    """Two sockets, a switch at each with two GPUs and a NIC."""
    for root in (0x00, 0x80):
        for number, port in enumerate(files.switch(root, 1, root + 0x10, 3)):
            files.card(port, root, root + 0x12 + number, GPU if number < 2 else NIC)


def _gpu_and_vfs(files: _Files) -> None:
    files.card(files.port(0x00, 1, 0x10), 0x00, 0x10, GPU)
    files.sriov(files.port(0x00, 2, 0x20), 0x00, 0x20, 4)


def _vfs(files: _Files) -> None:
    for root in (0x00, 0x80):
        files.sriov(files.port(root, 1, root + 0x10), root, root + 0x10, 3)
    files.card(files.port(0x80, 2, 0xA0), 0x80, 0xA0, DISK)


def _cards_with_audio(files: _Files) -> None:
    """Graphics cards whose audio function is in their group."""
    for number in range(2):
        port = files.port(0x00, 1 + number, 0x10 + number)
        card = files.card(port, 0x00, 0x10 + number, CARD)
        files.function(card[:-1] + "1", CARD_AUDIO, 0, beside=card)
    files.card(files.port(0x80, 1, 0x90), 0x80, 0x90, DISK)


def _mixed(files: _Files) -> None:
    """Below one switch a GPU, a NIC with VFs and a disk."""
    ports = files.switch(0x80, 1, 0x90, 3)
    files.card(ports[0], 0x80, 0x92, GPU)
    files.sriov(ports[1], 0x80, 0x93, 2)
    files.card(ports[2], 0x80, 0x94, DISK)


KINDS: dict[str, Callable[[_Files], None]] = {
    "trees of GPUs": _trees_of_gpus,
    "GPU and VFs": _gpu_and_vfs,
    "VFs": _vfs,
    "cards with audio": _cards_with_audio,
    "mixed": _mixed,
    "no iommu": _mixed,
}


def lay_out(host: Host, folder: Path) -> None:
    """Make the host's folder: `root` with its files, `tmp`, and `bin` for programs, of which there are none."""
    files = _Files(host.name, iommu=host.kind != "no iommu")
    KINDS[host.kind](files)
    for name in ("root", "tmp", "bin"):
        (folder / name).mkdir(parents=True)
    if int(host.name[3:]) % 2:
        files.entries["/sys/bus/pci/drivers/vfio-pci"] = {"dir": True}
    expand(files.entries, folder / "root")
    outside = [str(path) for path in _links(folder / "root") if not _within(path, folder / "root")]
    assert not outside, f"links that lead out of {host.name}: {outside}"


def _links(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink():
                yield path


def _within(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve()) and path.exists()


def bindings(root: Path) -> dict[str, tuple[str | None, str]]:
    """The driver of each function of a host as it is now, None for none, and its driver_override, by its address."""
    devices = root / "sys/bus/pci/devices"
    found = {}
    for address in sorted(os.listdir(devices)):
        link = devices / address / "driver"
        driver = os.path.basename(os.readlink(link)) if link.is_symlink() else None
        found[address] = driver, (devices / address / "driver_override").read_text().strip()
    return found
