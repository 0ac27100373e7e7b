# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other tools of the lab host say of its PCI functions, in the fields of a report."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from . import topology
from .machine import Lab

#: Fields by device, of PCI functions by their addresses.
View = dict[str, dict[str, Any]]

_SCRIPT = r"""
cd /sys/bus/pci/devices
part() { printf '\f%s\n' "$1"; }
part lspci; lspci -Dvvvnn
# Without udev's database, where there is one: it names a subsystem that it does not know after the device.
part names; lspci -O hwdb.disable=1 -Dvmm 2> /dev/null || lspci -Dvmm
part xml; virsh -q "$(virsh -q nodedev-list | sed 's/^/nodedev-dumpxml /' | tr '\n' ';')"
part pci; virsh -q nodedev-list --cap pci
part tree; virsh -q nodedev-list --tree
part version; virsh version
part path; readlink -f *
part group; ls -d /sys/kernel/iommu_groups/*/devices/*
part attributes
grep -sH '' */reset_method */driver_override */d3cold_allowed */boot_vga */sriov_totalvfs */sriov_numvfs */modalias \
    */secondary_bus_number
part carried
readlink -f /sys/class/{net,block,nvme,scsi_host}/* /sys/class/drm/card? /sys/bus/usb/devices/usb*
part carriedattributes
cd /sys/class
grep -sH '' nvme/*/serial nvme/*/model nvme/*/firmware_rev net/*/addr_assign_type
cd /sys/bus/pci/devices
part vfio; sed s/^pci:/vfio_pci:/ */modalias | xargs modprobe --all --resolve-alias
part modules; lsmod
part addresses; ip -j addr
part routes; ip -j route show table all
part connection; echo "$SSH_CONNECTION"
part mounts; findmnt --json --list -o TARGET,MAJ:MIN
part disks; lsblk --json --bytes -o NAME,MAJ:MIN,SIZE
part swaps; swapon --show=NAME --noheadings
part kernel; uname -r
part nodes; lscpu -p=NODE,SOCKET
part online; ls -d /sys/devices/system/node/node*
"""


class Host:
    """What the tools of the host said, by the parts of the script."""

    def __init__(self, said: str) -> None:
        parts = (part.partition("\n") for part in said.split("\f")[1:])
        self.text = {name: text for name, _newline, text in parts}
        self.paths = {path.rpartition("/")[2]: path for path in self.lines("path")}
        self.nodes = {
            str(node.findtext("name")): node
            for node in ET.fromstring(f"<all>{self.text['xml']}</all>").findall("device")
        }

    def lines(self, part: str) -> list[str]:
        return self.text[part].splitlines()

    def attributes(self, name: str, part: str = "attributes") -> dict[str, str]:
        """Return a sysfs file's text by the name of its folder, of those that have it."""
        texts = {}
        for line in self.lines(part):
            path, _colon, text = line.partition(f"/{name}:")
            if _colon:
                texts[path.rpartition("/")[2]] = text.strip()
        return texts

    def carried(self) -> dict[str, list[tuple[str, str]]]:
        """Return kind and name of the class devices below each function."""
        children: dict[str, list[tuple[str, str]]] = {address: [] for address in self.paths}
        for line in self.lines("carried"):
            path = PurePosixPath(line)
            kind = "usb" if path.name.startswith("usb") else path.parent.name
            if along := [part for part in path.parts if part in self.paths]:
                children[along[-1]].append(("block" if kind.startswith("nvme") and kind != "nvme" else kind, path.name))
        return children

    def function_of(self, kind: str, name: str) -> str | None:
        return next((address for address, carried in self.carried().items() if (kind, name) in carried), None)


def ask_tools(lab: Lab) -> Host:
    """Run all of them."""
    return Host(lab.sh("bash", text=_SCRIPT).stdout)


def _lspci(observed: Host) -> View:
    """Ids, revision, link, BARs, ROM and drivers, from config space as pciutils reads it."""
    view: View = {}
    for block in observed.text["lspci"].strip().split("\n\n"):
        head, _newline, body = block.partition("\n")
        ids = re.findall(r"\[([0-9a-f]{4}(?::[0-9a-f]{4})?)\]", head)
        vendor, product = ids[-1].split(":")
        subsystem = re.search(r"^\tSubsystem: .*\[(\w{4}):(\w{4})\]$", body, re.M)
        modules = re.search(r"^\tKernel modules: (.*)$", body, re.M)
        view[head.split()[0]] = {
            "capability": "pci",
            "vendor_id": vendor,
            "product_id": product,
            "class": ids[0] + _first(r"\(prog-if (\w\w)", head, "00"),
            "revision": _first(r"\(rev (\w\w)\)", head, "00"),
            "subsystem_vendor_id": subsystem.group(1) if subsystem else "0000",
            "subsystem_product_id": subsystem.group(2) if subsystem else "0000",
            "driver": _first(r"^\tKernel driver in use: (.*)$", body, None),
            "candidate_drivers": sorted(modules.group(1).split(", ")) if modules else [],
            "header_type": 1 if "\tBus: primary=" in body else 0,
            "rom": "\tExpansion ROM at" in body,
            "link": _link(body),
            "bars": [_bar(region, body) for region in re.findall(r"^\tRegion (\d): (.*)$", body, re.M)],
        }
    return view


