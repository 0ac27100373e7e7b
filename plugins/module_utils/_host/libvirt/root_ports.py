# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting pcie-root-port controllers into a domain's definition, and taking them out again."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..._model.guest.domain import parse_layout
from ..._model.guest.pci_xml import root_port_xml

if t.TYPE_CHECKING:
    from ..._model.plan.steps import RootPortsStep

# include/libvirt/libvirt-domain.h
_XML_INACTIVE = 2
_AFFECT_CONFIG = 2


def change_root_ports(handle: t.Any, step: RootPortsStep) -> None:
    """Bring the definition's root ports to the step's `after`; one that a device is behind by now is left there.

    `handle` is the libvirt domain, whose exceptions come through. Raises HostdevError when libvirt took a port and
    does not show it.
    """
    layout = parse_layout(handle.XMLDesc(_XML_INACTIVE))
    for index in step.after:
        if index not in layout.controllers:
            handle.attachDeviceFlags(root_port_xml(index), _AFFECT_CONFIG)
    # The last one first: what libvirt chose for a later one may rest on an earlier one, such as function 0 of its slot.
    for index in sorted(set(step.before) - set(step.after), reverse=True):
        if index in (layout.free_root_ports or ()):
            handle.detachDeviceFlags(root_port_xml(index), _AFFECT_CONFIG)
    missing = set(step.after) - set(parse_layout(handle.XMLDesc(_XML_INACTIVE)).controllers)
    if missing:
        raise HostdevError(
            "root_ports_failed",
            subject=f"definition of domain {step.domain}",
            found=f"libvirt took the root ports, but {', '.join(map(str, sorted(missing)))} do not show",
            wanted=str(step),
            remedy=f"see 'virsh dumpxml --inactive {step.domain}' and the journal of libvirtd or virtqemud on the host",
        )
