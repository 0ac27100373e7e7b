# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An interrupted run, recovered on a host that is no longer as it was: devices, guests and boots have changed."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import error
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    OTHER_UUID,
    UUID,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, ready, usb
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow

VF1, VF2 = "0000:01:10.0", "0000:01:10.2"
WANTED = {"name": "nic", "count": 2, "specs": [{"product_id": "10ca"}]}


class Killed(BaseException):
    """What ends a run at once, with no chance to undo."""


@pytest.fixture
def host(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    return lab_host


def killed_at_libvirt(host, number, call, *arguments, **keywords):
    host.libvirt.fail(number, Killed())
    with pytest.raises(Killed):
        call(*arguments, **keywords)


def pull_out(host, address):
    os.unlink(host.root / "sys/bus/pci/devices" / address)


def test_a_device_that_was_pulled_out_does_not_keep_a_claim_from_being_undone(host):
    killed_at_libvirt(host, 1, host.claim, WANTED)
    pull_out(host, VF1)
    outcome = host.release(owner="nobody")
    assert outcome.recovered
    assert outcome.warnings[1] == (
        f"{VF1} is no longer on the host: nothing is left of the step 'driver of {VF1}: vfio-pci -> igbvf'"
    )
    assert host.kernel.driver(VF2) == "igbvf"
    assert (host.record["claims"], host.record["journal"]) == ([], None)


def test_another_device_in_its_place_is_not_touched(host):
    killed_at_libvirt(host, 1, host.claim, WANTED)
    host.write(f"/sys/bus/pci/devices/{VF1}/device", "0x1533\n")
    host.kernel.log.clear()
    outcome = host.release(owner="nobody")
    assert outcome.warnings[1].startswith(
        f"another device is at {VF1} now (product_id is 1533, claimed was 10ca): nothing is left of the step"
    )
    assert [line for line in host.kernel.log if VF1 in line] == []
    assert host.record["journal"] is None


def test_a_guest_that_stopped_has_nothing_to_be_given_back(host):
    host.claim(WANTED)
    killed_at_libvirt(host, 3, host.release)
    host.domain.xml[LIVE] = None
    host.kernel.fail(1, error(errno.EIO))  # so that the release can't be finished, and is undone
    outcome = host.release(owner="nobody")
    assert outcome.warnings[0].startswith(
        f"undid an interrupted release for domain web1 ({UUID}), which can't be finished: {VF1}: the kernel refused"
    )
    assert len(host.record["claims"][0]["devices"]) == 2
    assert host.record["journal"] is None
    assert host.kernel.driver(VF1) == "vfio-pci"


def test_a_release_that_can_not_be_finished_leaves_the_guest_with_its_devices(host):
    host.claim(WANTED)
    before = host.host_state()
    killed_at_libvirt(host, 3, host.release)
    host.kernel.fail(1, error(errno.EIO))
    assert host.release(owner="nobody").recovered
    assert host.host_state() == before
    assert host.release(domain="web1").changed


def test_a_guest_that_was_started_with_the_device_lets_it_go_first(host):
    killed_at_libvirt(host, 3, host.claim, WANTED)  # both are in the definition, none in the guest
    host.domain.xml[LIVE] = host.domain.xml[CONFIG]
    seen = len(host.libvirt.log)
    host.release(owner="nobody")
    assert host.libvirt.log[seen:] == [
        f"detach {VF1} live",  # the step that was begun
        f"detach {VF2} config",
        f"detach {VF1} config",
        f"detach {VF2} live",
    ]
    assert [host.kernel.driver(address) for address in (VF1, VF2)] == ["igbvf", "igbvf"]


def test_a_device_that_another_guest_has_by_now_is_not_taken_from_it(host):
    killed_at_libvirt(host, 1, host.claim, WANTED, attach=("config",))
    host.libvirt.define("db1", OTHER_UUID, live=domain_xml(hostdev_xml(VF2, managed=True), name="db1", uuid=OTHER_UUID))
    outcome = host.release(owner="nobody")
    assert f"domain db1 ({OTHER_UUID}) is running with it" in outcome.warnings[1]
    assert host.record["journal"] is None
    assert [(aside["device"]["address"], aside["code"]) for aside in host.record["set_aside"]] == [
        (VF2, "device_in_use")
    ]
    assert (host.kernel.driver(VF1), host.kernel.driver(VF2)) == ("igbvf", "vfio-pci")


def test_after_a_reboot_nothing_is_taken_from_the_host(host):
    host.claim(WANTED)
    killed_at_libvirt(host, 1, host.claim, {**WANTED, "count": 1})
    host.reboot()
    host.kernel.log.clear()
    outcome = host.release(owner="nobody")
    assert outcome.recovered
    assert [line for line in host.kernel.log if "vfio" in line] == []
    assert [host.kernel.driver(address) for address in (VF1, VF2)] == ["igbvf", "igbvf"]
    assert len(host.record["claims"][0]["devices"]) == 2


def test_after_a_reboot_a_device_that_has_no_driver_yet_is_not_bound_for_the_guest(host):
    host.claim(WANTED, attach=())
    host.kernel.fail(2, Killed())
    with pytest.raises(Killed):
        host.claim({**WANTED, "count": 1}, attach=())
    host.reboot()
    host.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF2)
    outcome = host.release(owner="nobody")
    assert outcome.recovered
    assert any(
        f"the host was rebooted: nothing is left of the step 'driver of {VF2}" in told for told in outcome.warnings
    )
    assert host.kernel.driver(VF2) is None


