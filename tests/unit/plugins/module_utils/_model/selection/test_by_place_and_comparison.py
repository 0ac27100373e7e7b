# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choosing by where functions sit, and by comparisons of their memory and link."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Bar, PcieLink
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.choice import Asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.select import select
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.conformance.together import hosts
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import PERMIT_ALL, VFIO, WEB, allow, holding

GIB = 1 << 30


def gpu(root, ids, size, speed, width=16, **facts):
    return {
        "path": f"pci0000:{root}/0000:{root}:01.0",
        "id": ids,
        "class": "030200",
        "prefetchable_bars": [size, "32 MiB"],
        "link": {"speed": speed, "max_speed": speed, "width": width, "max_width": width},
        **facts,
    }


# d8 has sixteen lanes in a slot of eight; af is asleep; 18 tells neither link nor BAR.
MIXED = {
    "bridges": {"0000:d7:01.0": {"type": "root", "max_speed": 32, "max_width": 8}},
    "devices": {
        "0000:18:00.0": {"path": "pci0000:17/0000:17:01.0", "id": "10de:2331", "class": "030200"},
        "0000:3b:00.0": gpu("3a", "10de:20b5", "128 GiB", 16),
        "0000:5e:00.0": gpu("5d", "10de:1db6", "32 GiB", 8),
        "0000:86:00.0": gpu("85", "10de:1db6", "32 GiB", 8),
        "0000:af:00.0": gpu(
            "ae", "10de:27b8", "32 GiB", 16, link={"speed": 2.5, "max_speed": 16, "width": 16, "max_width": 16}
        ),
        "0000:b0:00.0": gpu("b8", "10de:27b8", "32 GiB", 16),
        "0000:d8:00.0": gpu("d7", "10de:27b8", "32 GiB", 16),
    },
}
# A card of two ports with VFs, and an accelerator behind a switch of its own, below one switch; one more NIC.
UPPER, OWN = "0000:81:00.0", "0000:85:00.0"
SWITCHED = {
    "devices": {
        "0000:02:00.0": {"path": "pci0000:00/0000:00:01.0", "id": "15b3:101d", "class": "020000"},
        "0000:83:00.0": {
            "path": "pci0000:80/0000:80:01.0/0000:81:00.0/0000:82:00.0",
            "id": "15b3:101d",
            "class": "020000",
            "total_vfs": 8,
        },
        "0000:84:02.0": {
            "path": "pci0000:80/0000:80:01.0/0000:81:00.0/0000:82:00.0",
            "id": "15b3:101e",
            "class": "020000",
            "physical_function": "0000:83:00.0",
        },
        "0000:87:00.0": {
            "path": "pci0000:80/0000:80:01.0/0000:81:00.0/0000:82:01.0/0000:85:00.0/0000:86:00.0",
            "id": "1da3:1020",
            "class": "120000",
        },
    }
}


def free(host):
    """The host's inventory, with each function in an IOMMU group of its own."""
    known = hosts.inventory(host)
    alone = [device._replace(iommu_group=group) for group, device in enumerate(known.devices.values())]
    return Inventory(known.host, alone)


def asked(count, *specs, allow_list=PERMIT_ALL, aliases=()):
    entry = {"name": "gpu", "count": count}
    entry.update({"alias": aliases[0]["name"]} if aliases else {"specs": list(specs)})
    requests = parse_requests([entry], parse_aliases(list(aliases)))
    return Asked(ClaimWish(None, None, requests, allow_list, Terms(), ()), WEB)


def selected(inventory, count, *specs, tracker=None, **options):
    return list(select(Snapshot(inventory, tracker or Tracker()), asked(count, *specs, **options)).holdings)


def refused(inventory, count, *specs, **options):
    with pytest.raises(HostdevError) as caught:
        selected(inventory, count, *specs, **options)
    return caught.value


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"class": "0302", "memory": ">= 64 GiB"}, ["0000:3b:00.0"]),
        ({"class": "0302", "memory": "128 GiB"}, ["0000:3b:00.0"]),
        ({"vendor_id": "10de", "memory": ">= 16 GiB, <= 32GiB", "link_speed": 8}, ["0000:5e:00.0", "0000:86:00.0"]),
        ({"product_id": "27b8", "link_width": ">= 16"}, ["0000:af:00.0", "0000:b0:00.0"]),
        ({"product_id": "27b8", "link_width": 8}, ["0000:d8:00.0"]),
        (
            {"class": "0302", "link_speed": ">= 16 GT/s"},
            ["0000:3b:00.0", "0000:af:00.0", "0000:b0:00.0", "0000:d8:00.0"],
        ),
        ({"link_speed": "<= 8 GT/s", "link_width": 16}, ["0000:5e:00.0", "0000:86:00.0"]),
    ],
)
def test_memory_and_link_are_compared(spec, found):
    assert selected(free(MIXED), len(found), spec) == found
    assert refused(free(MIXED), len(found) + 1, spec).code == "not_enough_devices"


