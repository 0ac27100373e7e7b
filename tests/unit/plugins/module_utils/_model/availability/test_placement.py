# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.placement import (
    free_devices,
    rank_hosts,
    weight,
)

VFS = {"vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF", "numa_node": 0, "count": 4}
DISKS = {"vendor_id": "1b36", "product_id": "0010", "device_type": "type-PCI", "numa_node": None, "count": 2}


def test_only_pools_with_all_values_of_one_entry_count():
    assert free_devices([VFS, DISKS]) == 6
    assert free_devices([VFS, DISKS], [{"product_id": "10ca", "numa_node": 0}]) == 4
    assert free_devices([VFS, DISKS], [{"product_id": "10ca", "numa_node": 1}]) == 0
    assert free_devices([VFS, DISKS], [{"numa_node": None}, {"product_id": "10ca"}]) == 6


def test_hosts_with_enough_are_ranked_from_the_fewest_free_devices_on():
    pools = {"c": [VFS, VFS], "b": [VFS], "a": [VFS], "few": [{**VFS, "count": 1}], "none": []}
    assert rank_hosts(pools, [{"product_id": "10ca"}], 2) == ["a", "b", "c"]
    assert rank_hosts(pools) == ["few", "a", "b", "c"]


def test_from_99_free_devices_on_hosts_are_equal():
    assert [weight(free) for free in (0, 1, 98, 99, 5000)] == [100, 99, 2, 1, 1]
    assert rank_hosts({"b": [{"count": 100}], "a": [{"count": 5000}]}) == ["a", "b"]
