# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of hosts for the picture, made by the collection's own code from recorded and made-up hosts."""

from __future__ import annotations

import functools
import json
import tempfile
import typing as t
from dataclasses import replace
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.set_aside import SetAside
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child, PciDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology, distance
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.record import Record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import device_report, groups_report
from ansible_collections.kvm.hostdev.plugins.module_utils._module.gathering import FactsWish, gather
from ansible_collections.kvm.hostdev.tests.unit.helpers import made
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import expand, recorded

Facts = dict[str, t.Any]

GENERATED, JUST_NOW = "2026-11-28 07:00:00 UTC", "2026-11-28T06:55:00Z"
"""When the pages of tests were made, and when the facts were gathered."""

HOSTILE = (
    '</script><img src=x onerror="document.title=1">',
    "'\"><svg onload=alert(1)>`${alert(1)}`",
    "\u202eright to left\u2066 \u05d0\u05d1",
    "x" * 10_000,
    "half \ud83d and \udc00 of a pair",
    "nul \0, tab \t, \u2028 and \x1b[31m",
    "<!--<script>",
    "__proto__",
    "~0",
    "&lt;b&gt; %3Cb%3E ]]>",
)
"""What somebody may have called a device, a domain or a host."""


class MadeNames:
    """Names of made-up functions."""

    def __init__(self, products: t.Mapping[str, str]) -> None:
        self._products = products

    def vendor(self, vendor_id: str) -> str | None:
        return {"10de": "NVIDIA Corporation", "8086": "Intel Corporation"}.get(vendor_id)

    def product(self, vendor_id: str, product_id: str) -> str | None:
        return self._products.get(f"{vendor_id}:{product_id}")

    def subsystem(self, _device: PciDevice) -> str | None:
        return None

    def pci_class(self, class_id: str) -> str | None:
        return {"0302": "3D controller", "0200": "Ethernet controller", "0880": "System peripheral"}.get(class_id[:4])


class MadeDrivers:
    """What the kernel of made-up hosts has."""

    def candidates(self, device: PciDevice) -> list[str]:
        return [device.driver] if device.driver else []

    def vfio_driver(self, _device: PciDevice) -> str:
        return "vfio-pci"


def facts_of(inventory: Inventory, tracker: Tracker, products: t.Mapping[str, str]) -> Facts:
    """What pci_facts returns of an inventory."""
    statuses, topology, names = Statuses(inventory, tracker), Topology(inventory), MadeNames(products)
    reports = [
        device_report(statuses, topology[address], device, names, MadeDrivers())
        for address, device in inventory.devices.items()
    ]
    nodes = [{"id": number, "socket": node.socket} for number, node in inventory.host.numa_nodes.items()]
    host = {"kernel": "6.12.48", "iommu": True, "iommu_reason": "on: dmar0", "libvirt": False, "libvirt_reason": ""}
    host.update(gathered_at=JUST_NOW, numa_nodes=nodes)
    facts = {"devices": reports, "iommu_groups": groups_report(inventory), "host": host}
    assert json.loads(json.dumps(facts)) == facts
    return facts


def _hanging(devices: t.Iterable[PciDevice]) -> list[PciDevice]:
    """The devices with their paths through the bridges that they hang on, which come before them."""
    paths: dict[str, str] = {}
    hung = []
    for device in devices:
        above = paths.get(device.parent or "")
        paths[device.address] = device.path if above is None else f"{above}/{device.address}"
        hung.append(device._replace(path=paths[device.address]))
    return hung


def distances(facts: Facts, addresses: t.Iterable[str]) -> dict[str, dict[str, str | None]]:
    """How far these functions are apart, each from each, by the rules of the collection."""
    devices = {device["address"]: device for device in facts["devices"] if device["capability"] == "pci"}
    nodes = {node["id"]: NumaNode(socket=node["socket"]) for node in facts["host"]["numa_nodes"]}
    looked_at = ("path", "physical_function", "numa_node")
    inventory = made.inventory(
        *(made.device(address, **{key: device[key] for key in looked_at}) for address, device in devices.items()),
        numa_nodes=nodes,
    )
    inventory.switches = {switch for device in devices.values() for switch in device["pcie_switches"]}
    topology = Topology(inventory)
    places = {address: topology[address] for address in addresses}
    return {one: {other: distance(where, places[other]).kind for other in places} for one, where in places.items()}


