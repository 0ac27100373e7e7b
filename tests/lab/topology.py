# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulated hardware of the lab host, as data: what is plugged in where, at which address it appears, and why.

Every PCI device is put at a fixed slot. The firmware numbers buses in the order of the bridges' slots, so the addresses
behind the root ports are fixed as well; the lab checks them each time it comes up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

BOOT_VGA = "0000:00:01.0"
ROOT_DISK = "0000:00:02.0"
MANAGEMENT_NIC = "0000:00:03.0"
SCSI_HBA = "0000:00:04.0"
USB_CONTROLLER = "0000:00:05.0"
WATCHDOG = "0000:00:06.0"
BMC = "0000:00:07.0"
ISA_BRIDGE = "0000:00:1f.0"
SATA_CONTROLLER = "0000:00:1f.2"
SMBUS = "0000:00:1f.3"
IGB_PF = "0000:01:00.0"
IGB_TOTAL_VFS = 7
#: Where the VFs of IGB_PF appear, in their order, once they are made through sriov_numvfs.
IGB_VFS = tuple(f"0000:01:{0x10 + index * 2 // 8:02x}.{index * 2 % 8}" for index in range(IGB_TOTAL_VFS))
NVME_PF = "0000:02:00.0"
NVME_TOTAL_VFS = 120
#: Write 0 to sriov_drivers_autoprobe of NVME_PF first: the NVMe driver cannot start its VFs.
NVME_VFS = tuple(f"0000:02:{index // 8:02x}.{index % 8}" for index in range(1, NVME_TOTAL_VFS + 1))
#: PCIe functions of one slot without ACS: one IOMMU group of endpoints which a q35 guest takes. NIC, NIC, NVMe.
MULTIFUNCTION = ("0000:03:00.0", "0000:03:00.1", "0000:03:00.2")
NVME = "0000:04:00.0"
PCI_BRIDGE = "0000:00:14.0"
#: Conventional devices that share the group of PCI_BRIDGE: e1000 and edu (which has no driver).
CONVENTIONAL = ("0000:05:01.0", "0000:05:02.0")
NUMA_NVME = "0000:81:00.0"
_NODE_1_BUS = 0x80


@dataclass(frozen=True)
class Disk:
    """A scratch disk, empty when a lab is started."""

    name: str
    size: int = 64 << 20


@dataclass(frozen=True)
class Device:
    """One emulated device: its QEMU options; of a PCI function, its address and 'vendor:device' on the host."""

    name: str
    purpose: str
    options: tuple[str, ...]
    address: str | None = None
    ids: str | None = None
    disk: Disk | None = None


#: NICs whose cable leads nowhere.
_UNPLUGGED = ("igb", "multi0", "multi1", "e1000")


def _nic(network: str) -> str:
    """Return the options of the NIC on NETWORK.

    Each has an address of its own whatever else is plugged in: its serial number is made of it.
    """
    return f"netdev={network},romfile=,mac=52:54:00:12:34:{0x56 + ('management', *_UNPLUGGED).index(network):02x}"


def _port(slot: int, name: str, ids: str = "1b36:000c") -> Device:
    options = f"pcie-root-port,id={name},bus=pcie.0,addr={slot:#x},chassis={slot},slot={slot}"
    return Device(name, "root port", (options,), f"0000:00:{slot:02x}.0", ids)


