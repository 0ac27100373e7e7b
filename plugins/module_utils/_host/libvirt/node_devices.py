# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading libvirt's node devices from a connection: one call for the list, and one for each device."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._model.host.node_device import NodeDevice, mark_hubs, parse_node_device

# include/libvirt/virterror.h
_ERR_NO_NODE_DEVICE = 53


def read_node_devices(connection: t.Any, error: type[Exception]) -> tuple[list[NodeDevice], list[str]]:
    """All node devices by name, and warnings; a device that vanishes meanwhile is left out.

    `error` is libvirt.libvirtError. Where libvirt lists no node devices (its daemon for them, virtnodedevd, is not
    there) a warning says so.
    """
    try:
        handles = connection.listAllDevices(0)
    except error as problem:
        return [], [f"libvirt lists no node devices: {problem}"]
    found: list[NodeDevice] = []
    for handle in handles:
        try:
            device = parse_node_device(handle.XMLDesc(0))
        except error as problem:
            if getattr(problem, "get_error_code", lambda: None)() == _ERR_NO_NODE_DEVICE:
                continue
            device = NodeDevice("", warning=f"libvirt does not describe it: {problem}")
        found.append(device if device.name else replace(device, name=str(handle.name())))
    return (
        sorted(mark_hubs(found), key=lambda device: device.name),
        [f"node device {device.name}: {device.warning}" for device in found if device.warning is not None],
    )
