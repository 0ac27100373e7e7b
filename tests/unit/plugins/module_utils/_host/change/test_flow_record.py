# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What claims make of NUMA policies and of the allow list's tags, on the lab host."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots

NVME, NUMA_NVME = "0000:04:00.0", "0000:81:00.0"
VF1 = "0000:01:10.0"
DISK = {"name": "disk", "specs": [{"class": "0108", "device_type": "type-PCI"}]}
# Of two disks the one that stands alone on its root is taken first; this is the other one.
NEAR = {**DISK, "specs": [{"class": "0108", "pcie_root": "pci0000:00"}]}
ONCE = allow({"class": "0108", "one_time_use": "yes"}, {})


def addresses(outcome):
    return outcome.plans[0].after.holdings.keys()


def bind_to(host, nodes):
    """Bind the domain's memory to NUMA nodes."""
    domain = host.libvirt.domains[0]
    for place, text in domain.xml.items():
        if text is not None:
            tuned = f"<numatune><memory mode='strict' nodeset='{nodes}'/></numatune><devices>"
            domain.xml[place] = text.replace("<devices>", tuned, 1)


# NUMA.


@pytest.mark.parametrize(
    ("nodes", "policy", "address"),
    [("1", "required", NUMA_NVME), ("1", "legacy", NUMA_NVME), ("0", "legacy", NVME), ("0", "preferred", NVME)],
)
def test_the_nodes_that_a_domain_is_bound_to_say_which_device_it_gets(lab_host, nodes, policy, address):
    bind_to(lab_host, nodes)
    assert list(addresses(lab_host.claim({**DISK, "numa_policy": policy}))) == [address]


def test_a_required_node_without_devices_is_told(lab_host):
    bind_to(lab_host, "0")
    before = lab_host.host_state()
    with pytest.raises(HostdevError) as caught:
        lab_host.claim({**DISK, "numa_policy": "required"})
    assert caught.value.code == "not_enough_devices"
    assert caught.value.details["refused"][NVME] == (
        "it is on no known NUMA node, the owner is bound to 0, and the request's numa_policy is required"
    )
    assert caught.value.details["refused"][NUMA_NVME].startswith("it is on NUMA node 1, the owner is bound to 0")
    assert lab_host.host_state() == before


def test_a_policy_that_nothing_can_follow_is_not_passed_over_in_silence(lab_host):
    outcome = lab_host.claim({**DISK, "numa_policy": "required"})
    assert any(text.startswith("numa_policy required of request disk has no effect") for text in outcome.warnings)


def test_the_asker_may_say_where_the_owner_runs(lab_host):
    bind_to(lab_host, "0")
    asked = {**DISK, "numa_policy": "required"}
    assert list(addresses(lab_host.claim(asked, numa_cells=frozenset({1})))) == [NUMA_NVME]
    assert list(addresses(lab_host.claim(asked, owner="dpdk0", numa_cells=frozenset()))) == [NVME]


def test_a_device_without_affinity_is_told_once(lab_host):
    bind_to(lab_host, "0")
    told = f"{NVME} is on no known NUMA node, its owner is bound to 0: it works without NUMA affinity"
    assert told in lab_host.claim(DISK).warnings
    assert told not in lab_host.claim(DISK).warnings


def test_a_held_device_that_is_too_far_by_now_is_a_mismatch(lab_host):
    lab_host.claim(NEAR)
    bind_to(lab_host, "1")
    with pytest.raises(HostdevError) as caught:
        lab_host.claim({**DISK, "numa_policy": "required"})
    assert caught.value.code == "held_device_mismatch"
    moved = lab_host.claim({**DISK, "numa_policy": "required"}, replace_misfits=True)
    assert list(addresses(moved)) == [NUMA_NVME]


# The allow list's word on who binds the device.


@pytest.mark.parametrize(("tag", "asked", "written"), [("no", True, "no"), ("yes", False, "yes"), (None, False, "no")])
def test_managed_of_the_allow_list_goes_before_that_of_the_claim(lab_host, tag, asked, written):
    entry = {} if tag is None else {"managed": tag}
    lab_host.claim({"name": "nic", "address": VF1}, allow_list=allow(entry), managed=asked)
    assert f'managed="{written}"' in lab_host.libvirt.domains[0].xml[CONFIG]