DEVICES = (
    Device("vga", "the boot display", ("VGA,bus=pcie.0,addr=0x1",), BOOT_VGA, "1234:1111"),
    Device(
        "root disk",
        "never to be given away",
        ("virtio-blk-pci,drive=root,bus=pcie.0,addr=0x2,bootindex=1",),
        ROOT_DISK,
        "1af4:1001",
    ),
    Device(
        "management NIC",
        "carries ssh and the default route",
        (f"virtio-net-pci,bus=pcie.0,addr=0x3,{_nic('management')}",),
        MANAGEMENT_NIC,
        "1af4:1000",
    ),
    Device(
        "SCSI HBA",
        "scsi_host, scsi and storage nodes",
        ("virtio-scsi-pci,id=scsi0,bus=pcie.0,addr=0x4", "scsi-hd,bus=scsi0.0,drive=scsi,serial=LABSCSI1"),
        SCSI_HBA,
        "1af4:1004",
        Disk("scsi"),
    ),
    Device(
        "USB controller",
        "usb_device and usb nodes, a USB disk",
        ("qemu-xhci,id=xhci,bus=pcie.0,addr=0x5", "usb-storage,bus=xhci.0,drive=usb,serial=LABUSB1"),
        USB_CONTROLLER,
        "1b36:000d",
        Disk("usb"),
    ),
    Device("watchdog", "a device the host depends on", ("i6300esb,bus=pcie.0,addr=0x6",), WATCHDOG, "8086:25ab"),
    Device("BMC", "a device the host depends on", ("pci-ipmi-kcs,bmc=bmc0,bus=pcie.0,addr=0x7",), BMC, "1234:1112"),
    # The root ports: one bus each, numbered in this order.
    _port(0x10, "port1"),
    _port(0x11, "port2"),
    _port(0x12, "port3"),
    _port(0x13, "port4"),
    Device("igb", "SR-IOV NIC", (f"igb,bus=port1,{_nic('igb')}",), IGB_PF, "8086:10c9"),
    Device(
        "SR-IOV NVMe",
        "SR-IOV controller without namespaces",
        (
            "nvme-subsys,id=subsys0",
            f"nvme,bus=port2,subsys=subsys0,serial=LABNVMEPF,sriov_max_vfs={NVME_TOTAL_VFS},"
            "sriov_vq_flexible=240,sriov_vi_flexible=120,max_ioqpairs=242,msix_qsize=363",
        ),
        NVME_PF,
        "1b36:0010",
    ),
    Device(
        "multifunction.0",
        "one group of three PCIe endpoints",
        (f"e1000e,bus=port3,addr=0x0.0,multifunction=on,{_nic('multi0')}",),
        MULTIFUNCTION[0],
        "8086:10d3",
    ),
    Device("multifunction.1", "", (f"e1000e,bus=port3,addr=0x0.1,{_nic('multi1')}",), MULTIFUNCTION[1], "8086:10d3"),
    Device(
        "multifunction.2",
        "",
        ("nvme,bus=port3,addr=0x0.2,drive=multi,serial=LABNVMEMF",),
        MULTIFUNCTION[2],
        "1b36:0010",
        Disk("multi"),
    ),
    Device(
        "NVMe",
        "an endpoint alone in its group",
        ("nvme,bus=port4,drive=nvme,serial=LABNVME0",),
        NVME,
        "1b36:0010",
        Disk("nvme"),
    ),
    Device(
        "PCI bridge",
        "a group of conventional devices",
        ("pcie-pci-bridge,id=conventional,bus=pcie.0,addr=0x14",),
        PCI_BRIDGE,
        "1b36:000e",
    ),
    Device("e1000", "", (f"e1000,bus=conventional,addr=0x1,{_nic('e1000')}",), CONVENTIONAL[0], "8086:100e"),
    Device("edu", "a device that no driver wants", ("edu,bus=conventional,addr=0x2",), CONVENTIONAL[1], "1234:11e8"),
    Device("ISA bridge", "00:1f comes with the machine", (), ISA_BRIDGE, "8086:2918"),
    Device("SATA", "shares the ISA bridge's group", (), SATA_CONTROLLER, "8086:2922"),
    Device("SMBus", "shares the ISA bridge's group", (), SMBUS, "8086:2930"),
    Device(
        "NVMe on node 1",
        "an endpoint with a NUMA node of its own",
        (
            f"pxb-pcie,id=numa1,bus=pcie.0,addr=0x18,bus_nr={_NODE_1_BUS:#x},numa_node=1",
            "pcie-root-port,id=numa1port,bus=numa1,addr=0x0,chassis=128,slot=128",
            "nvme,bus=numa1port,drive=numa,serial=LABNVME1",
        ),
        NUMA_NVME,
        "1b36:0010",
        Disk("numa"),
    ),
)


def moved(address: str, ports: int = 1) -> str:
    """Return where the function at ADDRESS is once PORTS more root ports come before the others."""
    domain, bus, rest = address.split(":")
    return f"{domain}:{int(bus, 16) + ports:02x}:{rest}" if 0 < int(bus, 16) < _NODE_1_BUS else address


def renumbered(ports: int = 1) -> tuple[Device, ...]:
    """Return the hardware with PORTS more root ports before the others, at most eight: as if cards had been added.

    The firmware gives an empty port a bus as well, so that all buses after it get other numbers.
    """
    added = (_port(0x10 - number, f"earlier{number}") for number in range(1, ports + 1))
    kept = (replace(device, address=device.address and moved(device.address, ports)) for device in DEVICES)
    return (*added, *kept)


def expected_addresses(devices: Sequence[Device] = DEVICES) -> dict[str, str]:
    """Return 'vendor:device' by address for every PCI function the tests rely on."""
    return {device.address: device.ids for device in devices if device.address and device.ids}


def arguments(
    memory: int, processors: int, ssh_port: int, root_disk: str, scratch: Path, devices: Sequence[Device] = DEVICES
) -> Iterator[str]:
    """Yield the QEMU arguments of the hardware: MEMORY in MiB over two nodes, scratch disks as files in SCRATCH.

    Of two PROCESSORS, at most, each node has one.
    """
    yield from ("-machine", "q35,kernel-irqchip=split", "-device", "intel-iommu,intremap=on", "-m", str(memory))
    for node in (0, 1):
        yield from ("-object", f"memory-backend-ram,id=memory{node},size={memory // 2}M")
        yield from ("-numa", f"node,nodeid={node},memdev=memory{node},cpus={node}")
    yield from ("-smp", f"{processors},maxcpus=2", "-vga", "none", "-display", "none", "-nodefaults")
    yield from ("-drive", f"if=none,id=root,{root_disk}")
    yield from ("-netdev", f"user,id=management,hostfwd=tcp:127.0.0.1:{ssh_port}-:22")
    for name in _UNPLUGGED:
        yield from ("-netdev", f"hubport,id={name},hubid={_UNPLUGGED.index(name)}")
    yield from ("-device", "ipmi-bmc-sim,id=bmc0")
    for device in devices:
        if device.disk:
            path = scratch / f"{device.disk.name}.raw"
            with path.open("ab") as file:  # a host that is switched on again finds what it wrote
                file.truncate(device.disk.size)
            yield from ("-drive", f"if=none,id={device.disk.name},file={path},format=raw")
        for options in device.options:
            yield from ("-device", options)