@pytest.mark.parametrize("spec", [{"memory": ">= 0 B"}, {"link_speed": ">= 2.5"}, {"link_width": ">= 1"}])
def test_what_is_unknown_fits_no_comparison(spec):
    assert refused(free(MIXED), 1, {"product_id": "2331", **spec}).code == "not_enough_devices"


def test_a_bar_that_is_not_prefetchable_is_no_memory():
    inventory = free(MIXED)
    known = inventory.devices["0000:3b:00.0"]
    bars = tuple(register._replace(prefetchable=False) for register in known.details.bars)
    changed = known._replace(details=known.details._replace(bars=bars))
    without = inventory.with_changes({known.address: changed}, {})
    assert refused(without, 1, {"memory": ">= 64 GiB"}).code == "not_enough_devices"


def test_a_port_limits_what_it_tells_and_nothing_else():
    inventory = free(MIXED)
    port = inventory.devices["0000:d7:01.0"]
    slow = port._replace(details=port.details._replace(link=PcieLink(None, None, "2.5 GT/s PCIe", None)))
    narrowed = inventory.with_changes({port.address: slow}, {})
    assert selected(narrowed, 1, {"product_id": "27b8", "link_speed": "<= 2.5", "link_width": 16}) == ["0000:d8:00.0"]


def test_a_vf_has_the_link_of_its_pf_where_it_tells_none():
    inventory = free(SWITCHED)
    pf = inventory.devices["0000:83:00.0"]
    linked = pf._replace(details=pf.details._replace(link=PcieLink(None, None, "16.0 GT/s PCIe", 8)))
    inventory = inventory.with_changes({pf.address: linked}, {})
    assert selected(inventory, 1, {"product_id": "101e", "link_width": 8}) == ["0000:84:02.0"]


def test_an_alias_compares_and_the_allow_list_does():
    aliases = [{"name": "large", "memory": ">= 64 GiB"}]
    assert selected(free(MIXED), 1, aliases=aliases) == ["0000:3b:00.0"]
    permitted = allow({"memory": "<= 32 GiB", "link_width": 8})
    assert selected(free(MIXED), 1, {"class": "0302"}, allow_list=permitted) == ["0000:d8:00.0"]


def held_gpu(inventory, **changes):
    """What is on record of b0, and the host with it at vfio-pci, changed."""
    known = inventory.devices["0000:b0:00.0"]
    tracker = Tracker()
    written = asked(1, {"product_id": "27b8", "memory": ">= 32 GiB", "link_width": 16}).wish.requests[0]
    held = holding(known.address, "gpu", identity=known.identity, original=known.binding)
    tracker.put(Claim(WEB, {"gpu": written}, {known.address: held}))
    bound = known._replace(driver=VFIO.driver, driver_override=VFIO.override, vfio=True, **changes)
    return tracker, inventory.with_changes({known.address: bound}, {})


WANTED = {"product_id": "27b8", "memory": ">= 32 GiB", "link_width": 16}


def test_a_held_device_goes_on_fitting_at_vfio():
    tracker, inventory = held_gpu(free(MIXED))
    assert selected(inventory, 1, WANTED, tracker=tracker) == ["0000:b0:00.0"]


def test_a_held_device_whose_bar_its_own_driver_had_made_large_goes_on_fitting():
    inventory = free(MIXED)
    details = inventory.devices["0000:b0:00.0"].details
    small = Bar(1, 256 << 20, io=False, is_64bit=True, prefetchable=True, resizable_sizes=(256 << 20, 32 * GIB))
    tracker, bound = held_gpu(inventory, details=details._replace(bars=(small,)))
    assert selected(bound, 1, WANTED, tracker=tracker) == ["0000:b0:00.0"]
    assert selected(bound, 1, {**WANTED, "memory": "256 MiB"}, tracker=tracker) == ["0000:b0:00.0"]
    error = refused(bound, 1, {**WANTED, "memory": ">= 64 GiB"}, tracker=tracker)
    assert error.code == "held_device_mismatch"
    # Of one that is free the BAR counts as it is.
    assert "0000:b0:00.0" not in selected(bound, 1, {**WANTED, "link_width": ">= 1"})


