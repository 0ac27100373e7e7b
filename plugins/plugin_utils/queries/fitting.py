# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Device specs held against facts, by the modules' own rules."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import replace

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import (
    TYPE_PF,
    TYPE_VDPA,
    TYPE_VF,
    Bar,
    Child,
    PciDetails,
    PciDevice,
    PcieLink,
    named_vfio,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts, NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import (
    DeviceSpec,
    parse_device_specs,
)

from .errors import wrong
from .facts import Device, Facts, told
from .plain import plain

_OF_LINKS = ("link_speed", "link_width")
# What DeviceSpec looks at for each criterion, by the names of the facts; others are looked at by their own name.
_LOOKED_AT = {
    "address": ("physical_function",),
    "devname": ("children", "physical_function"),
    "parent_ifname": ("children", "physical_function"),
    "iommu_group_size": ("iommu_group",),
    "remote_managed": ("serial", "physical_function"),
    "pcie_root": ("path",),
    "pcie_switch": ("path",),
    "slot": ("physical_function",),
    "memory": ("bars",),
    **dict.fromkeys(_OF_LINKS, ("link", "path", "physical_function")),
}
_AROUND = frozenset({"devname", "parent_ifname", "iommu_group_size", "remote_managed", *_OF_LINKS})
_OF_THE_DEVICE = (
    "vendor_id product_id subsystem_vendor_id subsystem_product_id class device_type numa_node serial stable_path"
    " driver total_vfs"
).split()
_SAME_NAME = (
    "address path stable_path vendor_id product_id subsystem_vendor_id subsystem_product_id driver iommu_group"
    " numa_node serial physical_function header_type total_vfs"
).split()
# What each function has, for facts that were gathered without it.
_NOTHING = dict.fromkeys(("address", "path", "stable_path", "vendor_id", "product_id"), "")
_ANEW = "gather them anew with kvm.hostdev.pci_facts"
_ANY_HOST = HostFacts("", (0, 0), "", iommu=False, iommu_reason="", vfio_present=False)


def read_specs(value: t.Any, subject: str = "specs") -> tuple[DeviceSpec, ...]:
    """Device specs: a list of them, or a single one. Raises HostdevError as the modules' options do."""
    specs = plain(value, subject)
    return parse_device_specs(specs if isinstance(specs, list) else [specs], subject)


def read_some_specs(value: t.Any) -> tuple[DeviceSpec, ...]:
    """As read_specs, of one spec or more: nothing fits an empty list, which would be no answer to anything."""
    specs = read_specs(value)
    if not specs:
        raise wrong("specs", "found an empty list, which nothing fits", "one device spec or more")
    return specs


def pci_device(facts: t.Mapping[str, t.Any]) -> PciDevice:
    """The function that facts, or a pool, tell of; what they do not tell is as with a function that has none of it."""
    known = {name: facts[name] for name in _SAME_NAME if facts.get(name) is not None}
    children = tuple(Child(child.get("kind", ""), child.get("name", "")) for child in facts.get("children") or ())
    kind = facts.get("device_type")
    if kind == TYPE_PF:
        known.setdefault("total_vfs", 1)
    elif kind in (TYPE_VF, TYPE_VDPA):
        known.setdefault("physical_function", "unknown")
        if kind == TYPE_VDPA and not any(child.kind == "vdpa" for child in children):
            children = (*children, Child("vdpa", ""))
    return PciDevice(
        **{**_NOTHING, **known},
        class_id=facts.get("class") or "",
        parent=facts.get("parent"),
        vfio=named_vfio(known.get("driver", "")),
        children=children,
        virtual_functions=tuple(facts.get("virtual_functions") or ()),
        details=_details(facts),
    )


def _details(facts: t.Mapping[str, t.Any]) -> PciDetails:
    """What comparisons look at."""
    link = facts.get("link")
    known = None if link is None else PcieLink(*(link.get(name) for name in PcieLink._fields))
    return PciDetails(link=known, bars=tuple(map(_bar, facts.get("bars") or ())))


def _bar(told: t.Mapping[str, t.Any]) -> Bar:
    flags = (told.get(name) is True for name in ("io", "is_64bit", "prefetchable"))
    return Bar(told.get("index") or 0, told.get("size") or 0, *flags)


def inventory_of(devices: t.Iterable[PciDevice]) -> Inventory:
    """The inventory of a host of which nothing else is known."""
    return Inventory(_ANY_HOST, devices)


class Functions:
    """The PCI functions of a host's facts, by address, with the inventory that they make."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.facts: dict[str, Device] = {device["address"]: device for device in facts.functions}
        self.inventory = Inventory(_host(facts), map(pci_device, self.facts.values()))
        groups = facts.parts.get("iommu_groups") or ()
        self.inventory.groups = {group["id"]: group["devices"] for group in groups}
        # Those that were seen on the host, to whom bridges may have told more than the facts tell.
        told_of = [device["pcie_switches"] for device in self.facts.values() if device.get("pcie_switches") is not None]
        if told_of:
            self.inventory.switches = frozenset(switch for above in told_of for switch in above)

    @functools.cached_property
    def topology(self) -> Topology:
        """Where they sit."""
        return Topology(self.inventory)

    def fitting(self, specs: t.Iterable[DeviceSpec]) -> list[Device]:
        """Those that fit one of the specs, tags apart, as `specs` of pci_facts does."""
        resolved = self.resolved(specs)
        return [self.facts[address] for address, device in self.inventory.devices.items() if _fits(device, resolved)]

    def fits(self, address: str, resolved: t.Iterable[DeviceSpec]) -> bool:
        return _fits(self.inventory.devices[address], resolved)

    def resolved(self, specs: t.Iterable[DeviceSpec]) -> tuple[DeviceSpec, ...]:
        """The specs, ready to be matched. Raises HostdevError where the facts can't tell what fits."""
        return tuple(self._answerable(spec).resolved(self.inventory) for spec in specs)

    def _answerable(self, spec: DeviceSpec) -> DeviceSpec:
        criteria = criteria_of(spec)
        needed = [name for criterion in criteria for name in _LOOKED_AT.get(criterion, (criterion,))]
        for device in self.facts.values():
            told(device, *needed)
        around = sorted(_AROUND.intersection(criteria))
        if around and not self._facts.whole:
            raise wrong(
                around[0],
                "found a list of some devices, which does not tell what is around each",
                "the facts of the host as a whole",
                "choose by this from ansible_facts.hostdev first, and by other things after that",
            )
        if "iommu_group_size" in criteria and "iommu_groups" not in self._facts.parts:
            remedy = "gather with iommu_groups in the gather_subset of kvm.hostdev.pci_facts"
            raise wrong("iommu_group_size", "the facts do not have iommu_groups", "them, to count members", remedy)
        if "iommu_group_size" in criteria:
            self._check_groups()
        if {"devname", "parent_ifname"}.intersection(criteria):
            self._check_physical_functions()
        if set(_OF_LINKS).intersection(criteria):
            self._check_ports()
        return spec

    def _check_physical_functions(self) -> None:
        for address, device in self.facts.items():
            above = device["physical_function"]
            if above is not None and above not in self.facts:
                remedy = "gather without the filters of kvm.hostdev.pci_facts"
                raise wrong(address, f"the facts do not have its physical function {above}", "it, for its name", remedy)

    def _check_groups(self) -> None:
        for address, device in self.facts.items():
            group = device["iommu_group"]
            if group is not None and group not in self.inventory.groups:
                raise wrong(address, f"the facts do not have its IOMMU group {group}", "it, to count members", _ANEW)

    def _check_ports(self) -> None:
        for address in self.facts:
            above = self.topology[address].bridges[-1:]
            if not self.facts.keys() >= {*above}:
                remedy = "gather without the filters of kvm.hostdev.pci_facts"
                raise wrong(address, f"the facts do not have the port {above[0]} above it", "it, for its link", remedy)


def _host(facts: Facts) -> HostFacts:
    """The host as far as facts tell where its functions sit."""
    nodes = (facts.parts.get("host") or {}).get("numa_nodes") or ()
    return replace(_ANY_HOST, numa_nodes={node["id"]: NumaNode(socket=node.get("socket")) for node in nodes})


def criteria_of(spec: DeviceSpec) -> list[str]:
    """The keys of a spec by which devices are told apart, in its own words."""
    keys = [key for key in spec.as_dict() if key in _LOOKED_AT or key in _OF_THE_DEVICE]
    return [key for key in keys if key != "remote_managed" or spec.remote_managed]


def _fits(device: PciDevice, resolved: t.Iterable[DeviceSpec]) -> bool:
    return any(spec.matches(device) for spec in resolved)