def bridge(address: str, parent: str | None = None, **fields: t.Any) -> PciDevice:
    above = "" if parent is None else f"/{parent}"
    values = {
        "class_id": "060400",
        "header_type": 1,
        "driver": "pcieport",
        "parent": parent,
        "path": f"/sys/devices/pci{address[:7]}{above}/{address}",
        "product_id": "2030",
        **fields,
    }
    return made.device(address, **values)


def gpu(address: str, parent: str, **fields: t.Any) -> PciDevice:
    values = {"vendor_id": "10de", "product_id": "20b2", "class_id": "030200", "driver": "nouveau", "parent": parent}
    return made.device(address, **{**values, "path": f"/sys/devices/pci0000:00/{parent}/{address}", **fields})


A100, BLUE = "GA100 [A100 SXM4 80GB]", "Ethernet Virtual Function"


def gpu_host(
    owner: Owner = made.WEB, products: t.Mapping[str, str] | None = None, interface: str = "enp65s0f0"
) -> Facts:
    """Two NUMA nodes: switches with GPUs, of which one group lies below two of their ports; a PF with VFs; the disk of
    the host; a device that is set aside; one that a domain has by hand; four parts of the platform that look the same.
    """
    pf, vfs = "0000:41:00.0", [f"0000:41:10.{number}" for number in range(4)]
    node = {"numa_node": 1}
    devices = (
        bridge("0000:00:01.0", numa_node=0),
        bridge("0000:01:00.0", "0000:00:01.0", numa_node=0),
        bridge("0000:02:00.0", "0000:01:00.0", numa_node=0),
        bridge("0000:02:01.0", "0000:01:00.0", numa_node=0),
        bridge("0000:02:02.0", "0000:01:00.0", numa_node=0),
        bridge("0000:00:02.0", numa_node=0),
        gpu("0000:03:00.0", "0000:02:00.0", iommu_group=30, numa_node=0),
        gpu("0000:04:00.0", "0000:02:01.0", iommu_group=31, numa_node=0),
        gpu("0000:05:00.0", "0000:02:02.0", iommu_group=31, numa_node=0),
        bridge("0000:00:03.0", numa_node=0),
        gpu("0000:06:00.0", "0000:00:03.0", iommu_group=32, numa_node=0),
        gpu("0000:07:00.0", "0000:00:03.0", iommu_group=33, numa_node=0),
        bridge("0000:40:01.0", **node),
        gpu(
            "0000:42:00.0",
            "0000:40:01.0",
            iommu_group=42,
            driver="vfio-pci",
            vfio=True,
            driver_override="vfio-pci",
            **node,
        ),
        gpu("0000:43:00.0", "0000:40:01.0", iommu_group=43, **node),
        made.pf(
            pf,
            *vfs,
            parent="0000:40:01.0",
            iommu_group=41,
            children=(Child("net", interface, {"operstate": "up"}),),
            **node,
        ),
        *(made.vf(vf, pf, parent="0000:40:01.0", **node) for vf in vfs),
        made.device(
            "0000:44:00.0",
            class_id="010802",
            product_id="0a54",
            driver="nvme",
            iommu_group=44,
            children=(Child("block", "nvme0n1"),),
            **node,
        ),
        *(
            made.device(
                f"0000:40:05.{number}",
                class_id="088000",
                product_id="09a2",
                driver=None,
                iommu_group=90 + number,
                **node,
            )
            for number in range(4)
        ),
    )
    inventory = made.inventory(
        *_hanging(devices),
        numa_nodes={0: NumaNode(socket=0), 1: NumaNode(socket=1)},
        host_uses=[HostUse("root_disk", "0000:44:00.0", "/dev/nvme0n1p2 is mounted at /")],
        domain_uses={"0000:43:00.0": [made.use(made.DB)]},
    )
    identities = {address: device.identity for address, device in inventory.devices.items()}
    claims = [made.claim(owner, *(made.holding(a, identity=identities[a]) for a in ("0000:03:00.0", vfs[0])))]
    aside = SetAside(
        made.holding("0000:42:00.0", identity=identities["0000:42:00.0"]),
        made.DPDK,
        "bind_failed",
        "it hangs",
        "2026-11-28T07:00:00Z",
    )
    named = {"10de:20b2": A100, "8086:10ca": BLUE, "8086:10c9": "82576 Gigabit", **(products or {})}
    return facts_of(inventory, Tracker(claims, set_aside=[aside]), named)


