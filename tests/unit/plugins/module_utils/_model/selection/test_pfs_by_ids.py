# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A GPU of a data centre is a PF by its capability: both ids ask for it."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.choice import Asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.select import select
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    PERMIT_ALL,
    WEB,
    allow,
    claim,
    device,
    holding,
    inventory,
    pf,
    requests,
    vf,
)

A, B, VF = "0000:17:00.0", "0000:3b:00.0", "0000:3b:00.4"
A100 = {"vendor_id": "10de", "product_id": "20b2", "class_id": "030200", "driver": "nvidia", "total_vfs": 20}
IDS = {"vendor_id": "10de", "product_id": "20b2"}


def asked(*specs, count=1, allow_list=PERMIT_ALL):
    wanted = requests({"name": "gpu", "count": count, "specs": list(specs)})
    return Asked(ClaimWish(None, None, wanted, allow_list, Terms(), ()), WEB)


def selected(host, *specs, tracker=None, **options):
    return list(select(Snapshot(host, tracker or Tracker()), asked(*specs, **options)).holdings)


def refused(host, *specs, **options):
    with pytest.raises(HostdevError) as caught:
        selected(host, *specs, **options)
    assert caught.value.code == "not_enough_devices"
    return caught.value


def test_both_ids_take_a_pf_without_vfs():
    host = inventory(pf(A, **A100), pf(B, **A100))
    assert selected(host, "10de:20b2") == [A]
    assert selected(host, IDS, count=2) == [A, B]
    assert selected(host, {**IDS, "class": "0302"}, count=2) == [A, B]


@pytest.mark.parametrize(
    "spec",
    [
        {"vendor_id": "10de"},
        {"product_id": "20b2"},
        {"class": "0302"},
        {},
        {"vendor_id": "10de", "total_vfs": ">= 1"},
        {**IDS, "device_type": "type-PCI"},
        {**IDS, "remote_managed": True},
    ],
)
def test_nothing_less_asks_for_a_pf(spec):
    refused(inventory(pf(A, **A100)), spec)


def test_a_pf_with_vfs_is_not_taken_so():
    # Its VFs have ids of their own, and it alone has these.
    host = inventory(pf(A, **A100), pf(B, VF, **A100), vf(VF, B, vendor_id="10de", product_id="20b9"))
    assert selected(host, IDS) == [A]
    error = refused(host, IDS, count=2)
    assert f"{B} is refused: it fits but is a PF, which is only taken when it is asked for" in error.found


@pytest.mark.parametrize(
    "other",
    [
        vf(VF, B, vendor_id="10de", product_id="20b2"),
        device("0000:5e:00.0", vendor_id="10de", product_id="20b2", class_id="030200"),
    ],
)
def test_a_pf_is_not_taken_where_others_have_its_ids(other):
    host = inventory(pf(A, **A100), pf(B, VF, **A100), other)
    assert selected(host, IDS) == [other.address]
    refused(host, IDS, count=2)


def test_the_ids_of_one_spec_take_nothing_for_another():
    host = inventory(pf(A, **A100), pf(B, **{**A100, "product_id": "2330"}))
    assert selected(host, IDS, {"class": "0302"}) == [A]
    refused(host, IDS, {"class": "0302"}, count=2)
    refused(host, {**IDS, "numa_node": 1}, {"class": "0302"})


def test_other_criteria_and_tags_hold_for_it():
    host = inventory(pf(A, **A100), pf(B, **A100, numa_node=1))
    assert selected(host, {**IDS, "numa_node": 1}) == [B]
    permitted = allow({"address": B, "tags": {"pool": "training"}}, {})
    assert selected(host, {**IDS, "tags": {"pool": "training"}}, allow_list=permitted) == [B]


def test_what_a_smartnic_manages_is_not_taken_by_its_ids():
    host = inventory(pf(A, **A100, serial="S1"))
    permitted = allow({"class": "0302", "remote_managed": True})
    refused(host, IDS, allow_list=permitted)


def test_a_held_pf_goes_on_fitting_once_it_has_vfs():
    bound = {**A100, "driver": "vfio-pci"}
    identity = pf(B, **A100).identity
    tracker = Tracker()
    written = {"gpu": {"name": "gpu", "count": 1, "specs": [IDS]}}
    tracker.put(claim(WEB, holding(B, "gpu", identity=identity), requests=written))
    host = inventory(pf(A, **A100), pf(B, VF, **bound), vf(VF, B, vendor_id="10de", product_id="20b2"))
    assert selected(host, IDS, tracker=tracker) == [B]
