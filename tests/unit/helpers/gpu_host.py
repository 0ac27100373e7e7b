# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab host of Debian 13 with a graphics card of NVIDIA's besides; run as a program it writes a recording of it.

The card is made by what such a card tells, not read from one: an RTX A4000, whose sound function is in its IOMMU group.
The guide to GPUs is about this host.
"""

from __future__ import annotations

import sys
import tempfile
import typing as t
import xml.etree.ElementTree as ET
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.pf_states import PfStates
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.domains import Domains
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.file import as_bytes
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.making import Host, record_host
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.of_libvirt import ask_libvirt
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import RECORD, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import Entries, expand

GPU, SOUND = "0000:65:00.0", "0000:65:00.1"
_PORT = "0000:64:00.0"
_BRIDGE = f"/sys/devices/pci0000:64/{_PORT}"
# Of 16 MiB; of 256 MiB, 64 bits, prefetchable; of 32 MiB, the same; ports; the ROM.
_GPU_RESOURCES = """\
0x00000000e0000000 0x00000000e0ffffff 0x0000000000040200
0x0000021fe0000000 0x0000021fefffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000021ff0000000 0x0000021ff1ffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000006000 0x000000000000607f 0x0000000000040101
0x00000000e1000000 0x00000000e107ffff 0x0000000000046200
"""
_SOUND_RESOURCES = "0x00000000e1080000 0x00000000e1083fff 0x0000000000040200\n"
# From 64 MiB to 16 GiB.
_RESIZE = "0000000000007fc0\n"
_IDS = """\
10de  NVIDIA Corporation
\t228b  GA104 High Definition Audio Controller
\t24b0  GA104GL [RTX A4000]
8086  Intel Corporation
\t10c9  82576 Gigabit Network Connection
\t10ca  82576 Virtual Function
C 02  Network controller
\t00  Ethernet controller
C 03  Display controller
\t00  VGA compatible controller
C 04  Multimedia controller
\t03  Audio device
"""


def gpu_host(folder: Path, *definitions: str) -> FakeHost:
    """The host, with the domains that these definitions are of, shut off."""
    host = FakeHost(folder, running=False)
    expand(_card(), host.root)
    host.kernel.fit(GPU, "nouveau")
    host.kernel.fit(SOUND, "snd_hda_intel")
    name_devices(host)
    host.libvirt.domains.clear()
    for number, definition in enumerate(definitions):
        uuid = f"3c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c{number:02x}"
        domain = _as_libvirt_keeps_it(ET.fromstring(definition), uuid)
        host.libvirt.define(domain.findtext("name"), uuid, config=ET.tostring(domain, encoding="unicode"))
    return host


def _as_libvirt_keeps_it(domain: ET.Element, uuid: str) -> ET.Element:
    """A q35 domain with its UUID, a root port for each device that takes one, and one that is free."""
    ET.SubElement(domain, "uuid").text = uuid
    devices = domain.find("devices")
    express = [device for tag in ("interface", "disk", "rng") for device in devices.findall(tag)]
    ET.SubElement(devices, "controller", type="pci", index="0", model="pcie-root")
    place = {"type": "pci", "domain": "0x0000", "function": "0x0"}
    for number in range(1, len(express) + 2):
        port = ET.SubElement(devices, "controller", type="pci", index=str(number), model="pcie-root-port")
        ET.SubElement(port, "address", {**place, "bus": "0x00", "slot": f"0x{number:02x}"})
    for number, device in enumerate(express, 1):
        ET.SubElement(device, "address", {**place, "bus": f"0x{number:02x}", "slot": "0x00"})
    return domain


def name_devices(host: FakeHost) -> None:
    """Have the host know names of its devices, as with Debian's package `pci.ids`."""
    host.write("/usr/share/misc/pci.ids", _IDS)


