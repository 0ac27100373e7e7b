# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One device of the listing, whatever it is: a PCI function, a node device of libvirt, or what a function carries."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..host.device import Child
    from ..host.nodes.node_device import NodeDevice

# libvirt's own list of capabilities has another word than its XML.
CAPABILITY_ALIASES = {"vports": "vport_ops"}
_SECTOR = 512


class Entry(t.NamedTuple):
    """One device of the listing: a PCI function by its `address`, a node device, or a function's child."""

    name: str
    capability: str | None
    capabilities: tuple[str, ...] = ()
    parent: str | None = None
    address: str | None = None
    node: NodeDevice | None = None
    child: Child | None = None

    def has(self, capability: str) -> bool:
        wanted = CAPABILITY_ALIASES.get(capability, capability)
        return wanted == self.capability or wanted in self.capabilities

    @property
    def assignable(self) -> bool:
        """A SCSI device, or a USB device that is no hub: QEMU gives no hub to a guest."""
        if self.node is None:
            return False
        return self.capability == "scsi" or (self.capability == "usb_device" and not self.node.fields.get("hub"))

    def as_dict(self) -> dict[str, t.Any]:
        """What is known of it; of a PCI function only what libvirt knows beyond sysfs: `vpd`, `warning`."""
        if self.address is not None:
            if self.node is None:
                return {}
            known = self.node.as_dict()
            return {key: known[key] for key in ("vpd", "warning") if key in known}
        if self.node is not None:
            return self.node.as_dict()
        return _child_dict(self)


def _child_dict(entry: Entry) -> dict[str, t.Any]:
    """A function's child with the names that libvirt's fields have, as far as sysfs told."""
    fields: dict[str, t.Any] = {
        "name": entry.name,
        "capability": entry.capability,
        "capabilities": [],
        "parent": entry.parent,
    }
    child = entry.child
    if child is None:
        return fields
    if child.kind == "net":
        fields["interface"] = child.name
    elif child.kind == "block":
        fields["block"] = f"/dev/{child.name}"
    elif child.kind == "usb":
        fields.update(hub=True, root_hub=True)
    for key, value in child.attributes.items():
        fields[key] = int(value) * _SECTOR if key == "size" and value.isdecimal() else value
    return fields
