# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A device that can't be settled is set aside, keeps nobody from others, and comes back once it is mended."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, UUID, LibvirtError, domain_xml

NVME, NVME2, VF = "0000:04:00.0", "0000:81:00.0", "0000:01:10.0"
DISK = {"name": "disk", "address": NVME}
NIC = {"name": "nic", "address": VF}


@pytest.fixture
def host(lab_host):
    return lab_host


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


@pytest.fixture
def broken(host):
    """The disk's own driver does not take it back any more, as after a reset that failed."""
    host.claim(NIC, owner="somebody")
    host.kernel.refuse(NVME, "nvme")
    host.libvirt.fail(1, LibvirtError("internal error: vfio 0000:04:00.0: failed to reset"))
    host.before = refused(host.claim, DISK)
    return host


def asides(host):
    return {aside["device"]["address"]: aside for aside in host.record.get("set_aside", ())}


def blockers(host, address):
    inventory = host.system.inventory()
    statuses = Statuses(inventory, host.file.read().tracker)
    assert statuses.claimable(address) == (not statuses.blockers(address))
    return {reason.code: reason for reason in statuses.blockers(address)}


def drifts(host):
    snapshot = Snapshot(host.system.inventory(), host.file.read().tracker, ())
    return [entry for entry in drift(snapshot) if entry["code"] == "set_aside"]


def test_the_run_that_fails_names_the_commands_and_the_next_run_settles_all_else(broken):
    assert "undoing the steps before it failed as well" in broken.before.found
    outcome = broken.release(owner="somebody")
    assert outcome.recovered
    assert broken.kernel.driver(VF) == "igbvf"
    assert (broken.record["claims"], broken.record["journal"]) == ([], None)
    assert list(asides(broken)) == [NVME]


def test_what_is_on_record_has_owner_reason_time_commands_and_the_driver_that_was_there(broken):
    broken.release(owner="somebody")
    aside = asides(broken)[NVME]
    assert (aside["owner"]["id"], aside["code"]) == (UUID, "bind_failed")
    assert aside["device"]["original"] == {"driver": "nvme", "driver_override": None}
    assert "the kernel refused to bind it to nvme: No such device" in aside["reason"]
    assert aside["since"].endswith("Z")
    assert aside["commands"][-1] == (
        "echo nvme > /sys/bus/pci/devices/0000:04:00.0/driver_override; "
        "echo 0000:04:00.0 > /sys/bus/pci/devices/0000:04:00.0/driver/unbind; "
        "echo 0000:04:00.0 > /sys/bus/pci/drivers_probe; "
        "echo  > /sys/bus/pci/devices/0000:04:00.0/driver_override"
    )


def test_facts_and_messages_show_it_and_nobody_gets_it(broken):
    broken.release(owner="somebody")
    reason = blockers(broken, NVME)["set_aside"]
    assert "by hand: " in reason.detail
    assert f"addresses: [{NVME}]" in reason.remedy
    assert [(entry["address"], entry["owner"]["id"]) for entry in drifts(broken)] == [(NVME, UUID)]
    for owner in (None, "spdk"):
        failed = refused(broken.claim, DISK, owner=owner)
        assert failed.code == "device_blocked"
        assert "set aside since" in failed.found
    assert broken.claim(NIC, owner="spdk").changed


def test_a_release_by_its_address_tries_again_and_says_why_not(broken):
    broken.release(owner="somebody")
    since = "2020-02-03T04:05:06Z"
    earlier = json.dumps(broken.record).replace(asides(broken)[NVME]["since"], since)
    broken.write("/etc/ansible/facts.d/hostdev.fact", earlier)
    failed = refused(broken.release, addresses=(NVME,))
    assert (failed.code, failed.subject) == ("bind_failed", NVME)
    assert asides(broken)[NVME]["since"] == since
    assert "(tried again " in asides(broken)[NVME]["reason"]


def test_a_tenant_does_not_try_again_what_an_administrator_had(broken):
    broken.release(owner="somebody")
    assert refused(broken.release, addresses=(NVME,), tenant="blue").code == "not_the_tenants"
    assert "(tried again " not in asides(broken)[NVME]["reason"]


def test_a_release_by_its_address_brings_it_back_once_it_can_be(broken):
    broken.release(owner="somebody")
    broken.kernel._refusals.clear()
    planned = broken.release(addresses=(NVME,), check_mode=True)
    assert (planned.changed, list(asides(broken))) == (True, [NVME])
    assert broken.release(addresses=(NVME,)).changed
    assert (broken.kernel.driver(NVME), broken.kernel.override(NVME)) == ("nvme", None)
    assert asides(broken) == {}
    assert not broken.release(addresses=(NVME,)).changed
    assert broken.claim(DISK).changed


