# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request that has another name in the data: its devices stay in the running guest where it says the same."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, ready, usb, usb_path
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import (
    DISK,
    NIC,
    NVME,
    VF1,
    VF2,
    VF3,
)

LAN = {**NIC, "name": "lan"}


@pytest.fixture
def host(two_domains):
    return two_domains


def held(host):
    """The requests that each owner's devices serve, by its label, and those made for the data."""
    return {
        claim["owner"]["label"]: (
            {device["address"]: device["request"] for device in claim["devices"]},
            claim.get("declared", []),
        )
        for claim in host.record["claims"]
    }


def detached(outcome):
    return [str(step) for plan in outcome.plans for step in plan.steps if str(step).startswith("detach")]


def test_a_request_of_another_name_keeps_its_devices_in_the_running_guest(host):
    """Those of two, of which db1 holds the lower one: another choice would be another device."""
    host.passthrough({"db1": [NIC], "web1": [{**NIC, "count": 2}, DISK]})
    before = host.whole_state()
    renamed = {"web1": [{**LAN, "count": 2}, DISK]}
    foretold = host.passthrough(renamed, purge=True, check_mode=True)
    assert host.whole_state() == before
    host.kernel.log.clear()
    outcome = host.passthrough({"db1": [], **renamed}, purge=True)
    assert foretold.changed
    assert outcome.changed
    assert held(host) == {"web1": ({VF2: "lan", VF3: "lan", NVME: "disk"}, ["disk", "lan"])}
    assert [step for plan in outcome.plans for step in plan.steps if step.domain == "web1"] == []
    assert host.libvirt.state()[host.domain.UUIDString()] == before[1][host.domain.UUIDString()]
    assert not host.passthrough(renamed, purge=True).changed
    host.passthrough({}, purge=True)
    assert held(host) == {}


def test_only_the_record_is_written(host):
    host.passthrough({"web1": [NIC]})
    before = host.kept_state()
    outcome = host.passthrough({"web1": [LAN]}, purge=True)
    assert ([plan.steps for plan in outcome.plans], outcome.diff) == ([(), ()], [])
    assert host.kept_state()[1] == before[1]
    assert held(host) == {"web1": ({VF1: "lan"}, ["lan"])}


def test_two_that_say_the_same_keep_theirs_both(host):
    host.passthrough({"web1": [NIC, LAN]})
    assert not detached(host.passthrough({"web1": [{**NIC, "name": "a"}, {**NIC, "name": "b"}]}, purge=True))
    assert held(host) == {"web1": ({VF1: "b", VF2: "a"}, ["a", "b"])}


def test_of_two_that_say_the_same_one_goes_where_one_is_left(host):
    host.passthrough({"web1": [NIC, LAN]})
    outcome = host.passthrough({"web1": [{**NIC, "name": "a"}]}, purge=True)
    assert {step.address for plan in outcome.plans for step in plan.steps} == {VF1}
    assert held(host) == {"web1": ({VF2: "a"}, ["a"])}


@pytest.mark.parametrize(
    "new",
    [{**LAN, "count": 2}, {**LAN, "network": {"vlan": 5}}, {"name": "lan", "address": VF1}, {**DISK, "name": "x"}],
)
def test_what_says_something_else_too_leaves_the_guest(host, new):
    host.passthrough({"web1": [NIC]})
    assert len(detached(host.passthrough({"web1": [new]}, purge=True))) == 2
    assert [*held(host)["web1"][0].values()] == [new["name"]] * new.get("count", 1)


def test_without_a_purge_the_new_request_gets_a_device_of_its_own(host):
    host.passthrough({"web1": [NIC]})
    host.passthrough({"web1": [LAN]})
    assert held(host) == {"web1": ({VF1: "nic", VF2: "lan"}, ["lan", "nic"])}


def test_what_others_claimed_keeps_its_name(host):
    host.claim(NIC)
    host.passthrough({"web1": [LAN]}, purge=True)
    assert held(host) == {"web1": ({VF1: "nic", VF2: "lan"}, ["lan"])}