def _link(body: str) -> dict[str, Any] | None:
    """Return nothing for conventional devices, and empty values for those inside the root complex."""
    if not re.search(r"^\tCapabilities: \[\w+\] Express ", body, re.M):
        return None
    fields: dict[str, Any] = {}
    for name, register in (("current", "Sta"), ("max", "Cap")):
        link = re.search(
            rf"^\t\tLnk{register}:\t(?:Port #\d+, )?Speed ([\d.]+)GT/s(?: \(\w+\))?, Width x(\d+)", body, re.M
        )
        fields[f"{name}_speed"] = f"{float(link.group(1)):.1f} GT/s PCIe" if link else None
        fields[f"{name}_width"] = int(link.group(2)) if link else None
    return fields


def _bar(region: tuple[str, str], body: str) -> dict[str, Any]:
    index, text = region
    assert "Resizable BAR" not in body, "the lab has got a device with a resizable BAR: compare resizable_sizes"
    number, unit = re.findall(r"\[size=(\d+)([KMGT]?)\]", text)[0]
    return {
        "index": int(index),
        "size": int(number) << 10 * " KMGT".index(unit or " "),
        "io": text.startswith("I/O ports"),
        "is_64bit": "64-bit" in text,
        "prefetchable": bool(re.search(r"[ (]prefetchable", text)),
        "resizable_sizes": [],
    }


def _names(observed: Host) -> View:
    """The names of the ids, from pciutils' own look at pci.ids."""
    view: View = {}
    for block in observed.text["names"].strip().split("\n\n"):
        fields = dict(line.split(":\t", 1) for line in block.splitlines())
        # An id that pci.ids does not know is printed as such.
        known = {key: None if re.fullmatch(r"(Vendor|Device) \w{4}", name) else name for key, name in fields.items()}
        view[fields["Slot"]] = {
            "vendor_name": known["Vendor"],
            "product_name": known["Device"],
            "class_name": re.sub(r" \[\w{4}\]$", "", fields["Class"]),
            "subsystem_name": known.get("SDevice") or known.get("SVendor"),
        }
    return view


def _libvirt(observed: Host) -> View:
    """Names, places, groups and SR-IOV relations, from libvirt's XML."""
    view: View = {}
    for name in observed.text["pci"].split():
        node = observed.nodes[name]
        physical = node.find("capability/capability[@type='phys_function']")
        virtual = node.find("capability/capability[@type='virt_functions']")
        group = node.find("capability/iommuGroup")
        numa = node.find("capability/numa")
        parent = node.findtext("parent")
        view[_address(node.find("capability"))] = {
            "name": name,
            "path": node.findtext("path"),
            "parent": None if parent == "computer" else _address(observed.nodes[str(parent)].find("capability")),
            "driver": node.findtext("driver/name"),
            "iommu_group": None if group is None else int(group.get("number", "")),
            "numa_node": None if numa is None else int(numa.get("node", "")),
            "physical_function": None if physical is None else _address(physical.find("address")),
            "virtual_functions": [] if virtual is None else [_address(element) for element in virtual.iter("address")],
            "device_type": "type-VF" if physical is not None else "type-PF" if virtual is not None else "type-PCI",
        }
    return view


def _address(element: ET.Element | None) -> str:
    """Return the address from attributes (hexadecimal), or else from elements (decimal)."""
    assert element is not None
    parts = [
        int(element.attrib[part], 16) if part in element.attrib else int(element.findtext(part) or "")
        for part in ("domain", "bus", "slot", "function")
    ]
    return "{:04x}:{:02x}:{:02x}.{:x}".format(*parts)