def test_after_a_reboot_a_device_that_came_up_with_vfio_is_given_back_all_the_same(host):
    killed_at_libvirt(host, 1, host.claim, WANTED)
    host.reboot()
    host.kernel.load_module("vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{VF1}/driver_override", "vfio-pci")
    host.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF1)
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/bind", VF1)
    assert host.release(owner="nobody").recovered
    assert (host.kernel.driver(VF1), host.kernel.override(VF1)) == ("igbvf", None)


def test_a_one_time_device_whose_release_was_undone_does_not_wait_to_be_cleaned(host, monkeypatch):
    host.claim(WANTED, allow_list=allow({"product_id": "10ca", "one_time_use": True}))
    write = type(host.file).write
    full = HostdevError("record_unwritable", subject="x", found="No space left on device")

    def closes_not(self, record):
        if record.journal is None and not record.tracker.claim_of(owner).holdings:
            raise full
        write(self, record)

    owner = next(iter(host.file.read().tracker)).owner
    monkeypatch.setattr(type(host.file), "write", closes_not)
    with pytest.raises(HostdevError):
        host.release()
    assert host.record["needs_cleaning"] == []
    assert len(host.record["claims"][0]["devices"]) == 2


NIC = {"name": "nic", "address": VF1}


def starts(host):
    """As virsh start; without the modules that the boot has not loaded yet."""
    host.kernel.load_module("vfio-pci")
    host.domain.create()


def guest_has(host, address=VF1):
    return address in parse_layout(host.domain.xml[LIVE]).assigned


def test_a_finished_release_leaves_nothing_with_a_guest_that_was_started_meanwhile(host):
    host.domain.xml[LIVE] = None
    host.claim(NIC)
    host.reboot()
    killed_at_libvirt(host, 1, host.release)
    starts(host)
    assert guest_has(host)
    outcome = host.release(owner="nobody")
    assert outcome.warnings[0].startswith("finished an interrupted release")
    assert not guest_has(host)
    assert (host.kernel.driver(VF1), host.kernel.override(VF1)) == ("igbvf", None)
    assert (host.record["claims"], host.record["journal"]) == ([], None)


def test_nor_does_an_undone_claim(host):
    """Of a device that was bound before, so that no step of its driver asks for the guest."""
    host.kernel.store(f"/sys/bus/pci/devices/{VF1}/driver_override", "vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{VF1}/driver/unbind", VF1)
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/bind", VF1)
    host.domain.xml[LIVE] = None
    plain = type(host.file).write

    def killed_before_the_record_says_so(file, record):
        if record.journal is None and host.libvirt.log:
            raise Killed
        plain(file, record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(host.file), "write", killed_before_the_record_says_so)
        with pytest.raises(Killed):
            host.claim(NIC)
    starts(host)
    assert guest_has(host)
    host.release(owner="nobody")
    assert not guest_has(host)
    assert VF1 not in parse_layout(host.domain.xml[CONFIG]).assigned
    assert host.kernel.driver(VF1) == "vfio-pci"


def test_what_a_guest_does_not_let_go_is_on_record(host):
    host.domain.xml[LIVE] = None
    host.claim(NIC)
    host.reboot()
    killed_at_libvirt(host, 1, host.release)
    starts(host)
    host.libvirt.deaf = True
    host.release(owner="nobody")
    assert guest_has(host)
    assert [device["address"] for device in host.record["claims"][0]["devices"]] == [VF1]


def test_what_a_guest_had_before_it_was_claimed_stays_with_it(host):
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(hostdev_xml(VF1, managed=True))
    host.domain.create()
    host.claim({**NIC, "boot_order": 1})
    host.reboot()
    killed_at_libvirt(host, 1, host.release)
    starts(host)
    host.release(owner="nobody")
    assert guest_has(host)
    assert host.kernel.driver(VF1) == "vfio-pci"
    assert "boot" not in host.domain.xml[CONFIG]


def test_nor_is_it_taken_for_its_driver_that_is_to_come_back(host):
    host.kernel.modules.add("x-vfio-pci")
    host.kernel.fit(VF1, "x-vfio-pci")
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(hostdev_xml(VF1, managed=True))
    host.domain.create()
    host.claim(NIC)
    host.domain.destroy()
    host.claim({**NIC, "driver": "x-vfio-pci"})
    killed_at_libvirt(host, 1, host.release)
    host.domain.create()
    outcome = host.release(owner="nobody")
    assert f"domain web1 runs with {VF1}, as before it was claimed" in " ".join(outcome.warnings)
    assert guest_has(host)
    assert host.record["claims"] == []


def test_a_stick_in_a_guest_that_was_started_meanwhile_leaves_it_too(host):
    plug(host, usb("3-1", 2))
    ready(host)
    host.domain.xml[LIVE] = None
    host.claim({"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666"}})
    killed_at_libvirt(host, 1, host.release)
    host.domain.create()
    host.release(owner="nobody")
    assert 'type="usb"' not in host.domain.xml[LIVE].replace('controller type="usb"', "")