def switched_host() -> Facts:
    """Three switches within each other, as in a DGX: a GPU below the innermost one, NICs below the outermost, of which
    dpdk0 has one; on the other NUMA node the disk of the host.
    """
    chain = [f"0000:{place}.0" for place in ("16:02", "17:00", "18:00", "19:00", "1a:00", "1b:00", "1c:00")]
    ports = [bridge(port, above, numa_node=0) for above, port in zip((None, *chain[:-1]), chain, strict=True)]
    nic = {"numa_node": 0, "driver": "vfio-pci", "children": (Child("net", "enp30s0"),)}
    devices = (
        *ports,
        gpu("0000:1d:00.0", "0000:1c:00.0", iommu_group=29, numa_node=0),
        bridge("0000:18:01.0", "0000:17:00.0", numa_node=0),
        made.device("0000:1e:00.0", parent="0000:18:01.0", iommu_group=30, **nic),
        bridge("0000:18:02.0", "0000:17:00.0", numa_node=0),
        made.device("0000:1f:00.0", parent="0000:18:02.0", iommu_group=31, numa_node=0),
        bridge("0000:b0:01.0", numa_node=1),
        made.device(
            "0000:b1:00.0", parent="0000:b0:01.0", class_id="010802", driver="nvme", iommu_group=177, numa_node=1
        ),
    )
    inventory = made.inventory(
        *_hanging(devices),
        numa_nodes={0: NumaNode(socket=0), 1: NumaNode(socket=1)},
        host_uses=[HostUse("root_disk", "0000:b1:00.0", "/dev/nvme0n1p2 is mounted at /")],
    )
    held = made.holding("0000:1e:00.0", identity=inventory.devices["0000:1e:00.0"].identity)
    return facts_of(inventory, Tracker([made.claim(made.DPDK, held)]), {"10de:20b2": A100})


@functools.cache
def recorded_host(name: str) -> Facts:
    """A recorded host of the lab, of which dpdk0 has the first two functions that are free."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        expand(recorded(name), Path(folder))
        tree = Tree(folder)
        inventory = System(tree).inventory()
        free = [a for a in inventory.devices if Statuses(inventory, Tracker()).claimable(a)][:2]
        held = [made.holding(address, identity=inventory.devices[address].identity) for address in free]
        record = replace(Record(), tracker=Tracker([made.claim(made.DPDK, *held)]))
        facts, warnings = gather(System(tree), None, "not asked for", record, FactsWish())
    assert warnings == []
    assert len(held) == 2
    facts["host"]["gathered_at"] = JUST_NOW
    return facts


def hostile_hosts() -> dict[str, Facts | None]:
    """Hosts, owners, products, interfaces and USB devices that are called what nothing should be."""
    hosts: dict[str, Facts | None] = {
        name: gpu_host(Owner("name", name, name), {"10de:20b2": name, "8086:10ca": f"VF {name}"}, name)
        for name in HOSTILE
    }
    for name, facts in hosts.items():
        assert facts is not None
        path = "/sys/devices/pci0000:40/0000:44:00.0/usb1/1-1"
        stick = {"name": name, "capability": "usb_device", "path": path, "product_name": name, "blockers": []}
        facts["devices"].append({**stick, "vendor_id": name, "product_id": name, "used_by": [{"domain": name}]})
    return {**hosts, "<i>silent</i>": None}


def fleet(number: int, functions: int) -> dict[str, Facts]:
    """So many hosts with so many functions each, of which no two have a serial number, an interface's address or an
    owner in common, and every second one its devices elsewhere.
    """
    devices = [device for device in recorded_host("lab-trixie")["devices"] if device["capability"] == "pci"]
    devices = (devices * (functions // len(devices) + 1))[:functions]
    hosts = {}
    for host in range(number):
        mine = json.loads(json.dumps(devices))
        for place, device in enumerate(mine):
            device["address"] = f"{host % 500:04x}:{place // 8:02x}:{place % 8:02x}.0"
            device["serial"] = f"{host:06x}-{place:04x}-serial"
            for child in device["children"]:
                child["address"] = f"02:00:{host >> 8:02x}:{host & 255:02x}:{place:02x}:00"
            if device["owner"]:
                device["owner"] = {"kind": "domain", "id": f"{host:08x}-{place:04x}", "label": f"guest{host}-{place}"}
        at = f"2026-11-28T06:{host // 60 % 60:02}:{host % 60:02}Z"
        hosts[f"kvm{host:04}"] = {"devices": mine, "host": {"kernel": "6.12.48", "gathered_at": at}}
    return hosts
