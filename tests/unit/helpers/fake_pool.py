# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: N802 - the names are libvirt's

"""A storage pool and its volumes, as libvirt's binding has them."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.tests.unit.helpers.libvirt_api import NO_STORAGE_VOL, LibvirtError


class FakePool:
    """`volumes` are their paths by name."""

    def __init__(self, volumes: t.Mapping[str, str]) -> None:
        self._volumes = volumes

    def storageVolLookupByName(self, name: str) -> FakeVolume:
        if name not in self._volumes:
            raise LibvirtError(f"Storage volume not found: no storage vol with matching name '{name}'", NO_STORAGE_VOL)
        return FakeVolume(self._volumes[name])

    def XMLDesc(self, _flags: int) -> str:
        return "<pool type='dir'><target><path>/var/lib/libvirt/images</path></target></pool>"


class FakeVolume:
    def __init__(self, path: str) -> None:
        self._path = path

    def path(self) -> str:
        return self._path
