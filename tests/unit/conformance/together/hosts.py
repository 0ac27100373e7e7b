# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of the vectors as the collection knows them."""

from __future__ import annotations

import re

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import (
    Bar,
    PciDetails,
    PciDevice,
    PcieLink,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts, NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory

_PORT_TYPES = {"root": 4, "upstream": 5, "downstream": 6, "pci": 7}
_UNITS = {"MiB": 1 << 20, "GiB": 1 << 30}
_BRIDGE = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def inventory(host):
    """The inventory of an entry of `hosts`; bridges are listed as far as something is known of them, or is below."""
    devices = host["devices"]
    paths = {address: f"/sys/devices/{facts['path']}/{address}" for address, facts in devices.items()}
    functions = [_function(address, paths[address], facts, devices) for address, facts in devices.items()]
    nodes = {int(node): NumaNode(frozenset({int(node)}), known["socket"]) for node, known in _nodes(host)}
    facts = HostFacts("6.12.0", (6, 12), "boot", True, "", True, numa_nodes=nodes)
    return Inventory(facts, [*functions, *_bridges(paths.values(), host.get("bridges") or {}, devices)])


def _nodes(host):
    return (host.get("numa_nodes") or {}).items()


def _function(address, path, facts, devices):
    vendor, product = facts["id"].split(":")
    vfs = tuple(vf for vf, its in devices.items() if its.get("physical_function") == address)
    return PciDevice(
        address,
        path,
        address,
        vendor,
        product,
        facts["class"],
        parent=_parent(path),
        iommu_group=facts.get("iommu_group"),
        numa_node=facts.get("numa_node"),
        physical_function=facts.get("physical_function"),
        virtual_functions=vfs,
        total_vfs=facts.get("total_vfs", 0),
        reset_methods=("flr",),
        details=PciDetails(link=_link(facts.get("link")), bars=_bars(facts.get("prefetchable_bars", ()))),
    )


def _parent(path):
    above = path.split("/")[-2]
    return above if _BRIDGE.fullmatch(above) else None


def _bars(sizes):
    numbers = (size.split() for size in sizes)
    found = (int(number) * _UNITS[unit] for number, unit in numbers)
    return tuple(Bar(2 * index, size, io=False, is_64bit=True, prefetchable=True) for index, size in enumerate(found))


def _link(link):
    def speed(key):
        return f"{float(link[key])} GT/s PCIe" if key in link else None

    return link and PcieLink(speed("speed"), link.get("width"), speed("max_speed"), link.get("max_width"))


def _bridges(paths, known, devices):
    found = {}
    for path in paths:
        parts = path.split("/")
        for place, (part, below) in enumerate(zip(parts[:-1], parts[1:])):
            if _BRIDGE.fullmatch(part) and _BRIDGE.fullmatch(below) and part not in devices:
                found[part] = "/".join(parts[: place + 1])
    for address, path in found.items():
        told = known.get(address, {})
        yield PciDevice(
            address,
            path,
            address,
            "8086",
            "352a",
            "060400",
            header_type=1,
            port_type=_PORT_TYPES.get(told.get("type")),
            details=PciDetails(link=_link(told or None)),
        )