def test_a_name_that_is_on_record_already_is_no_new_one(host):
    host.passthrough({"web1": [NIC, LAN]})
    host.passthrough({"web1": [LAN]}, purge=True)
    assert held(host) == {"web1": ({VF2: "lan"}, ["lan"])}


def test_what_is_renamed_goes_on_being_of_the_data_with_the_consent_it_had(host):
    allow = frozenset({"in_domain_xml"})
    host.passthrough({"web1": [NIC, DISK]}, allow=allow)
    assert host.record["claims"][0]["allow"] == ["in_domain_xml"]
    host.passthrough({"web1": [LAN]}, purge=True, allow=allow)
    assert (held(host), host.record["claims"][0]["allow"]) == ({"web1": ({VF1: "lan"}, ["lan"])}, ["in_domain_xml"])
    host.passthrough({"web1": [{**NIC, "name": "again"}]}, purge=True, allow=allow)
    host.passthrough({}, purge=True)
    assert held(host) == {}


def test_two_change_names_by_way_of_new_ones(host):
    def named(first, second):
        return {"web1": [{"name": first, "address": VF1}, {"name": second, "address": VF2}]}

    host.passthrough(named("a", "b"))
    before = host.libvirt.state()
    for other in (named("b", "a"), named("b", "c")):
        with pytest.raises(HostdevError) as caught:
            host.passthrough(other, purge=True)
        assert caught.value.code == "held_device_mismatch"
    host.passthrough(named("x", "y"), purge=True)
    host.passthrough(named("b", "a"), purge=True)
    assert held(host) == {"web1": ({VF1: "b", VF2: "a"}, ["a", "b"])}
    assert host.libvirt.state() == before


def test_a_device_that_does_not_serve_it_any_more_is_changed_for_another_one(host):
    """It is another one by now, which under the old name is an error."""
    plug(host, usb("3-1", 2))
    ready(host)
    stick = {"usb": {"vendor_id": "0951", "product_id": "1666"}}
    host.passthrough({"web1": [{"name": "stick", **stick}]})
    host.write(f"{usb_path('3-1')}/serial", "STICK2\n")
    with pytest.raises(HostdevError, match="identity_changed"):
        host.passthrough({"web1": [{"name": "stick", **stick}]}, purge=True)
    host.passthrough({"web1": [{"name": "key", **stick}]}, purge=True)
    (device,) = host.record["claims"][0]["node_devices"]
    assert (device["request"], device["identity"]["serial"]) == ("key", "STICK2")


def test_usb_devices_stay_too(host):
    plug(host, usb("3-1", 2))
    ready(host)
    stick = {"usb": {"vendor_id": "0951", "product_id": "1666"}}
    host.passthrough({"web1": [{"name": "stick", **stick}]})
    outcome = host.passthrough({"web1": [{"name": "key", **stick}]}, purge=True)
    assert [step for plan in outcome.plans for step in plan.steps] == []
    assert [device["request"] for device in host.record["claims"][0]["node_devices"]] == ["key"]


def test_a_run_that_fails_leaves_the_old_name(host):
    host.passthrough({"web1": [NIC]})
    before = host.kept_state()
    host.libvirt.fail(1, LibvirtError("no"))
    with pytest.raises(HostdevError, match="db1"):
        host.passthrough({"web1": [LAN], "db1": [NIC]}, purge=True)
    assert host.kept_state() == before
    assert held(host) == {"web1": ({VF1: "nic"}, ["nic"])}


def test_a_run_that_could_not_be_undone_is_by_the_next_one_with_the_old_name(host):
    host.passthrough({"web1": [NIC]})
    before = host.host_state()
    for number in range(2, 40):
        host.libvirt.fail(number, LibvirtError("no"))
    with pytest.raises(HostdevError, match="undoing the steps before it failed as well"):
        host.passthrough({"web1": [LAN], "db1": [{**NIC, "name": "a"}]}, purge=True)
    assert held(host)["web1"] == ({VF1: "lan"}, ["lan"])
    host.libvirt._failures.clear()
    host.passthrough({"web1": [NIC]}, purge=True)
    assert (host.host_state(), held(host)) == (before, {"web1": ({VF1: "nic"}, ["nic"])})
