# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices of a pool as device specs see them."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..host.device import TYPE_PF, TYPE_VDPA, TYPE_VF, Child, PciDevice

if t.TYPE_CHECKING:
    from ..requests.specs.device_spec import DeviceSpec

KIND = ("vendor_id", "product_id", "class", "device_type")
"""What every look at a pool needs, by the names of the facts."""
UNTOLD = "address devname subsystem_vendor_id subsystem_product_id slot serial stable_path driver".split()
"""What a spec may ask and no pool tells: the claim on the host finds it out."""
# The fields of a pool that the other criteria look at.
_LOOKED_AT = {
    "numa_node": "numa_node",
    "pcie_root": "pcie_root",
    "pcie_switch": "pcie_switches",
    "parent_ifname": "parent_ifname",
    "total_vfs": "total_vfs",
    "memory": "memory",
    "link_speed": "link_speed",
    "link_width": "link_width",
    "iommu_group_size": "iommu_group_size",
}
_COMPARED = ("memory", "link_speed", "link_width", "iommu_group_size")
_ADDRESS = "0000:00:00.0"  # of whatever device of a pool


def looked_at(spec: DeviceSpec) -> set[str]:
    """The fields of a pool that a spec is about, beside those of KIND."""
    return {field for key, field in _LOOKED_AT.items() if getattr(spec, key) is not None}


def untold(spec: DeviceSpec) -> list[str]:
    """What of a spec pools don't tell, by the spec's own words."""
    return [key for key in UNTOLD if getattr(spec, key) is not None]


def one_of(pool: t.Mapping[str, t.Any]) -> PciDevice:
    """A function such as those of the pool; what the pool lacks is not known."""
    kind = pool.get("device_type")
    return PciDevice(
        _ADDRESS,
        "",
        "",
        pool.get("vendor_id") or "",
        pool.get("product_id") or "",
        pool.get("class") or "",
        numa_node=pool.get("numa_node"),
        physical_function="unknown" if kind in (TYPE_VF, TYPE_VDPA) else None,
        total_vfs=pool.get("total_vfs") or int(kind == TYPE_PF),
        children=(Child("vdpa", ""),) if kind == TYPE_VDPA else (),
    )


def spec_for(pool: t.Mapping[str, t.Any], spec: DeviceSpec, *, alone: bool) -> DeviceSpec:
    """A spec as a claim has it on the host, see DeviceSpec.resolved, but for what pools don't tell.

    `alone` says that nothing but PFs has the pool's ids there. What is named by address, serial or stable path is asked
    for whatever it is.
    """
    by_ids = alone and spec.device_type is None and None not in (spec.vendor_id, spec.product_id)
    pattern = spec.address
    named = spec.serial is not None or spec.stable_path is not None or (pattern is not None and pattern.names_one)
    told: dict[str, t.Any] = {
        **dict.fromkeys(UNTOLD),
        "among": frozenset({_ADDRESS}) if _is_around(pool, spec) else frozenset(),
        "whole_pfs": frozenset({_ADDRESS}) if by_ids or named else frozenset(),
    }
    return replace(spec, **told)


def possible_tags(
    pool: t.Mapping[str, t.Any], device: PciDevice, allow_list: t.Sequence[DeviceSpec] | None
) -> list[t.Mapping[str, t.Any]]:
    """The tags that the allow list may give the devices of a pool; empty where no entry permits them.

    The first entry that fits counts. Of one that also asks for what pools don't tell nobody knows, so that those behind
    it count, too.
    """
    if allow_list is None:
        return [{}]
    found = []
    for spec in allow_list:
        if spec_for(pool, spec, alone=False).matches(device):
            found.append(spec.tags)
            if not untold(spec):
                break
    return found


def _is_around(pool: t.Mapping[str, t.Any], spec: DeviceSpec) -> bool:
    """Whether the place of the devices, and what they can do, are as the spec wants them."""
    compared = ((getattr(spec, key), pool.get(key)) for key in _COMPARED)
    return (
        all(wanted is None or wanted.fits(known) for wanted, known in compared)
        and spec.pcie_root in (None, pool.get("pcie_root"))
        and (spec.pcie_switch is None or spec.pcie_switch in (pool.get("pcie_switches") or ()))
        and spec.parent_ifname in (None, pool.get("parent_ifname"))
    )
