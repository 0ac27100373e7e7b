# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was recorded of a host, as the collection's inventory; what the recording does not tell stays unknown."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import pci_addresses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice, named_vfio
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory

WAYS, DRIVERS, GROUPS, NODES = "ways", "drivers", "groups", "nodes"
"""What a recording may tell: the way to each function through the bridges, its driver, IOMMU group and NUMA node."""

UNTOLD = "unknown: the recording does not tell of IOMMU groups"

Ids = tuple[str, str, str]
"""Vendor and product in four hexadecimal digits, class in six, or each in as many as are told."""

UNASSIGNED = "ff0000"
"""The class of a function whose class was not recorded: PCI's own for what fits no other."""

_MODALIAS = re.compile(r"pci:v0000(.{4})d0000(.{4})sv.{8}sd.{8}bc(..)sc(..)i(..)")
# The header types of classes 0604 and 0609 (PCI bridges) and 0607 (CardBus): PCI Local Bus 3.0, 6.1 and appendix D.
_BRIDGES = {"0604": 1, "0609": 1, "0607": 2}


@dataclass(frozen=True)
class Recording:
    """One host: its name, the form it was recorded in, and which of `WAYS`, `DRIVERS` ... the form tells.

    `ids` are vendor, product and class of each function, and `members` the addresses in each IOMMU group, taken from
    another part of the recording than the inventory has them from, where there is one.
    """

    name: str
    form: str
    inventory: Inventory
    tells: frozenset[str]
    ids: t.Mapping[str, Ids]
    members: t.Mapping[int, frozenset[str]] = field(default_factory=dict)


def of_modalias(text: str) -> Ids | None:
    """What a function's modalias says it is (drivers/pci/pci-driver.c, pci_uevent); None of what is no modalias."""
    found = _MODALIAS.match(text)
    return None if found is None else (found[1].lower(), found[2].lower(), "".join(found.group(3, 4, 5)).lower())


def flat(
    name: str,
    form: str,
    devices: t.Iterable[PciDevice],
    tells: t.Collection[str],
    ids: t.Mapping[str, Ids],
) -> Recording:
    """The recording of a form that lists functions; their places follow from their paths.

    The kernel's release is unknown, and taken for a new one as `read_host` does.
    """
    placed = list(_placed({device.address: device for device in devices}))
    grouped = any(device.iommu_group is not None for device in placed)
    host = HostFacts(
        kernel_release="",
        kernel=(99, 0),
        boot_id="",
        iommu=grouped if GROUPS in tells else None,
        iommu_reason=_iommu_reason(grouped, told=GROUPS in tells),
        vfio_present=any(device.vfio for device in placed),
    )
    return Recording(name, form, Inventory(host, placed), frozenset(tells), ids)


def _iommu_reason(grouped: bool, *, told: bool) -> str:
    if not told:
        return UNTOLD
    return "on: the recording has IOMMU groups" if grouped else "the recording has no IOMMU groups"


def function(address: str, path: str | None, **fields: t.Any) -> PciDevice:
    """A function with what was recorded of it. Without a `path` that ends in it, it is unknown where it sits."""
    known = path is not None and path.startswith("/sys/devices/") and path.endswith(f"/{address}")
    driver, kind = fields.get("driver"), _BRIDGES.get(fields["class_id"][:4], 0)
    return PciDevice(
        **{
            "address": address,
            "path": path if known else f"/sys/bus/pci/devices/{address}",
            "stable_path": "",
            "header_type": kind,
            "vfio": driver is not None and named_vfio(driver),
            **fields,
        }
    )


def _placed(devices: t.Mapping[str, PciDevice]) -> t.Iterator[PciDevice]:
    """The functions with their parents and stable paths.

    The bus below a bridge is the lowest of what is directly below it: VFs may have higher ones.
    """
    first: dict[str, int] = {}
    for device in devices.values():
        way = pci_addresses(device.path)
        for above, below in zip(way, way[1:]):
            first[above] = min(_bus(below), first.get(above, 0xFF))
    for device in devices.values():
        way = pci_addresses(device.path)
        places = [way[0].translate(_PLACE)]
        for above, below in zip(way, way[1:]):
            places.append(f"{_bus(below) - first[above]:02x}_{below.rpartition(':')[2]}")
        yield device._replace(stable_path="-".join(places), parent=way[-2] if len(way) > 1 else None)


def _bus(address: str) -> int:
    return int(address.split(":")[1], 16)


_PLACE = str.maketrans(":", "_")
