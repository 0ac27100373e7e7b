# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Libvirt's node devices as plain data.

Fields have libvirt's own names in snake case, lists in the plural. Numbers are ints; ids are hexadecimal digits in
lower case without `0x`.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .node_kinds import SCSI, USB

__all__ = ["SCSI", "USB", "NodeDevice", "Nodes"]


@dataclass(frozen=True)
class NodeDevice:
    """One node device.

    `capability` is what it is, None when that could not be read, `capabilities` are the types nested in it (fc_host,
    mdev_types ...), `fields` what it says of itself. `address` is the PCI address of a PCI function. `warning` names
    what could not be read.
    """

    name: str
    capability: str | None = None
    parent: str | None = None
    path: str | None = None
    driver: str | None = None
    capabilities: tuple[str, ...] = ()
    fields: t.Mapping[str, t.Any] = field(default_factory=dict)
    address: str | None = None
    warning: str | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """The device in the shape that pci_facts returns; `warning` is there only when there is one."""
        own: dict[str, t.Any] = {
            "name": self.name,
            "capability": self.capability,
            "capabilities": list(self.capabilities),
            "parent": self.parent,
            "path": self.path,
            "driver": self.driver,
        }
        if self.capability == "pci":
            own["address"] = self.address
        if self.warning is not None:
            own["warning"] = self.warning
        # An unknown capability may use one of our names.
        fields = {f"{self.capability}_{key}" if key in own else key: value for key, value in self.fields.items()}
        return {**own, **fields}


Nodes = t.Mapping[str, NodeDevice]
"""Devices by name."""