# One-time use.


def status(host, address):
    return Statuses(host.system.inventory(), host.file.read().tracker).status(address)


def test_a_device_for_one_time_use_waits_until_it_was_cleaned(lab_host):
    lab_host.claim(NEAR, allow_list=ONCE)
    assert status(lab_host, NVME) == "allocated"
    released = lab_host.release()
    assert any(text.startswith(f"{NVME} is for one-time use") for text in released.warnings)
    assert status(lab_host, NVME) == "needs_cleaning"
    assert [device["address"] for device in lab_host.record["needs_cleaning"]] == [NVME]
    # Nobody gets it, with or without that allow list; others are taken instead.
    with pytest.raises(HostdevError, match="needs_cleaning: domain web1"):
        lab_host.claim({"name": "disk", "address": NVME})
    assert list(addresses(lab_host.claim(DISK, allow_list=ONCE, check_mode=True))) == [NUMA_NVME]

    foretold = lab_host.release(addresses=(NVME,), cleaned=True, check_mode=True)
    assert (foretold.changed, foretold.cleaned) == (True, [NVME])
    assert status(lab_host, NVME) == "needs_cleaning"
    cleaned = lab_host.release(addresses=(NVME,), cleaned=True)
    assert (cleaned.changed, cleaned.cleaned) == (True, [NVME])
    assert status(lab_host, NVME) == "available"
    assert not lab_host.release(addresses=(NVME,), cleaned=True).changed
    assert list(addresses(lab_host.claim(NEAR, allow_list=ONCE))) == [NVME]


def test_a_device_that_moved_since_waits_where_it_is(lab_host):
    lab_host.claim(NEAR, allow_list=ONCE)
    lab_host.release()
    Reboots(lab_host).start({"04": "06"})
    assert status(lab_host, "0000:06:00.0") == "needs_cleaning"
    assert status(lab_host, NUMA_NVME) == "available"
    with pytest.raises(HostdevError, match="needs_cleaning: domain web1"):
        lab_host.claim({"name": "disk", "address": "0000:06:00.0"})
    assert lab_host.release(addresses=("0000:06:00.0",), cleaned=True).cleaned == [NVME]
    assert lab_host.record["needs_cleaning"] == []
    assert lab_host.claim({"name": "disk", "address": "0000:06:00.0"}).changed


@pytest.mark.parametrize("at_once", [True, False])
def test_all_of_an_owners_devices_are_cleaned_by_its_name(lab_host, at_once):
    lab_host.claim(NEAR, allow_list=ONCE)
    outcomes = [lab_host.release(domain="web1", cleaned=at_once), lab_host.release(domain="web1", cleaned=True)]
    assert [outcome.cleaned for outcome in outcomes] == ([[NVME], []] if at_once else [[], [NVME]])
    assert lab_host.record["needs_cleaning"] == []


def test_a_claim_that_gives_back_a_device_leaves_it_waiting(lab_host):
    lab_host.claim({**DISK, "count": 2}, allow_list=ONCE)
    lab_host.claim({**DISK, "count": 1}, allow_list=ONCE)
    assert [device["address"] for device in lab_host.record["needs_cleaning"]] == [NUMA_NVME]


def test_a_failed_claim_leaves_nothing_waiting(lab_host):
    lab_host.libvirt.fail(1, LibvirtError("no"))
    with pytest.raises(HostdevError):
        lab_host.claim(DISK, allow_list=ONCE)
    assert (lab_host.record["claims"], lab_host.record["needs_cleaning"]) == ([], [])


def test_another_device_in_the_place_of_one_that_waits_is_free(lab_host):
    lab_host.claim(DISK, allow_list=ONCE)
    lab_host.release()
    record = lab_host.record
    record["needs_cleaning"][0]["identity"]["serial"] = "ANOTHER"
    (lab_host.root / "etc/ansible/facts.d/hostdev.fact").write_text(json.dumps(record))
    assert status(lab_host, NVME) == "available"
