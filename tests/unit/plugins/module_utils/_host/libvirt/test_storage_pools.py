# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes of storage pools, which domains have as disks."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.domains import Domains
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.storage_pools import volume_paths
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    UUID,
    Handle,
    LibvirtError,
    Script,
    domain_xml,
)

POOL = ("connection", "storagePoolLookupByName", ("p",))
VOLUME = ("pool", "storageVolLookupByName", ("v",))
INACTIVE = LibvirtError("storage pool 'p' is not active", 55)
ALIVE = ("connection", "isAlive", (), 1)
DISK = "<disk type='volume'><source pool='p' volume='v'/></disk>"
LOGICAL = (
    "<pool type='logical'><source><device path='/dev/sda1'/><device path='/dev/sdb'/></source>"
    "<target><path>/dev/vg</path></target></pool>"
)


def paths(*calls):
    with Script(*calls) as script:
        return volume_paths(script.object("connection"), LibvirtError, "p", "v")


def test_a_volume_of_an_active_pool_is_where_libvirt_says():
    assert paths((*POOL, Handle("pool")), (*VOLUME, Handle("volume")), ("volume", "path", (), "/dev/vg/v")) == (
        "/dev/vg/v",
    )


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (LOGICAL, ("/dev/vg/v", "/dev/sda1", "/dev/sdb")),
        ("<pool type='disk'><source><device path='/dev/sdb'/></source></pool>", ("/dev/sdb",)),
        ("<pool type='rbd'><source><name>x</name></source></pool>", ()),
    ],
)
def test_of_a_pool_that_is_not_active_all_its_devices_count(xml, expected):
    assert paths((*POOL, Handle("pool")), (*VOLUME, INACTIVE), ("pool", "XMLDesc", (0,), xml)) == expected


def test_a_pool_that_libvirt_does_not_know_is_nowhere():
    assert paths((*POOL, LibvirtError("no storage pool", 49)), ALIVE) == ()


def test_a_connection_that_is_lost_meanwhile_is_no_answer():
    with pytest.raises(LibvirtError):
        paths((*POOL, LibvirtError("end of file", 38)), ("connection", "isAlive", (), 0))


def one_domain(xml, *calls):
    with Script(
        ("connection", "listAllDomains", (0,), [Handle("web1")]),
        ("web1", "name", (), "web1"),
        ("web1", "UUIDString", (), UUID),
        ("web1", "isPersistent", (), 1),
        ("web1", "XMLDesc", (2,), xml),
        ("web1", "isActive", (), 0),
        *calls,
    ) as script:
        return Domains(script.object("connection"), LibvirtError).all()[0]


def test_a_domain_is_read_with_where_its_volumes_are():
    calls = [(*POOL, Handle("pool")), (*VOLUME, Handle("volume")), ("volume", "path", (), "/dev/vg/v")]
    assert one_domain(domain_xml(extra=DISK * 2), *calls).volumes == {("p", "v"): ("/dev/vg/v",)}


@pytest.mark.parametrize(
    "disk", ["", "<disk type='volume'/>", "<disk type='volume'><source pool='p'/></disk>", "<disk type='block'/>"]
)
def test_a_domain_without_volumes_asks_no_pool(disk):
    assert one_domain(domain_xml(extra=disk)).volumes == {}


def test_a_libvirt_that_is_lost_while_pools_are_read_is_told_as_such():
    with pytest.raises(HostdevError, match="no_libvirt|end of file"):
        one_domain(
            domain_xml(extra=DISK),
            (*POOL, LibvirtError("end of file", 38)),
            ("connection", "isAlive", (), 0),
        )
