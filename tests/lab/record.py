# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what a PCI inventory reads of a host, for unit tests: 'python3 - < record.py' as root writes JSON.

{"version": 1, "entries": {path: entry}} where an entry is {"file": text}, {"hex": bytes, "size": length} for a binary
file (bytes that are left out at the end are zero), {"link": target} or {"dir": true}. Folders that hold entries are not
listed themselves. Attributes that cannot be read (a speed without a link) are left out, as they give an error there.
Only the standard library, and nothing of this package: it runs alone on the host.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import sys

PCI_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
PCI_FILES = re.compile(
    r"vendor|device|subsystem_vendor|subsystem_device|revision|class|config|resource|resource\d+_resize|numa_node|modalias"
    r"|driver_override|reset_method|boot_vga|enable|sriov_\w+|(current|max)_link_(speed|width)|vpd|d3cold_allowed"
    r"|power_state|local_cpulist|uevent|irq|ari_enabled|label|index|acpi_index|serial_number"
)
CHILD_FILES = re.compile(
    r"address|addr_assign_type|operstate|carrier|type|flags|mtu|ifindex|iflink|dev_port|dev_id|phys_(port|switch)_\w+"
    r"|serial|model|size|dev|uevent|subsysnqn|cntlid|cntrltype|transport|firmware_rev|nsid|nguid|eui|uuid|wwid"
    r"|ro|removable|hidden|range|ext_range|partition|start|vendor|product|rev|scsi_level|state|host_busy|unique_id"
    r"|proc_name|modalias|idVendor|idProduct|manufacturer|busnum|devnum|devpath|b(Device|Interface)Class"
    r"|bInterfaceNumber|speed|version|device|name|status|enabled|identity"
)
SUBFOLDERS_SKIPPED = re.compile(
    r"power|statistics|queues?|wakeup|trace|msi_irqs|mq|integrity|pci_bus|link|aer|driver|ptp|pps|hwmon|i2c-.*|tx|rx"
    r"|inflight|events|phy_device|mdio_bus|subsystem|firmware_node|bsg|(usb_)?ep_.*|pci\w+:.*|PNP.*"
)
CLASSES = (
    *("iommu", "net", "block", "nvme", "nvme-subsystem", "scsi_host", "drm", "graphics", "watchdog"),
    *("mdev_bus", "vfio", "ipmi", "rtc"),
)
PROC = (
    *("cmdline", "mounts", "self/mountinfo", "swaps", "fb", "mdstat", "modules", "devices"),
    *("net/route", "net/ipv6_route", "net/fib_trie", "net/if_inet6", "net/tcp", "net/tcp6"),
    *("sys/kernel/osrelease", "sys/kernel/random/boot_id"),
)

entries: dict[str, dict[str, object]] = {}


def add(path: str, *, existence_only: bool = False) -> None:
    """Record one link, folder or file."""
    if os.path.islink(path):
        entries[path] = {"link": os.readlink(path)}
    elif os.path.isdir(path):
        entries[path] = {"dir": True}
    elif existence_only:
        entries[path] = {"file": ""}
    elif os.path.exists(path):
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except OSError:
            return
        entries[path] = content(path, data)


def content(path: str, data: bytes) -> dict[str, object]:
    """Return DATA as text where it is text."""
    if os.path.basename(path) not in ("config", "vpd"):
        try:
            return {"file": data.decode()}
        except UnicodeDecodeError:
            pass
    return {"hex": data.rstrip(b"\0").hex(), "size": len(data)}


def names(folder: str) -> list[str]:
    """Return the sorted names in FOLDER, none when it does not exist."""
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def add_pci_device(folder: str) -> None:
    """Record one PCI function and its children, but not the functions below a bridge: they come by themselves."""
    for name in names(folder):
        path = f"{folder}/{name}"
        if os.path.islink(path):
            if re.fullmatch(r"driver|iommu_group|iommu|physfn|virtfn\d+|subsystem", name):
                add(path)
        elif os.path.isdir(path):
            if not (PCI_ADDRESS.fullmatch(name) or SUBFOLDERS_SKIPPED.fullmatch(name)):
                add_child(path)
        elif PCI_FILES.fullmatch(name):
            add(path)
        elif re.fullmatch(r"rom|resource\d+", name):
            add(path, existence_only=True)


def add_child(folder: str) -> None:
    """Record a device below a PCI function, or a class device that has none, with everything below it."""
    before = len(entries)
    kind = os.path.basename(folder)
    for name in names(folder):
        path = f"{folder}/{name}"
        if os.path.islink(path):
            if kind in ("holders", "slaves", "devices") or re.match(
                r"(device|subsystem|master|driver)$|lower_|upper_|bonding_", name
            ):
                add(path)
        elif os.path.isdir(path):
            if not SUBFOLDERS_SKIPPED.fullmatch(name):
                add_child(path)
        elif kind in ("dm", "md", "bridge", "bonding") or CHILD_FILES.fullmatch(name):
            add(path)
    if len(entries) == before:
        add(folder)


def add_modules(modaliases: set[str]) -> None:
    """Record the part of modules.alias that matches this host's devices, and all variant drivers of VFIO."""
    path = f"/lib/modules/{os.uname().release}/modules.alias"
    with open(path) as stream:
        lines = [line for line in stream if line.startswith(("alias pci:", "alias vfio_pci:"))]
    kept = [
        line
        for line in lines
        if line.startswith("alias vfio_pci:")
        or any(fnmatch.fnmatchcase(modalias, line.split()[1]) for modalias in modaliases)
    ]
    entries[path] = {"file": "".join(kept)}


def main() -> None:
    """Record the whole tree and write it."""
    modaliases = set()
    for address in names("/sys/bus/pci/devices"):
        link = f"/sys/bus/pci/devices/{address}"
        add(link)
        folder = os.path.realpath(link)
        add_pci_device(folder)
        with open(f"{folder}/modalias") as stream:
            modaliases.add(stream.read().strip())
    for name in CLASSES:
        for device in names(f"/sys/class/{name}"):
            path = f"/sys/class/{name}/{device}"
            add(path)
            if "/devices/virtual/" in os.path.realpath(path):
                add_child(os.path.realpath(path))
    for name in names("/sys/dev/block"):
        add(f"/sys/dev/block/{name}")
    for group in names("/sys/kernel/iommu_groups"):
        add(f"/sys/kernel/iommu_groups/{group}/type")
        for device in names(f"/sys/kernel/iommu_groups/{group}/devices"):
            add(f"/sys/kernel/iommu_groups/{group}/devices/{device}")
    modules = {name for name in names("/sys/module") if re.match(r"vfio|kvm|iommu|intel_iommu|amd_iommu", name)}
    for driver in names("/sys/bus/pci/drivers"):
        folder = f"/sys/bus/pci/drivers/{driver}"
        add(folder)
        if os.path.islink(f"{folder}/module"):
            add(f"{folder}/module")
            modules.add(os.path.basename(os.readlink(f"{folder}/module")))
    for module in sorted(modules):
        add(f"/sys/module/{module}")
    for table in names("/sys/firmware/acpi/tables"):
        add(f"/sys/firmware/acpi/tables/{table}", existence_only=True)
    add("/sys/devices/system/node/online")
    for node in names("/sys/devices/system/node"):
        if node.startswith("node"):
            add(f"/sys/devices/system/node/{node}/cpulist")
    for name in PROC:
        add(f"/proc/{name}")
    add("/etc/os-release")
    add_modules(modaliases)
    json.dump({"version": 1, "entries": dict(sorted(entries.items()))}, sys.stdout, indent=0, sort_keys=True)
    print()


main()