def test_a_held_device_that_does_not_respond_is_not_asked_for_its_link():
    inventory = free(MIXED)
    details = inventory.devices["0000:b0:00.0"].details
    tracker, silent = held_gpu(inventory, responding=False, details=details._replace(link=None))
    assert selected(silent, 1, WANTED, tracker=tracker) == ["0000:b0:00.0"]


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"pcie_root": "pci0000:00"}, ["0000:02:00.0"]),
        ({"pcie_root": "pci0000:80", "class": "12"}, ["0000:87:00.0"]),
        ({"pcie_switch": UPPER}, ["0000:84:02.0", "0000:87:00.0"]),
        ({"pcie_switch": OWN}, ["0000:87:00.0"]),
        ({"slot": "0000:83:00"}, ["0000:84:02.0"]),
        ({"slot": "0000:87:00", "pcie_switch": UPPER}, ["0000:87:00.0"]),
    ],
)
def test_where_a_device_sits_is_asked_for(spec, found):
    assert selected(free(SWITCHED), len(found), spec) == found
    assert refused(free(SWITCHED), len(found) + 1, spec).code == "not_enough_devices"


def test_what_would_fit_but_for_a_comparison_is_told_with_what_it_has():
    error = refused(
        free(MIXED), 1, {"vendor_id": "10de", "product_id": "27b8", "memory": ">= 64 GiB", "link_width": 16}
    )
    assert error.found == (
        "0 free of 1 still wanted; none fits; but for what is compared these would fit: "
        "0000:af:00.0 (memory 32 GiB, link_width 16), 0000:b0:00.0 (memory 32 GiB, link_width 16), "
        "0000:d8:00.0 (memory 32 GiB, link_width 8)"
    )
    error = refused(free(MIXED), 1, {"product_id": "2331", "link_speed": 16, "iommu_group_size": 2, "total_vfs": 8})
    assert "0000:18:00.0 (iommu_group_size 1, total_vfs 0, link_speed unknown)" in error.found
    error = refused(free(MIXED), 2, {"product_id": "20b5", "memory": "128 GiB"})
    assert "but for what is compared" not in error.found


def test_a_switch_that_is_none_is_told_with_those_of_the_host():
    error = refused(free(SWITCHED), 1, {"pcie_switch": "0000:82:01.0"})
    assert f"0000:82:01.0 is no PCIe switch of this host, which has {UPPER}, {OWN}" in error.found
    assert error.remedy.startswith("name one that is there, by pcie_root or pcie_switches in the facts; or ")
    error = refused(free(MIXED), 1, {"pcie_switch": UPPER})
    assert f"{UPPER} is no PCIe switch of this host, which has none" in error.found


def test_the_switch_above_what_is_none_is_named_first():
    error = refused(free(SWITCHED), 1, {"pcie_switch": "0000:86:00.0"})
    assert f"which has {OWN}, {UPPER}" in error.found


def test_a_root_bus_that_is_none_is_told_with_those_of_the_host():
    error = refused(free(SWITCHED), 1, {"pcie_root": "pci0000:90"})
    assert "pci0000:90 is no root bus of this host, which has pci0000:00, pci0000:80" in error.found


def test_a_switch_with_nothing_that_fits_below_is_no_wrong_one():
    error = refused(free(SWITCHED), 1, {"pcie_switch": OWN, "class": "02"})
    assert "is no PCIe switch" not in error.message


def test_vfs_are_not_advised_for_memory_that_nobody_knows_of_them():
    inventory = free(SWITCHED)
    pf = inventory.devices["0000:83:00.0"]._replace(virtual_functions=(), vf_product_id="101e", driver="mlx5_core")
    devices = [device for device in inventory.devices.values() if device.physical_function is None]
    bare = Inventory(inventory.host, [pf if device.address == pf.address else device for device in devices])
    assert "make them" in refused(bare, 1, {"product_id": "101e", "slot": "0000:83:00"}).remedy
    assert "make them" not in refused(bare, 1, {"product_id": "101e", "memory": ">= 0 B"}).remedy