@pytest.mark.parametrize("how", ["by hand", "by a reboot", "pulled out"])
def test_once_it_is_mended_it_is_noticed_and_comes_back(broken, how):
    broken.release(owner="somebody")
    broken.kernel._refusals.clear()
    if how == "by hand":
        broken.kernel.store("/sys/bus/pci/drivers_probe", NVME)
    elif how == "by a reboot":
        broken.reboot()
    else:
        (broken.root / "sys/bus/pci/devices" / NVME).unlink()
    assert drifts(broken) == []
    if how != "pulled out":
        assert "set_aside" not in blockers(broken, NVME)
    outcome = broken.release(owner="nobody")
    assert outcome.warnings[0].startswith(f"{NVME}, set aside since ")
    assert outcome.changed
    assert asides(broken) == {}
    assert not broken.release(owner="nobody").changed


def test_in_check_mode_a_mended_one_is_given_away_and_the_record_stays(broken):
    broken.release(owner="somebody")
    broken.kernel._refusals.clear()
    broken.kernel.store("/sys/bus/pci/drivers_probe", NVME)
    before = broken.whole_state()
    assert broken.claim(DISK, owner="spdk", check_mode=True).changed
    assert broken.whole_state() == before


def test_an_owner_that_is_named_must_be_the_one_that_had_it(broken):
    broken.release(owner="somebody")
    broken.kernel._refusals.clear()
    assert not broken.release(owner="spdk", addresses=(NVME,)).changed
    assert broken.release(domain="web1", addresses=(NVME,)).changed


def test_a_group_mate_that_is_set_aside_keeps_its_group_from_everybody(host):
    card, mate = "0000:03:00.0", "0000:03:00.1"
    host.claim({"name": "card", "address": card}, whole_group=True, attach=("config",))
    plain = host.system.binder._write

    def hangs(path, text, seconds):
        if mate in path + text:
            raise TimeoutError(f"process 4711 has been writing to {path} for {seconds:g} s")
        plain(path, text, seconds)

    host.system.binder._write = hangs
    failed = refused(host.release)
    assert failed.details["set_aside"] == [mate]
    host.system.binder._write = plain
    assert "set_aside" in blockers(host, mate)
    assert blockers(host, "0000:03:00.2")["group_blocked"].detail.startswith("it is set aside")
    assert refused(host.claim, {"name": "card", "address": "0000:03:00.2"}, owner="spdk", whole_group=True)
    assert host.release(addresses=(mate,)).changed
    host.release()
    assert host.claim({"name": "card", "address": card}, owner="spdk", whole_group=True).changed


def test_the_record_refuses_a_device_that_is_set_aside_and_held(broken):
    broken.release(owner="somebody")
    broken.kernel._refusals.clear()
    record = broken.record
    broken.release(addresses=(NVME,))
    broken.claim(DISK, owner="spdk")
    data = broken.record
    data["set_aside"] = record["set_aside"]
    broken.write("/etc/ansible/facts.d/hostdev.fact", json.dumps(data))
    failed = refused(broken.release, owner="spdk")
    assert failed.code == "record_unreadable"
    assert "set_aside[0].device.address: found 0000:04:00.0, held by owner spdk" in failed.found


class Killed(BaseException):
    """What ends a run at once, with no chance to undo."""


def bound_by_somebody(host):
    host.kernel.load_module("vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{VF}/driver_override", "vfio-pci")
    host.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF)
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/bind", VF)


def killed_once_attached(host, *wanted):
    """The run is killed when libvirt has put a device into the definition, and takes nothing out of it after that."""
    plain, detach = host.domain.attachDeviceFlags, host.domain.detachDeviceFlags

    def attach(xml, flags):
        plain(xml, flags)
        raise Killed

    def refuses(_xml, _flags):
        raise LibvirtError("internal error: unable to detach")

    host.domain.attachDeviceFlags = attach
    with pytest.raises(Killed):
        host.claim(*wanted)
    host.domain.attachDeviceFlags, host.domain.detachDeviceFlags = plain, refuses
    host.release(owner="nobody")
    host.domain.detachDeviceFlags = detach