def record(host: FakeHost, path: Path, at: str = "2026-11-28T12:00:00Z") -> None:
    """Write a recording of the host, with the names that its domains have."""
    kept = host.record_or_none()
    told = Host(
        System(host.tree, Domains(host.libvirt, LibvirtError), {}),
        ask_libvirt(host.libvirt, LibvirtError),
        "",
        None if kept is None else (host.root / RECORD[1:]).read_text(encoding="utf-8"),
        "kvm1",
        host.system.vf_settings.states,
        lambda pfs: {pf: PfStates(host.tree, host.links, host.links.devlink).state(pf, eswitch=True) for pf in pfs},
        at,
    )
    path.write_bytes(as_bytes(record_host(told, anonymous=False)))


def _card() -> Entries:
    port = {"driver": "pcieport", "reset_method": "pm\n", "resource": ""}
    gpu = {"driver": "nouveau", "reset_method": "flr bus\n", "resource": _GPU_RESOURCES, "boot_vga": "0\n"}
    sound = {"driver": "snd_hda_intel", "reset_method": "bus\n", "resource": _SOUND_RESOURCES}
    made = {
        **_function(_BRIDGE, "8086:347a", "060400", 64, port),
        **_function(f"{_BRIDGE}/{GPU}", "10de:24b0", "030000", 65, {**gpu, "resource1_resize": _RESIZE}),
        **_function(f"{_BRIDGE}/{SOUND}", "10de:228b", "040300", 65, sound),
    }
    header = bytearray.fromhex(str(made[f"{_BRIDGE}/config"]["hex"]))
    header[0x0E], header[0x19], header[0x1A] = 1, 0x65, 0x65
    made[f"{_BRIDGE}/config"] = {"hex": header.hex(), "size": 256}
    return made


def _function(path: str, ids: str, kind: str, group: int, more: t.Mapping[str, str]) -> Entries:
    """A function of a slot of sixteen lanes, by its ids, its class, its group and what else it has."""
    address = path.rpartition("/")[2]
    vendor, product = (int(part, 16) for part in ids.split(":"))
    up = "../" * (path.count("/") - 1)
    config = bytearray(64)
    config[0:4] = vendor.to_bytes(2, "little") + product.to_bytes(2, "little")
    config[9:12] = bytes.fromhex(kind)[::-1]
    config[0x0E] = 0x80
    texts = {
        "uevent": f"PCI_CLASS={int(kind, 16):X}\nPCI_ID={ids.upper()}\nPCI_SUBSYS_ID={ids[:4].upper()}:14AD\n"
        f"PCI_SLOT_NAME={address}\nMODALIAS=pci:v0000{ids[:4].upper()}d0000{ids[5:].upper()}"
        f"sv0000{ids[:4].upper()}sd000014ADbc{kind[:2]}sc{kind[2:4]}i00\n",
        "numa_node": "0\n",
        "driver_override": "(null)\n",
        "current_link_speed": "16.0 GT/s PCIe\n",
        "current_link_width": "16\n",
        "max_link_speed": "16.0 GT/s PCIe\n",
        "max_link_width": "16\n",
        **{name: text for name, text in more.items() if name != "driver"},
    }
    return {
        f"/sys/bus/pci/devices/{address}": {"link": f"../../../{path[5:]}"},
        f"/sys/bus/pci/drivers/{more['driver']}/{address}": {"link": f"../../../../{path[5:]}"},
        f"/sys/kernel/iommu_groups/{group}/devices/{address}": {"link": f"../../../../{path[5:]}"},
        f"{path}/iommu_group": {"link": f"{up}kernel/iommu_groups/{group}"},
        f"{path}/driver": {"link": f"{up}bus/pci/drivers/{more['driver']}"},
        f"{path}/config": {"hex": config.hex(), "size": 256},
        **{f"{path}/{name}": {"file": text} for name, text in texts.items()},
    }


def main(target: Path, *definitions: Path) -> None:
    """Write a recording of the host with the domains that these files define."""
    with tempfile.TemporaryDirectory() as folder:
        record(gpu_host(Path(folder), *(path.read_text(encoding="utf-8") for path in definitions)), target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
