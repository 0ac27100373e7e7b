# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that let no device go, and the three ways on from there."""

from __future__ import annotations

import copy
import errno

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.steps.stubborn_guest import StubbornGuest
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import error
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    PAUSED,
    RUNNING,
    UUID,
    LibvirtError,
    domain_xml,
)

VF1, VF2, VF3 = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
GROUP = ("0000:03:00.0", "0000:03:00.1", "0000:03:00.2")
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}
NICS = {**NIC, "count": 2}


@pytest.fixture
def host(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    return lab_host


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def has(host, place, address):
    slot = f'slot="0x{address[8:10]}" function="0x{address[11]}"'
    text = host.domain.xml[place]
    return text is not None and f'bus="0x{address[5:7]}" {slot}' in text


def held(host):
    return {
        device["address"]: (device["request"], device["attach"])
        for claim in host.record["claims"]
        for device in claim["devices"]
    }


def counts(host):
    return {request["name"]: request["count"] for claim in host.record["claims"] for request in claim["requests"]}


# fail


@pytest.mark.parametrize("standing", [RUNNING, PAUSED])
def test_by_default_a_guest_that_does_not_let_go_is_an_error_and_the_host_is_as_before(host, standing):
    host.claim(NICS)
    before = host.host_state(), host.record["claims"]
    host.libvirt.deaf, host.domain.standing = True, standing
    assert refused(host.release, domain="web1").code == ("detach_timeout" if standing == RUNNING else "guest_paused")
    assert (host.host_state(), host.record["claims"], host.record["journal"]) == (*before, None)


# definition


@pytest.fixture
def stubborn(host):
    """Two VFs held by a guest that lets none go, and the wish to take them from the definition at least."""
    host.claim(NICS)
    host.libvirt.deaf = True
    host.on_detach_timeout = "definition"
    return host


@pytest.mark.parametrize("standing", [RUNNING, PAUSED])
def test_a_device_that_stays_leaves_the_definition_and_is_held_live(stubborn, standing):
    stubborn.domain.standing = standing
    outcome = stubborn.release(domain="web1")
    assert outcome.changed
    for address in (VF1, VF2):
        assert not has(stubborn, CONFIG, address)
        assert has(stubborn, LIVE, address)
        assert stubborn.kernel.driver(address) == "vfio-pci"
    assert held(stubborn) == {VF1: ("nic", ["live"]), VF2: ("nic", ["live"])}
    assert counts(stubborn) == {"nic": 2}
    assert stubborn.record["journal"] is None
    assert [VF1 in text or VF2 in text for text in outcome.warnings] == [True, True]
    assert "until the domain is shut off" in outcome.warnings[0]


def test_a_device_that_stays_is_not_among_those_given_back(stubborn):
    plan = stubborn.release(domain="web1").plans[0]
    assert [str(step) for step in plan.steps] == [
        f"detach {VF1}, config of domain web1",
        f"detach {VF2}, config of domain web1",
    ]
    assert set(plan.after.holdings) == {VF1, VF2}


def test_a_release_again_changes_nothing_while_the_guest_stays_as_it_is(stubborn):
    stubborn.release(domain="web1")
    before = stubborn.kept_state()
    assert not stubborn.release(domain="web1").changed
    assert stubborn.kept_state() == before


def test_once_the_domain_is_shut_off_a_release_gives_back_the_rest(stubborn):
    stubborn.release(domain="web1")
    stubborn.domain.xml[LIVE] = None
    outcome = stubborn.release(domain="web1")
    assert [str(step) for step in outcome.plans[0].steps] == [
        f"driver of {VF1}: vfio-pci -> igbvf",
        f"driver of {VF2}: vfio-pci -> igbvf",
    ]
    assert stubborn.record["claims"] == []


def test_a_vf_that_stays_keeps_what_its_pf_has_set_for_it(host):
    """The guest goes on with it; what was there before comes back with its driver."""
    before = copy.deepcopy(host.links.settings)
    host.claim({**NIC, "network": {"trust": True, "spoof_check": False}})
    claimed = copy.deepcopy(host.links.settings)
    host.libvirt.deaf, host.on_detach_timeout = True, "definition"
    host.release(domain="web1")
    assert host.links.settings == claimed != before
    assert not host.release(domain="web1").changed
    host.domain.xml[LIVE] = None
    host.release(domain="web1")
    assert (host.links.settings, host.record["claims"]) == (before, [])


def test_once_the_guest_is_willing_a_release_gives_back_the_rest(stubborn):
    before = stubborn.host_state()
    stubborn.release(domain="web1")
    stubborn.libvirt.deaf = False
    stubborn.release(domain="web1")
    assert stubborn.record["claims"] == []
    assert stubborn.host_state() != before
    assert not has(stubborn, LIVE, VF1)


def test_a_device_that_stays_can_be_claimed_again_by_its_owner(stubborn):
    stubborn.release(domain="web1")
    stubborn.claim(NICS)
    assert has(stubborn, CONFIG, VF1)
    assert held(stubborn) == {VF1: ("nic", ["config", "live"]), VF2: ("nic", ["config", "live"])}


def test_of_two_devices_the_one_that_the_guest_let_go_is_given_back(host):
    host.claim(NICS)
    host.on_detach_timeout = "definition"
    plain = host.domain.detachDeviceFlags

    def keeps_the_second(xml, flags):
        return 0 if flags == LIVE and 'function="0x2"' in xml.split("</source>")[0] else plain(xml, flags)

    host.domain.detachDeviceFlags = keeps_the_second
    host.release(domain="web1")
    assert host.kernel.driver(VF1) == "igbvf"
    assert held(host) == {VF2: ("nic", ["live"])}
    assert counts(host) == {"nic": 1}


def test_a_smaller_claim_leaves_the_device_with_its_guest_and_gives_that_one_back_later(stubborn):
    stubborn.claim(NIC)
    assert held(stubborn) == {VF1: ("nic", ["config", "live"]), VF2: ("nic", ["live"])}
    assert counts(stubborn) == {"nic": 1}
    stubborn.libvirt.deaf = False
    assert stubborn.claim(NIC).changed
    assert held(stubborn) == {VF1: ("nic", ["config", "live"])}
    assert not stubborn.claim(NIC).changed


def test_a_smaller_claim_gives_back_later_what_was_left_with_the_guest_and_not_its_neighbour(stubborn):
    stubborn.release(addresses=(VF1,))
    assert held(stubborn) == {VF1: ("nic", ["live"]), VF2: ("nic", ["config", "live"])}
    stubborn.libvirt.deaf = False
    stubborn.claim(NIC)
    assert held(stubborn) == {VF2: ("nic", ["config", "live"])}


def test_group_mates_of_a_device_that_stays_stay_bound_with_it(host):
    host.claim({"name": "card", "address": GROUP[0]}, whole_group=True)
    host.libvirt.deaf = True
    host.on_detach_timeout = "definition"
    host.release(domain="web1")
    assert held(host) == {GROUP[0]: ("card", ["live"]), GROUP[1]: (None, []), GROUP[2]: (None, [])}
    assert {host.kernel.driver(address) for address in GROUP} == {"vfio-pci"}
    host.domain.xml[LIVE] = None
    host.release(domain="web1")
    assert host.record["claims"] == []
    assert host.kernel.driver(GROUP[0]) == "e1000e"


def test_a_failure_after_a_device_was_left_puts_the_definition_back(stubborn):
    before = stubborn.host_state(), stubborn.record["claims"]
    stubborn.libvirt.fail(4, LibvirtError("internal error: no answer"))
    assert refused(stubborn.release, domain="web1").code == "detach_failed"
    assert (stubborn.host_state(), stubborn.record["claims"], stubborn.record["journal"]) == (*before, None)


# force


@pytest.fixture
def forced(stubborn):
    stubborn.on_detach_timeout = "force"
    return stubborn


@pytest.mark.parametrize("standing", [RUNNING, PAUSED])
def test_by_force_the_domain_is_stopped_once_and_all_is_given_back(forced, standing):
    forced.domain.standing = standing
    outcome = forced.release(domain="web1")
    assert (forced.domain.xml[LIVE], outcome.stopped, forced.libvirt.log.count("destroy")) == (None, ["web1"], 1)
    assert [forced.kernel.driver(address) for address in (VF1, VF2)] == ["igbvf", "igbvf"]
    assert not has(forced, CONFIG, VF1)
    assert forced.record["claims"] == []
    assert "stopped hard" in outcome.warnings[0]


def test_by_force_a_willing_guest_is_not_stopped(forced):
    forced.libvirt.deaf = False
    assert forced.release(domain="web1").stopped == []
    assert "destroy" not in forced.libvirt.log


def test_in_check_mode_nobody_is_stopped(forced):
    before = forced.kept_state()
    assert forced.release(check_mode=True, domain="web1").stopped == []
    assert forced.kept_state() == before


def test_by_force_a_transient_domain_is_not_stopped_since_it_would_be_lost(host):
    host.domain.xml[CONFIG] = None
    host.claim(NIC)
    host.libvirt.deaf = True
    host.on_detach_timeout = "force"
    failed = refused(host.release, domain="web1")
    assert failed.code == "detach_timeout"
    assert "the domain is transient" in failed.found
    assert "destroy" not in host.libvirt.log


def test_by_force_a_domain_that_can_not_be_stopped_keeps_its_devices(forced):
    before = forced.host_state()
    forced.libvirt.fail(2, LibvirtError("operation failed: failed to kill qemu process with SIGKILL", 9))
    failed = refused(forced.release, domain="web1")
    assert (failed.code, failed.found) == (
        "stop_failed",
        "libvirt says: operation failed: failed to kill qemu process with SIGKILL",
    )
    assert forced.host_state() == before


def test_a_failure_after_the_stop_gives_the_definition_back_and_says_that_the_domain_is_off(forced):
    config = forced.domain.xml[CONFIG]
    forced.kernel.fail(1, error(errno.EIO))
    failed = refused(forced.release, domain="web1")
    assert "domain web1 was stopped hard before that, and is shut off" in failed.found
    assert failed.details["stopped"] == ["web1"]
    assert has(forced, CONFIG, VF1) == ("0x10" in config)
    assert (forced.domain.xml[LIVE], forced.record["journal"]) == (None, None)
    assert set(held(forced)) == {VF1, VF2}


class KilledError(BaseException):
    """What ends a run at once, with no chance to undo."""


def test_a_run_that_was_killed_right_after_the_stop_is_finished_by_the_next(forced):
    plain = forced.domain.destroy

    def killed():
        plain()
        raise KilledError

    forced.domain.destroy = killed
    with pytest.raises(KilledError):
        forced.release(domain="web1")
    assert forced.record["journal"]["operation"] == "release"
    forced.on_detach_timeout = "fail"
    assert forced.release(owner="nobody").recovered
    assert [forced.kernel.driver(address) for address in (VF1, VF2)] == ["igbvf", "igbvf"]
    assert forced.record["claims"] == []


def test_a_journal_of_another_run_never_stops_its_domain(forced):
    def killed(_xml, _flags):
        raise KilledError

    forced.domain.detachDeviceFlags = killed
    with pytest.raises(KilledError):
        forced.release(domain="web1")
    del forced.domain.detachDeviceFlags
    forced.libvirt.define("db1", "0d4ba7e8-1f6f-4f0b-9a35-7e6f6a0a5c11", config=domain_xml(name="db1"))
    forced.release(domain="db1")
    assert "destroy" not in forced.libvirt.log
    assert forced.domain.UUIDString() == UUID
    assert has(forced, LIVE, VF1)


@pytest.mark.parametrize("choice", ["definition", "force"])
def test_the_way_on_hangs_on_no_other_domain(host, monkeypatch, choice):
    host.claim(NICS)
    host.libvirt.deaf, host.on_detach_timeout = True, choice
    eased = StubbornGuest.eased

    def with_trouble(*arguments):
        monkeypatch.setattr(DomainChanges, "all", no_libvirt)
        try:
            return eased(*arguments)
        finally:
            monkeypatch.undo()

    monkeypatch.setattr(StubbornGuest, "eased", with_trouble)
    assert host.release(domain="web1").changed


def no_libvirt(_domains):
    raise HostdevError("no_libvirt", subject="libvirt", found="db1 can't be read", wanted="all domains")
