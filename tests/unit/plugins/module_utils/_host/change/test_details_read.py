# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Details of functions are read where a spec is about them, and nowhere else."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci import details
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.filters import Filters
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.wish import VfsWish
from ansible_collections.kvm.hostdev.plugins.module_utils._module.gathering import FactsWish, gather
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow

VF, DISK = "0000:01:10.0", "0000:81:00.0"
PLAIN = {"name": "nic", "specs": [{"product_id": "10ca"}]}
COMPARED = {"name": "nic", "specs": [{"product_id": "10ca", "memory": ">= 16 KiB", "link_width": 1}]}


@pytest.fixture
def reads(monkeypatch):
    """The functions of which details are read."""
    known, read = details.read_details, []

    def counting(folder, config):
        read.append(folder)
        return known(folder, config)

    monkeypatch.setattr(details, "read_details", counting)
    return read


def test_a_claim_reads_them_where_a_request_compares(lab_host, reads):
    lab_host.claim(PLAIN, owner="dpdk0", attach=(), check_mode=True)
    assert reads == []
    lab_host.claim(COMPARED, owner="dpdk1", attach=(), check_mode=True)
    assert reads


def test_the_pools_of_the_record_are_told_with_them(lab_host, reads):
    lab_host.claim(PLAIN, owner="dpdk0", attach=())
    assert reads


def test_a_claim_reads_them_where_the_allow_list_compares(lab_host, reads):
    outcome = lab_host.claim(
        PLAIN, owner="dpdk0", attach=(), allow_list=allow({"link_speed": "<= 2.5 GT/s", "address": "*:*:10.2"})
    )
    assert list(outcome.plans[0].after.holdings) == ["0000:01:10.2"]
    assert reads


def test_the_claims_of_all_owners_read_them(lab_host, reads):
    lab_host.passthrough({"dpdk0": [COMPARED]}, check_mode=True)
    assert reads


def test_vfs_are_made_on_pfs_of_a_link(lab_host, reads):
    specs = parse_device_specs([{"device_type": "type-PF", "link_width": 1}], "specs")
    outcome = lab_host.flow(check_mode=True).set_vfs(VfsWish(specs, "specs", 4))
    assert [decision.pf.device.address for decision in outcome.vfs] == [lab_host.igb_pf]
    assert reads


def test_a_second_run_finds_the_device_still_fitting_at_vfio(lab_host):
    first = lab_host.claim(COMPARED)
    assert list(first.plans[0].after.holdings) == [VF]
    assert lab_host.system.inventory().devices[VF].vfio
    second = lab_host.claim(COMPARED)
    assert not second.changed
    assert list(second.plans[0].after.holdings) == [VF]
    (written,) = lab_host.record["claims"][0]["requests"]
    assert written["specs"] == [{"product_id": "10ca", "memory": ">= 16 KiB", "link_width": 1}]


def test_facts_are_chosen_by_details_that_are_not_shown(lab_host):
    specs = parse_device_specs([{"class": "0108", "link_width": 1, "pcie_root": "pci0000:80"}], "specs")
    wish = FactsWish(frozenset({"devices"}), Filters(specs=specs), fields=("address",))
    facts, _warnings = gather(lab_host.system, None, "", lab_host.file.read(), wish)
    assert [device["address"] for device in facts["devices"]] == [DISK]