def test_while_its_domain_has_it_it_is_not_settled_whatever_its_driver(host):
    bound_by_somebody(host)
    killed_once_attached(host, NIC)
    assert list(asides(host)) == [VF]
    host.release(owner="nobody")
    assert list(asides(host)) == [VF]
    assert host.release(addresses=(VF,)).changed
    assert "hostdev" not in host.domain.xml[CONFIG]
    assert asides(host) == {}


def test_after_a_reboot_a_release_by_its_address_takes_it_out_of_the_definition(host):
    killed_once_attached(host, DISK)
    host.reboot()
    host.release(addresses=(NVME,))
    assert "hostdev" not in host.domain.xml[CONFIG]
    assert (host.kernel.driver(NVME), asides(host)) == ("nvme", {})


def test_a_device_that_was_held_stays_held_when_a_change_of_its_options_can_not_be_undone(host):
    host.claim(DISK)
    killed_once_attached(host, {**DISK, "boot_order": 3})
    assert asides(host) == {}
    assert [device["address"] for claim in host.record["claims"] for device in claim["devices"]] == [NVME]
    assert 'bus="0x04"' in host.domain.xml[LIVE]


def test_without_libvirt_nothing_is_given_back_that_a_definition_may_have(broken):
    broken.release(owner="somebody")
    broken.kernel._refusals.clear()
    broken.domain.xml[CONFIG] = domain_xml(hostdev_xml(NVME, managed=True))
    broken.system.domains = None
    assert refused(broken.release, addresses=(NVME,)).code == "no_libvirt"
    assert list(asides(broken)) == [NVME]


def test_an_adopted_device_goes_back_to_the_vfio_driver_that_it_had(host):
    host.kernel.modules.add("igbvf-vfio-pci")
    bound_by_somebody(host)
    host.kernel.refuse(VF, "vfio-pci")
    host.libvirt.fail(1, LibvirtError("internal error"))
    refused(host.claim, {**NIC, "driver": "igbvf-vfio-pci"})
    host.release(owner="nobody")
    assert "echo vfio-pci >" in asides(host)[VF]["commands"][-1]
    host.kernel._refusals.clear()
    host.release(addresses=(VF,))
    assert (host.kernel.driver(VF), host.kernel.override(VF)) == ("vfio-pci", "vfio-pci")


def test_by_hand_a_trusted_vf_gets_the_settings_that_it_had(host):
    host.claim({**NIC, "network": {"trust": True}})
    plain = host.system.binder._write

    def hangs(path, text, seconds):
        if VF in path + text:
            raise TimeoutError(f"process 4711 has been writing to {path} for {seconds:g} s")
        plain(path, text, seconds)

    host.system.binder._write = hangs
    refused(host.release)
    host.system.binder._write = plain
    commands = [command for command in asides(host)[VF]["commands"] if "trust" in command]
    assert [command.rpartition(" trust ")[2] for command in commands] == ["off"]


def test_a_busy_domain_keeps_no_other_owner_from_its_run(host):
    plain = host.system.binder._write

    def killed(path, text, seconds):
        if path.endswith("vfio-pci/bind"):
            raise Killed
        plain(path, text, seconds)

    host.system.binder._write = killed
    with pytest.raises(Killed):
        host.claim(DISK)
    host.system.binder._write = plain

    def busy(*_asked):
        raise LibvirtError("Timed out during operation: cannot acquire state change lock", 68)

    host.domain.memoryStats = busy
    assert host.claim(NIC, owner="somebody else").changed
    assert host.record["journal"] is None


def test_its_owner_is_found_by_the_name_that_it_has_now_and_told_of_it(broken):
    broken.release(owner="somebody")
    broken.domain._name = "web9"
    for place, xml in broken.domain.xml.items():
        broken.domain.xml[place] = xml.replace("<name>web1<", "<name>web9<")
    assert any("set aside since" in warning for warning in broken.release(domain="web9").warnings)
    broken.kernel._refusals.clear()
    assert broken.release(domain="web9", addresses=(NVME,)).changed


def test_of_two_that_fail_both_are_told_and_each_has_its_diff_once_it_is_back(host):
    for address in (NVME, NVME2):
        host.kernel.refuse(address, "nvme")
    host.libvirt.fail(1, LibvirtError("internal error"))
    refused(host.claim, DISK, {"name": "more", "address": NVME2})
    host.release(owner="nobody")
    assert NVME2 in refused(host.release, addresses=(NVME, NVME2)).found
    host.kernel._refusals.clear()
    planned = host.release(addresses=(NVME, NVME2), check_mode=True)
    assert len(planned.diff) == 2
    assert host.release(addresses=(NVME, NVME2)).diff == planned.diff
