# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading libvirt's node devices from a connection: a call for the list, and one for each device that is not plain."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._model.host.nodes.node_device import NodeDevice
from ..._model.host.nodes.node_xml import mark_hubs, parse_node_device

# include/libvirt/virterror.h
_ERR_NO_NODE_DEVICE = 53
# include/libvirt/libvirt-nodedev.h, VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPD
_WITH_VPD = 1 << 21


class NodeDevices(t.NamedTuple):
    """What libvirt has: devices by name, warnings, and names of functions that it lists and was not asked about."""

    devices: list[NodeDevice]
    warnings: list[str]
    functions: frozenset[str] = frozenset()


def read_node_devices(
    connection: t.Any, error: type[Exception], known: t.AbstractSet[str] = frozenset()
) -> NodeDevices:
    """All node devices; one that vanishes meanwhile is left out.

    `known` are the names of PCI functions of which sysfs tells all that is wanted. Libvirt is only asked about those
    of them that have vital product data: a call for each of ten thousand VFs takes longer than all else. `error` is
    libvirt.libvirtError. Where libvirt lists no node devices (its daemon for them, virtnodedevd, is not there) a
    warning says so.
    """
    try:
        handles = connection.listAllDevices(0)
    except error as problem:
        return NodeDevices([], [f"libvirt lists no node devices: {problem}"])
    plain: frozenset[str] = frozenset()
    if known:
        named = {handle.name(): handle for handle in handles}
        plain = _plain(connection, error, known & named.keys())
        handles = [handle for name, handle in named.items() if name not in plain]
    devices: list[NodeDevice] = []
    for handle in handles:
        try:
            device = parse_node_device(handle.XMLDesc(0))
        except error as problem:
            if getattr(problem, "get_error_code", lambda: None)() == _ERR_NO_NODE_DEVICE:
                continue
            device = NodeDevice("", warning=f"libvirt does not describe it: {problem}")
        devices.append(device if device.name else replace(device, name=str(handle.name())))
    return NodeDevices(
        sorted(mark_hubs(devices), key=lambda device: device.name),
        [f"node device {device.name}: {device.warning}" for device in devices if device.warning is not None],
        plain,
    )


def _plain(connection: t.Any, error: type[Exception], names: t.AbstractSet[str]) -> frozenset[str]:
    """Which of the functions have no vital product data; none where libvirt can't tell (before 7.9)."""
    try:
        return frozenset(names) - {handle.name() for handle in connection.listAllDevices(_WITH_VPD)}
    except error:
        return frozenset()