def _sysfs(observed: Host) -> View:
    """What the kernel alone knows, from its own files."""
    override, reset = observed.attributes("driver_override"), observed.attributes("reset_method")
    d3cold, boot_vga = observed.attributes("d3cold_allowed"), observed.attributes("boot_vga")
    total, made = observed.attributes("sriov_totalvfs"), observed.attributes("sriov_numvfs")
    secondary = observed.attributes("secondary_bus_number")

    def stable_path(address: str) -> str:
        above, *below = [part for part in observed.paths[address].split("/") if part in observed.paths]
        steps = [above.replace(":", "_")]
        for bridge, child in zip([above, *below], below, strict=False):
            _domain, bus, rest = child.split(":")
            steps.append(f"{int(bus, 16) - int(secondary[bridge]):02x}_{rest}")
        return "-".join(steps)

    assert set(observed.lines("vfio")) == {"vfio_pci"}, (
        "the lab has got a device with a VFIO driver of its own: compare that"
    )
    return {
        address: {
            "address": address,
            "path": path,
            "stable_path": stable_path(address),
            "driver_override": None if override[address] == "(null)" else override[address],
            # The kernel shows the file for functions with a reset method only.
            "reset_methods": reset.get(address, "").split(),
            "d3cold_allowed": None if address not in d3cold else d3cold[address] == "1",
            "boot_vga": boot_vga.get(address) == "1",
            "total_vfs": int(total.get(address, 0)),
            "num_vfs": int(made.get(address, 0)),
            "vfio_driver": None if address in secondary else "vfio-pci",
        }
        for address, path in observed.paths.items()
    }


def _places(observed: Host) -> View:
    """Where functions sit: roots and slots by the kernel's paths, switches by lspci, sockets by lscpu."""
    ports = {block.split()[0]: block for block in observed.text["lspci"].strip().split("\n\n")}
    upstream = {address for address, block in ports.items() if re.search(r"Express \(v\d\) Upstream Port", block)}
    pairs = [line.split(",") for line in observed.lines("nodes") if not line.startswith("#")]
    sockets = {int(node): int(socket) for node, socket in pairs}
    # A host with one node has all its devices there, whatever the kernel says of them. lscpu leaves out nodes without
    # CPUs.
    one_node = len(observed.lines("online")) == 1
    view: View = {}
    for address, fields in _libvirt(observed).items():
        path = observed.paths[address]
        switches = [part for part in reversed(path.split("/")[:-1]) if part in upstream]
        node = next(iter(sockets)) if fields["numa_node"] is None and one_node else fields["numa_node"]
        view[address] = {
            "pcie_root": _first(r"/(pci[0-9a-f]+:[0-9a-f]+)/", path, None),
            "pcie_switches": switches,
            "pcie_switch": switches[0] if switches else None,
            "slot": (fields["physical_function"] or address).rpartition(".")[0],
            "socket": sockets.get(node),
        }
    return view


def _carried(observed: Host) -> View:
    """What functions carry, its serial, and what goes with each, from classes, iproute2, lsblk and the topology."""
    interfaces = {interface["ifname"]: interface for interface in json.loads(observed.text["addresses"])}
    disks = {disk["name"]: disk for disk in json.loads(observed.text["disks"])["blockdevices"]}
    assigned = observed.attributes("addr_assign_type", "carriedattributes")
    nvme = {name: observed.attributes(name, "carriedattributes") for name in ("serial", "model", "firmware_rev")}
    serials = {
        topology.NVME_PF: "LABNVMEPF",
        topology.MULTIFUNCTION[2]: "LABNVMEMF",
        topology.NVME: "LABNVME0",
        topology.NUMA_NVME: "LABNVME1",
    }
    carried = observed.carried()

    def attributes(kind: str, name: str) -> dict[str, str]:
        if kind == "net":
            interface = interfaces[name]
            state = interface["operstate"].lower()
            return {"address": interface["address"], "operstate": state, "addr_assign_type": assigned[name]}
        if kind == "block":
            return {"size": str(disks[name]["size"] // 512)}
        return {key: values[name] for key, values in nvme.items()} if kind == "nvme" else {}

    for address, children in carried.items():
        for kind, name in children:
            if kind == "net" and address not in topology.IGB_VFS:
                serials[address] = interfaces[name].get("permaddr", interfaces[name]["address"])

    groups: dict[str, set[str]] = {}
    for member in observed.lines("group"):
        *_above, group, _devices, address = member.split("/")
        groups.setdefault(group, set()).add(address)
    mates = {address: members - {address} for members in groups.values() for address in members}
    mates[topology.IGB_PF] = {*mates[topology.IGB_PF], *topology.IGB_VFS[:4]}
    return {
        address: {
            "serial": serials.get(address),
            "children": [{"kind": kind, "name": name, **attributes(kind, name)} for kind, name in sorted(children)],
            "affected": [
                *sorted(mates[address]),
                *sorted(
                    f"{kind}/{name}" for function in {address, *mates[address]} for kind, name in carried[function]
                ),
            ],
        }
        for address, children in carried.items()
    }


def _first(pattern: str, text: str, otherwise: str | None) -> Any:
    match = re.search(pattern, text, re.M)
    return match.group(1) if match else otherwise


#: What each tool says. Field values are those that a report should have, lists of children and of names sorted.
VIEWS: dict[str, Callable[[Host], View]] = {
    "lspci": _lspci,
    "pci.ids": _names,
    "libvirt": _libvirt,
    "sysfs": _sysfs,
    "places": _places,
    "classes": _carried,
}
