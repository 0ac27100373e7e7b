# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a refusal says is to be done."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.choice import Asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.nearness import ANYWHERE, Guest
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.refused.remedies import NextStep, advice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.select import select
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    DB,
    DPDK,
    PERMIT_ALL,
    WEB,
    allow,
    claim,
    device,
    holding,
    inventory,
    pf,
    requests,
    use,
    vf,
)

A, B = "0000:01:00.0", "0000:02:00.0"
PF, VF1, VF2 = "0000:06:00.0", "0000:06:10.0", "0000:06:10.2"
VFS = {"name": "nic", "count": 2, "specs": [{"vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF"}]}
TASK = f"`kvm.hostdev.pci_sriov` with `address: {PF}, number:"
WIDEN = "widen the request's specs or the device_spec"


def asked(*wanted, allow_list=PERMIT_ALL, guest=None):
    return Asked(ClaimWish(None, None, requests(*wanted), allow_list, Terms(), ()), WEB, guest or ANYWHERE)


def refused(host, *wanted, tracker=None, allow_list=PERMIT_ALL, guest=None):
    with pytest.raises(HostdevError) as caught:
        select(Snapshot(host, tracker or Tracker()), asked(*wanted, allow_list=allow_list, guest=guest))
    assert "\n" not in caught.value.message
    return caught.value


def remedy(*arguments, **keywords):
    return refused(*arguments, **keywords).remedy


def test_a_request_for_vfs_is_told_of_a_pf_that_could_have_some():
    assert remedy(inventory(pf(PF)), VFS) == f"VFs 0 of 7 on {PF}: make them ({TASK} 2`); or {WIDEN}"


def test_no_more_vfs_are_advised_than_the_pf_can_have():
    assert f"{TASK} 7`" in remedy(inventory(pf(PF)), {**VFS, "count": 30})


def test_the_number_of_vfs_goes_through_zero_as_the_kernel_wants_it():
    host = inventory(pf(PF, VF1), vf(VF1, PF))
    assert f"{TASK} 2, take_over: true`" in remedy(host, VFS)


@pytest.mark.parametrize(
    ("host", "tracker"),
    [
        (inventory(pf(PF, VF1), vf(VF1, PF, driver="vfio-pci")), Tracker([claim(DPDK, holding(VF1))])),
        (inventory(pf(PF, VF1), vf(VF1, PF), domain_uses={VF1: [use(DB)]}), None),
        (inventory(pf(PF, VF1), vf(VF1, PF), host_uses=[HostUse("ip_configured", VF1, "10.0.0.1")]), None),
        (inventory(pf(PF, driver="vfio-pci")), Tracker([claim(DPDK, holding(PF))])),
        (inventory(pf(PF, driver=None)), None),
        (inventory(pf(PF, VF1, total_vfs=1), vf(VF1, PF)), None),
        (inventory(pf(PF, vendor_id="15b3")), None),
        (inventory(pf(PF, VF1), vf(VF1, PF, product_id="1520")), None),
        (inventory(device(PF)), None),
    ],
)
def test_no_vfs_are_advised_of_a_pf_that_can_not_have_them_now(host, tracker):
    assert "make them" not in remedy(host, VFS, tracker=tracker)


def test_no_vfs_are_advised_that_the_allow_list_or_the_numa_policy_would_refuse():
    assert "make them" not in remedy(inventory(pf(PF)), VFS, allow_list=allow({"vendor_id": "15b3"}))
    far = inventory(pf(PF, numa_node=1))
    assert "make them" not in remedy(far, {**VFS, "numa_policy": "required"}, guest=Guest(frozenset({0}), {}))
    assert "make them" in remedy(far, {**VFS, "numa_policy": "required"}, guest=Guest(frozenset({1}), {}))


