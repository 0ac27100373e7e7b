# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All devices of a host as one tree, and the questions that can be put to it.

PCI functions are those of sysfs, other devices libvirt's node devices; without libvirt the class devices that
functions carry stand in for these.
"""

from __future__ import annotations

import contextlib
import functools
import typing as t
from dataclasses import replace

from ..address import PciAddress, nodedev_name
from ..errors import HostdevError
from .entry import CAPABILITY_ALIASES, Entry

if t.TYPE_CHECKING:
    from ..availability.status import Statuses
    from ..guards.blocker import Blocker
    from ..guest.domain import Domain, DomainLayout
    from ..guest.sources import DomainSources
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from ..host.nodes.node_device import NodeDevice
    from .filters import Filters

# libvirt's node device for the host.
_HOST = "computer"
_KINDS = {"block": "storage", "usb": "usb_device"}

# Blockers that say who has a device now, or what must come along; the others say that it stays with the host.
_NOT_FREE = frozenset({"in_domain_xml", "in_interface_hostdev", "group_used_by_domain", "identity_changed", "moved"})
_NOT_BARRED = _NOT_FREE | {"group_incomplete"}


class Listing:
    """The devices: PCI functions in the order of their addresses, then the others by name.

    `nodes` are libvirt's node devices, empty without libvirt, `listed` the names of further functions that it has. A
    PCI function that libvirt alone knows is no device of this host, but keeps its place in the tree. `statuses` and
    `domains` are only needed for `passthrough` and `available`.
    """

    def __init__(
        self,
        inventory: Inventory,
        nodes: t.Sequence[NodeDevice],
        statuses: Statuses | None = None,
        domains: t.Sequence[Domain] = (),
        listed: t.Collection[str] = frozenset(),
    ) -> None:
        self._inventory, self._statuses, self._domains = inventory, statuses, domains
        self._listed = frozenset([*listed, *(nodedev_name(node.address) for node in nodes if node.address is not None)])
        self.entries: dict[str, Entry] = {}
        self._foreign: dict[str, NodeDevice] = {}
        self._parents: dict[tuple[str | None, bool], str | None] = {}
        self._groups: dict[int, list[str]] | None = None
        by_address = {node.address: node for node in nodes if node.address is not None}
        self._aliases = {
            node.name: nodedev_name(address) for address, node in by_address.items() if address in inventory.devices
        }
        for address, device in inventory.devices.items():
            self._add(self._function(nodedev_name(address), device, by_address.get(address)))
        for node in sorted(nodes, key=lambda node: node.name):
            if node.address is None:
                parent = self._aliases.get(node.parent or "", node.parent)
                self._add(Entry(node.name, node.capability, node.capabilities, parent, node=node))
            elif node.address not in inventory.devices:
                self._foreign[node.name] = node
        if not nodes and not listed:
            self._add_children()

    def select(self, filters: Filters) -> list[Entry]:
        """The devices asked for. Raises HostdevError with code unknown_capability or unknown_device."""
        if filters.affected_by is not None:
            return self.affected(self.find(filters.affected_by))
        self._check_capabilities(filters.capability)
        if filters.specs is not None:
            filters = replace(filters, specs=tuple(spec.resolved(self._inventory) for spec in filters.specs))
        return [entry for entry in self.entries.values() if self._fits(entry, filters)]

    def find(self, wanted: str) -> Entry:
        """A device by its name or, if it is a PCI function, by its address in any spelling."""
        name = self._aliases.get(wanted, wanted)
        if name not in self.entries:
            with contextlib.suppress(ValueError):
                name = PciAddress.parse(wanted).nodedev_name
        if name in self.entries:
            return self.entries[name]
        from ..nearest import did_you_mean
        from ..unquoted import address_meant, and_quotes

        error = HostdevError(
            "unknown_device",
            subject=f"affected_by {wanted}",
            found="there is no such device on this host",
            wanted="a device's name, or the address of a PCI function",
            remedy=did_you_mean(wanted, self.entries, "see the names with kvm.hostdev.pci_facts without filters"),
        )
        raise and_quotes(error, address_meant(wanted))

    def affected(self, entry: Entry) -> list[Entry]:
        """What else is touched when a device is given away.

        All that is in its IOMMU group: what is no PCI function belongs to the group of the function it hangs on.
        Without a group all that lies below it. And the VFs of every PF among those, since they go with their PF's
        driver.
        """
        group = self._group(entry)
        names = set(self._below_all(entry.name) if group is None else self._members(group))
        for name in [entry.name, *names]:
            device = self._device(self.entries.get(name))
            for address in device.virtual_functions if device is not None else ():
                vf = nodedev_name(address)
                names.update([vf, *self._below_all(vf)])
        names.discard(entry.name)
        return [other for other in self.entries.values() if other.name in names]

    def eligible(self, entry: Entry) -> bool:
        """Whether a guest could be given the device if nobody else had it.

        A PCI function by its blockers, of which those that only say who has it do not count, nor that group mates
        must come along. USB devices that are no hubs, and SCSI devices, that the host itself does not use.
        """
        if entry.address is not None and self._statuses is not None:
            return all(blocker.code in _NOT_BARRED for blocker in self._statuses.blockers(entry.address))
        return entry.assignable and not self.blockers(entry)

    def blockers(self, entry: Entry) -> list[Blocker]:
        """What the host itself uses a node device for; that QEMU has open what a running domain has is no news."""
        if entry.node is None:
            return []
        from ..guards.usb_scsi import node_blockers

        reasons = node_blockers(self._inventory, entry.node)
        if any(reason.code == "held_by_process" for reason in reasons) and self._taken(entry, self._running):
            return [reason for reason in reasons if reason.code != "held_by_process"]
        return reasons

    def as_dict(self, entry: Entry) -> dict[str, t.Any]:
        """What the entry says of itself; of a USB or SCSI device for guests also who has it, and its blockers."""
        if not entry.assignable:
            return entry.as_dict()
        return {
            **entry.as_dict(),
            "used_by": self._used_by(entry),
            "blockers": [reason.as_dict() for reason in self.blockers(entry)],
        }

    def available(self, entry: Entry) -> bool:
        """Whether the device is eligible, and neither on record nor in the definition of a domain.

        The same holds for group mates, for a VF's PF, for the function that a USB or SCSI device hangs on, and for
        all that lies below the device.
        """
        if not self.eligible(entry) or self._statuses is None:
            return False
        if self._taken(entry, self._named) or self._statuses.holder(entry.name) is not None:
            return False
        if entry.address is None:
            function = self._function_above(entry)
            return function is None or self._function_free(function)
        device = self._inventory.devices[entry.address]
        return (
            self._statuses.status(entry.address) == "available"
            and not any(blocker.code in _NOT_FREE for blocker in self._statuses.blockers(entry.address))
            and not self._inventory.domain_uses.get(device.physical_function or "")
        )

    def parents(self) -> dict[str, str | None]:
        """Names to parents' names, of PCI functions and node devices."""
        return {name: parent for name, parent in self._all_parents() if not self._is_child(name)}

    # Building.

    def _add(self, entry: Entry) -> None:
        self.entries[entry.name] = entry

    def _function(self, name: str, device: PciDevice, node: NodeDevice | None) -> Entry:
        if node is not None and node.parent is not None:
            parent: str | None = self._aliases.get(node.parent, node.parent)
        else:
            # Many functions hang on one bridge.
            place = (device.parent, node is None and name in self._listed)
            if place not in self._parents:
                self._parents[place] = self._parent(*place)
            parent = self._parents[place]
        nested = _nested(device)
        if node is not None:
            nested = tuple(dict.fromkeys([*node.capabilities, *nested]))
        return Entry(name, "pci", nested, parent, device.address, node)

    def _parent(self, bridge: str | None, listed: bool) -> str | None:
        """Where a function belongs of which libvirt did not tell.

        Where libvirt lists it, below the next function upwards that it lists too, else below the host itself
        (src/node_device/node_device_udev.c, udevSetParent).
        """
        if not listed:
            return None if bridge is None else nodedev_name(bridge)
        while bridge is not None and nodedev_name(bridge) not in self._listed:
            above = self._inventory.devices.get(bridge)
            bridge = None if above is None else above.parent
        return _HOST if bridge is None else nodedev_name(bridge)

    @functools.cached_property
    def _below(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = {}
        for name, parent in self._all_parents():
            if parent is not None and parent != name:
                below.setdefault(parent, []).append(name)
        return below

    def _add_children(self) -> None:
        for device in self._inventory.devices.values():
            parent = nodedev_name(device.address)
            for child in device.children:
                if child.kind != "mdev_type":
                    name = f"{child.kind}/{child.name}"
                    self._add(Entry(name, _KINDS.get(child.kind, child.kind), parent=parent, child=child))

    def _all_parents(self) -> t.Iterator[tuple[str, str | None]]:
        for entry in self.entries.values():
            yield entry.name, entry.parent
        for name, node in self._foreign.items():
            yield name, self._aliases.get(node.parent or "", node.parent)

    def _is_child(self, name: str) -> bool:
        return name in self.entries and self.entries[name].child is not None

    # Looking.

    def _device(self, entry: Entry | None) -> PciDevice | None:
        return None if entry is None or entry.address is None else self._inventory.devices[entry.address]

    def _below_all(self, name: str) -> list[str]:
        names: dict[str, None] = {}
        pending = list(self._below.get(name, ()))
        while pending:
            below = pending.pop()
            if below not in names and below != name:
                names[below] = None
                pending.extend(self._below.get(below, ()))
        return list(names)

    def _upwards(self, entry: Entry) -> t.Iterator[tuple[Entry | None, NodeDevice | None]]:
        """The device and those above it, each with its node device."""
        seen: set[str] = set()
        name: str | None = entry.name
        while name is not None and name not in seen:
            seen.add(name)
            above, foreign = self.entries.get(name), self._foreign.get(name)
            yield above, above.node if above is not None else foreign
            parent = above.parent if above is not None else foreign.parent if foreign is not None else None
            name = self._aliases.get(parent, parent) if parent is not None else None

    def _group(self, entry: Entry) -> int | None:
        """The IOMMU group: a PCI function's own if any, a mediated device's own, else that of the function above."""
        for above, node in self._upwards(entry):
            device = self._device(above)
            if device is not None:
                return device.iommu_group
            if node is not None and (node.capability == "pci" or "iommu_group" in node.fields):
                group = node.fields.get("iommu_group")
                return group if isinstance(group, int) else None
        return None

    def _members(self, group: int) -> list[str]:
        if self._groups is None:
            self._groups = {}
            for entry in self.entries.values():
                number = self._group(entry)
                if number is not None:
                    self._groups.setdefault(number, []).append(entry.name)
        return self._groups.get(group, [])

    def _function_above(self, entry: Entry) -> PciDevice | None:
        for above, _node in self._upwards(entry):
            device = self._device(above)
            if device is not None:
                return device
        return None

    def _function_free(self, device: PciDevice) -> bool:
        """Whether neither the function nor a group mate is with a domain or on record."""
        return not any(
            self._inventory.domain_uses.get(function.address)
            or (self._statuses is not None and self._statuses.holder(function.address) is not None)
            for function in [device, *self._inventory.group_mates(device.address)]
        )

    @functools.cached_property
    def _named(self) -> DomainSources:
        """What domains have, running or by definition."""
        return self._sources((domain, layout) for domain in self._domains for layout in (domain.config, domain.live))

    @functools.cached_property
    def _running(self) -> DomainSources:
        """What running domains have."""
        return self._sources((domain, domain.live) for domain in self._domains)

    def _sources(self, pairs: t.Iterable[tuple[Domain, DomainLayout | None]]) -> DomainSources:
        from ..guest.disk_nodes import volume_nodes
        from ..guest.sources import DomainSources

        known = [(domain, layout) for domain, layout in pairs if layout is not None]
        nodes = (node for domain, layout in known for node in volume_nodes(domain, layout))
        return DomainSources((layout for _domain, layout in known), nodes)

    def _within(self, entry: Entry) -> list[NodeDevice]:
        """The node devices that it is, and that lie below it."""
        entries = (self.entries.get(name) for name in [entry.name, *self._below_all(entry.name)])
        return [below.node for below in entries if below is not None and below.node is not None]

    def _taken(self, entry: Entry, sources: DomainSources) -> bool:
        """Whether domains have the device or something below it."""
        return any(map(sources.take, self._within(entry)))

    def _used_by(self, entry: Entry) -> list[dict[str, t.Any]]:
        if not self._domains or not self._taken(entry, self._named):
            return []
        from .node_uses import node_uses

        return [use.as_dict() for use in node_uses(self._domains, self._sources, entry.node, self._within(entry))]

    def _fits(self, entry: Entry, filters: Filters) -> bool:
        if filters.specs is not None:
            device = self._device(entry)
            if device is None or not any(spec.matches(device) for spec in filters.specs):
                return False
        if filters.expired_at is not None and not self._overdue(entry, filters.expired_at):
            return False
        if filters.capability:
            if not any(entry.has(capability) for capability in filters.capability):
                return False
        elif entry.child is not None:
            return False
        if filters.available:
            return self.available(entry)
        return not filters.passthrough or self.eligible(entry)

    def _overdue(self, entry: Entry, now: str) -> bool:
        """Whether who holds the device should have given it back by this time."""
        name = entry.address or entry.name
        holder = None if self._statuses is None else self._statuses.holder(name)
        return holder is not None and name in holder.overdue(now)

    def _check_capabilities(self, wanted: t.Sequence[str]) -> None:
        if not wanted:
            return
        from ..host.nodes.node_fields import CAPABILITIES

        known = {*CAPABILITIES, *CAPABILITY_ALIASES}
        for entry in self.entries.values():
            known.update(filter(None, (entry.capability, *entry.capabilities)))
        for name in wanted:
            if name not in known:
                from ..nearest import did_you_mean, nearest_first

                raise HostdevError(
                    "unknown_capability",
                    subject=f"capability {name}",
                    found="libvirt has no such capability",
                    wanted="one of " + ", ".join(nearest_first(name, known)),
                    remedy=did_you_mean(name, sorted(known)),
                )


def _nested(device: PciDevice) -> tuple[str, ...]:
    """The capabilities that libvirt nests in a function's own."""
    if not (device.physical_function or device.total_vfs or device.header_type or device.children):
        return ()
    nested = []
    if device.physical_function:
        nested.append("phys_function")
    if device.total_vfs:
        nested.append("virt_functions")
    if device.is_bridge:
        nested.append("cardbus-bridge" if device.header_type == 2 else "pci-bridge")
    if any(child.kind == "mdev_type" for child in device.children):
        nested.append("mdev_types")
    return tuple(nested)
