# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""To which driver a release gives devices back, and what it says of those that stay where they are."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.release import _still_bound

VF = "0000:01:10.0"
NIC = {"name": "nic", "address": VF}


@pytest.fixture
def host(lab_host):
    return lab_host


def bound_by_somebody(host):
    host.kernel.load_module("vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{VF}/driver_override", "vfio-pci")
    host.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF)
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/bind", VF)


def state(host):
    return host.kernel.driver(VF), host.kernel.override(VF)


def still_bound(outcome):
    return [address for plan in outcome.plans for address in _still_bound(plan)]


def test_an_adopted_device_stays_as_it_was_found_and_is_named(host):
    bound_by_somebody(host)
    host.claim(NIC)
    assert still_bound(host.release()) == [VF]
    assert state(host) == ("vfio-pci", "vfio-pci")


def test_to_the_host_it_gets_the_driver_that_the_kernel_chooses_and_no_override(host):
    bound_by_somebody(host)
    host.claim(NIC)
    outcome = host.release(domain="web1", to_host=True)
    assert still_bound(outcome) == []
    assert state(host) == ("igbvf", None)


@pytest.mark.parametrize("modules", [{"vfio-pci"}, {"vfio-pci", "uio_pci_generic"}])
def test_to_the_host_a_driver_of_before_that_the_kernel_would_not_choose_is_forgotten(host, modules):
    host.kernel.modules |= modules
    host.kernel.modprobe("uio_pci_generic")
    if "uio_pci_generic" in modules:
        host.kernel.store(f"/sys/bus/pci/devices/{VF}/driver_override", "uio_pci_generic")
        host.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF)
        host.kernel.store("/sys/bus/pci/drivers/uio_pci_generic/bind", VF)
    host.claim(NIC)
    host.release(domain="web1", to_host=True)
    assert state(host) == ("igbvf", None)


def test_in_check_mode_nothing_is_done_and_the_plan_says_who_chooses(host):
    bound_by_somebody(host)
    host.claim(NIC)
    before = host.whole_state()
    outcome = host.release(domain="web1", to_host=True, check_mode=True)
    step = outcome.plans[0].steps[-1]
    assert step.as_dict()["by_kernel"] is True
    assert step.inverse().as_dict() == {
        "kind": "driver",
        "address": VF,
        "before": step.as_dict()["after"],
        "after": {"driver": "vfio-pci", "driver_override": "vfio-pci"},
    }
    assert host.whole_state() == before


def test_what_no_driver_of_the_host_takes_is_left_without_one(host):
    edu = "0000:05:02.0"
    host.kernel.load_module("vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{edu}/driver_override", "vfio-pci")
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/bind", edu)
    host.claim({"name": "it", "address": edu}, owner="x", whole_group=True)
    host.release(owner="x", to_host=True)
    assert (host.kernel.driver(edu), host.kernel.override(edu)) == (None, None)


def test_names_that_nobody_holds_are_warned_of_as_a_domain_that_is_not_there(host):
    host.claim(NIC)
    outcome = host.release(domain="web1", names=("nic", "nik"))
    assert outcome.warnings == ["domain web1 holds nothing for a request nik"]
    assert outcome.changed
    assert host.release(owner="x", names=("nic",)).warnings == ["owner x holds nothing for a request nic"]


def test_where_the_kernel_chooses_vfio_again_that_is_said(host):
    """As with vfio-pci.ids= on its command line."""
    bound_by_somebody(host)
    host.kernel.own(VF, "vfio-pci")
    host.claim(NIC)
    outcome = host.release(domain="web1", to_host=True)
    assert outcome.vfio_again == [VF]
    assert "vfio-pci.ids" in outcome.warnings[0]
    assert state(host) == ("vfio-pci", None)