def test_vfs_are_advised_of_the_pf_whose_interface_is_asked_for():
    other = pf("0000:07:00.0", children=(Child("net", "enp7s0"),))
    host = inventory(pf(PF, children=(Child("net", "enp6s0"),)), other)
    below = {"name": "nic", "specs": [{"device_type": "type-VF", "parent_ifname": "enp6s0"}]}
    assert remedy(host, below) == f"VFs 0 of 7 on {PF}: make them ({TASK} 1`); or {WIDEN}"
    gone = {"name": "nic", "specs": [{"device_type": "type-VF", "parent_ifname": "enp9s0"}]}
    assert "make them" not in remedy(host, gone)


@pytest.mark.parametrize("spec", [{"device_type": "type-PCI"}, {"product_id": "10d3"}, {"vendor_id": "15b3"}])
def test_a_request_that_no_vf_would_fit_is_told_of_none(spec):
    assert (
        remedy(inventory(pf(PF, vf_product_id="10ca")), {"name": "nic", "specs": [{"vendor_id": "8086", **spec}]})
        == WIDEN
    )


@pytest.mark.parametrize("spec", [{"product_id": "10ca"}, {"vendor_id": "8086", "product_id": "10ca"}])
def test_vfs_that_would_fit_by_their_ids_alone_are_advised_where_the_kernel_tells_these(spec):
    make = f"VFs 0 of 7 on {PF}: make them ({TASK} 1`); or {WIDEN}"
    assert remedy(inventory(pf(PF, vf_product_id="10ca")), {"name": "nic", "specs": [spec]}) == make
    assert remedy(inventory(pf(PF)), {"name": "nic", "specs": [spec]}) == WIDEN


def test_a_pf_that_a_request_fits_without_asking_for_one_is_told_of():
    error = refused(inventory(pf(PF)), {"name": "nic", "specs": [{"vendor_id": "8086"}]})
    assert f"{PF} is refused: it fits but is a PF, which is only taken when it is asked for" in error.found
    assert error.remedy == f"{PF}: add `device_type: type-PF` to the request's spec; or {WIDEN}"
    wanted = {"name": "nic", "specs": [{"vendor_id": "8086", "device_type": "type-PF"}]}
    assert PF in select(Snapshot(inventory(pf(PF)), Tracker()), asked(wanted)).holdings


def test_so_is_one_where_the_request_asks_for_what_no_smartnic_manages():
    wanted = {"name": "nic", "specs": [{"product_id": "10c9", "remote_managed": False}]}
    assert remedy(inventory(pf(PF)), wanted) == f"{PF}: add `device_type: type-PF` to the request's spec; or {WIDEN}"


def test_what_else_keeps_such_a_pf_is_told_too():
    host = inventory(pf(PF), host_uses=[HostUse("swap", PF, "sw")])
    error = refused(host, {"name": "nic", "specs": [{"product_id": "10c9"}]})
    assert f"asked for; swap ({PF}: sw)" in error.found
    assert error.remedy.startswith(f"{PF}: add `device_type: type-PF` to the request's spec; and take the swap out")


def test_a_vdpa_device_and_one_of_a_smartnic_are_told_to_be_asked_for():
    vdpa = vf(VF1, PF, children=(Child("vdpa", "vdpa0"),))
    assert "add `device_type: vdpa`" in remedy(inventory(vdpa), {"name": "n", "specs": [{"product_id": "10ca"}]})
    managed = allow({"product_id": "10ca", "remote_managed": True})
    told = remedy(
        inventory(pf(PF, VF1, serial="s1"), vf(VF1, PF)),
        {"name": "n", "specs": [{"product_id": "10ca"}]},
        allow_list=managed,
    )
    assert "add `remote_managed: true`" in told


def test_an_address_that_a_vf_could_have_leads_to_its_pf():
    told = remedy(inventory(pf(PF)), {"name": "nic", "address": VF1})
    assert told.startswith(f"if it is a VF that is not made, VFs 0 of 7 on {PF}: make as many as there were")
    assert remedy(inventory(device(A)), {"name": "nic", "address": VF1}).startswith("see the addresses")
    assert remedy(inventory(pf(PF)), {"name": "nic", "address": "0000:05:00.0"}).startswith("see the addresses")


