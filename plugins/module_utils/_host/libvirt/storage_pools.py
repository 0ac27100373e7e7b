# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a volume of one of libvirt's storage pools lies (https://libvirt.org/storage.html)."""

from __future__ import annotations

import typing as t

from ..._model.elements import parse_element


def volume_paths(connection: t.Any, error: type[Exception], pool: str, volume: str) -> tuple[str, ...]:
    """Where a volume is. Of a pool that is not active the place where it would be, and the pool's own devices.

    Nowhere where libvirt can't tell: it may have no driver for storage, or no such pool. `error` is what the connection
    raises (libvirt.libvirtError), which goes on where the connection is lost.
    """
    try:
        handle = connection.storagePoolLookupByName(pool)
        try:
            return (str(handle.storageVolLookupByName(volume).path()),)
        except error:
            definition = parse_element(handle.XMLDesc(0))
    except error:
        if not connection.isAlive():
            raise
        return ()
    target = definition.findtext("target/path")
    devices = [device.get("path", "") for device in definition.iterfind("source/device")]
    return tuple(path for path in [f"{target}/{volume}" if target else "", *devices] if path)