def test_all_mates_of_a_device_that_is_blocked_besides_are_in_one_list():
    mates = ["0000:01:00.1", "0000:01:00.2"]
    host = inventory(device(A), *map(device, mates), host_uses=[HostUse("swap", A, "sw")])
    told = remedy(host, {"name": "n", "address": A})
    assert told.startswith(
        "take the swap out of use (`swapoff`), and out of `/etc/fstab`; "
        f"and set group_members to claim, or to the list {mates}"
    )
    assert told.count("group_members") == 1


def test_a_pf_is_refused_with_what_to_do_about_its_vfs():
    host = inventory(pf(PF, VF1), vf(VF1, PF))
    assert remedy(host, {"name": "nic", "address": PF}) == (
        "ask for its virtual functions (`device_type: type-VF`), or once nobody has them remove them: "
        f"`kvm.hostdev.pci_sriov` with `address: {PF}, state: absent`, or with `number: 0, take_over: true` where "
        "others made them; or ask for another device"
    )


def test_what_a_mate_needs_is_told_with_the_mates_address():
    host = inventory(device(A), device("0000:01:00.1"), host_uses=[HostUse("swap", "0000:01:00.1", "sw")])
    assert remedy(host, {"name": "n", "address": A}).startswith(
        "0000:01:00.1: take the swap out of use (`swapoff`), and out of `/etc/fstab`, or put the card into a slot"
    )


def test_a_device_with_another_owner_is_to_be_released_there():
    host = inventory(device(A, driver="vfio-pci"))
    assert remedy(host, {"name": "n", "address": A}, tracker=Tracker([claim(DPDK, holding(A))])) == (
        "release it from owner dpdk0 with `kvm.hostdev.pci_passthrough_release`; or ask for another device"
    )


def test_a_vf_whose_pf_is_held_is_told_to_release_that():
    host = inventory(pf(PF, VF1, driver="vfio-pci"), vf(VF1, PF))
    assert remedy(host, {"name": "n", "address": VF1}, tracker=Tracker([claim(DPDK, holding(PF))])).startswith(
        f"{PF}: release it from owner dpdk0 with"
    )


def test_a_device_outside_the_allow_list_is_to_be_permitted_there():
    assert remedy(inventory(device(A)), {"name": "n", "address": A}, allow_list=allow({"address": B})) == (
        "permit it in `device_spec`, where the first entry that it fits counts; or ask for another device"
    )


def test_a_device_that_is_too_far_away_asks_for_a_softer_policy():
    request = {"name": "n", "specs": [{"vendor_id": "8086"}], "numa_policy": "required"}
    assert remedy(inventory(device(A, numa_node=1)), request, guest=Guest(frozenset({0}), {})) == (
        f"{A}: set the request's `numa_policy` to preferred; or {WIDEN}"
    )


def test_of_many_remedies_three_are_told_and_devices_with_the_same_one_together():
    steps = [NextStep(f"d{number}", "release it") for number in range(7)]
    steps += [NextStep("e", "unmount it"), NextStep("e", "stop the RAID"), NextStep("f", "export the pool")]
    assert advice(steps) == ["d0, d1, d2, d3, d4, and 2 more: release it; e: unmount it; and stop the RAID"]
    assert advice([NextStep("e", "unmount it")], subject="e") == ["unmount it"]
    assert advice([]) == []


def test_what_stays_with_the_host_is_no_help_to_a_request_for_any_device():
    host = inventory(device(A), host_uses=[HostUse("root_disk", A, "/")])
    assert remedy(host, {"name": "n", "specs": [{"vendor_id": "8086"}]}) == WIDEN
