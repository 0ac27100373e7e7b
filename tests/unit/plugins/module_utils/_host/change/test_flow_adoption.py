# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Adoption of a host where devices were given away by hand: what is written down, and what a release makes of that."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.adoption.adoption import AdoptWish
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import NO_DRIVER
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, OTHER_UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, restored
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import FOLDER, made, vfs

VF, SECOND_VF, NVME, OTHER = "0000:01:10.0", "0000:01:10.2", "0000:04:00.0", "0000:81:00.0"
GONE = "0000:09:00.0"
UNIT = "/etc/systemd/system/vfs.service"
MAKES = f"[Service]\nExecStart=/bin/sh -c 'echo 4 > {FOLDER}/sriov_numvfs'\n"


def by_hand(host, *addresses, running=False, managed=True):
    """The domain is defined with devices, and started with them where it shall run."""
    host.kernel.load_module("vfio-pci")
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(*(hostdev_xml(address, managed=managed) for address in addresses))
    if running:
        host.domain.create()
    return host


def adopt(host, *, check_mode=False, vfs=False, **wish):
    return host.flow(check_mode=check_mode).adopt(AdoptWish(vfs=vfs, **wish))


def bind(host, address):
    """As driverctl does."""
    host.kernel.load_module("vfio-pci")
    for path, text in (("driver_override", "vfio-pci"), ("driver/unbind", address)):
        host.kernel.store(f"/sys/bus/pci/devices/{address}/{path}", text)
    host.kernel.store("/sys/bus/pci/drivers_probe", address)


def requests(host, number=0):
    return {device["address"]: device["request"] for device in host.record["claims"][number]["devices"]}


def holdings(host, number=0):
    return host.record["claims"][number]["devices"]


@pytest.mark.parametrize("running", [False, True])
def test_what_a_domain_has_is_written_down_and_nothing_else_changes(lab_host, running):
    host = by_hand(lab_host, VF, NVME, running=running)
    before = host.host_state()
    assert adopt(host).changed
    assert host.host_state() == before
    assert requests(host) == {VF: "nic0", NVME: "disk0"}
    assert [held["attach"] for held in holdings(host)] == [["config", "live"]] * 2
    assert [held["adopted"] for held in holdings(host)] == [False] * 2
    assert [sorted(held["stood_before"]) for held in holdings(host)] == [["config", "live"]] * 2


@pytest.mark.parametrize(
    ("running", "line"),
    [(False, "igbvf), in its definition"), (True, "vfio-pci), in its definition and its guest")],
)
def test_a_line_says_where_the_domain_has_it(lab_host, running, line):
    assert adopt(by_hand(lab_host, VF, running=running)).adoption.lines == [f"web1: nic0 {VF} (8086:10ca, {line}"]


@pytest.mark.parametrize("running", [False, True])
def test_a_release_leaves_all_as_it_stood(lab_host, running):
    host = by_hand(lab_host, VF, NVME, running=running)
    before = host.host_state()
    adopt(host)
    outcome = host.release()
    assert [str(step) for plan in outcome.plans for step in plan.steps] == []
    assert host.host_state() == before
    assert host.record["claims"] == []


def test_a_release_leaves_a_guest_that_was_started_since_what_it_has(lab_host):
    host = by_hand(lab_host, VF)
    adopt(host)
    host.domain.create()
    before = host.host_state()
    outcome = host.release()
    assert host.host_state() == before
    assert host.kernel.driver(VF) == "vfio-pci"
    assert any("stays in the running domain web1" in warning for warning in outcome.warnings)


def test_a_release_gives_back_what_a_claim_bound_after_the_adoption(lab_host):
    host = by_hand(lab_host, VF, managed=False)
    before = host.host_state()
    warnings = adopt(host).warnings
    assert any("managed='no'" in warning and "a claim binds it" in warning for warning in warnings)
    assert host.claim({"name": "nic0", "address": VF}).changed
    assert host.kernel.driver(VF) == "vfio-pci"
    host.release()
    assert host.host_state() == before


OWN = {"driver": "nvme", "driver_override": None}
PINNED = {"driver": "vfio-pci", "driver_override": "vfio-pci"}


def write_down(host, way, **wish):
    """Have the domain's disk on record: by an adoption, or by a claim of it."""
    if way == "adopt":
        adopt(host, **wish)
    else:
        host.claim({"name": "disk0", "address": NVME}, **wish)
    return holdings(host)[0]


@pytest.mark.parametrize("way", ["adopt", "claim"])
def test_what_libvirt_bound_for_the_guest_is_the_hosts_before_and_after(lab_host, way):
    """libvirt has bound nothing yet when the host starts: then the record does, and a release leads to the host."""
    host = by_hand(lab_host, NVME, running=True)
    held = write_down(host, way, persist=True)
    assert (held["original"], held["adopted"]) == (OWN, False)
    host.domain.destroy()
    assert host.kernel.driver(NVME) == "nvme"
    Reboots(host).start()
    assert (host.kernel.driver(NVME), host.kernel.override(NVME)) == (None, NO_DRIVER)
    assert not restored(host).failed
    host.domain.create()
    host.domain.destroy()
    assert host.kernel.driver(NVME) == "vfio-pci"
    host.release()
    assert (host.kernel.driver(NVME), host.kernel.override(NVME)) == ("nvme", None)


@pytest.mark.parametrize("way", ["adopt", "claim"])
@pytest.mark.parametrize(
    ("files", "original"),
    [
        ({}, OWN),
        ({f"/etc/driverctl.d/pci-{NVME}": "vfio-pci\n"}, PINNED),
        ({f"/etc/driverctl.d/pci-{VF}": "vfio-pci\n"}, OWN),
        ({"/etc/modprobe.d/vfio.conf": "options vfio-pci ids=1b36:0010\n"}, PINNED),
        ({"/etc/libvirt/hooks/qemu": f"#!/bin/sh\nvirsh nodedev-detach {NVME}\n"}, OWN),
    ],
)
def test_what_something_else_binds_at_boot_stays_with_that(lab_host, way, files, original):
    for path, text in files.items():
        lab_host.write(path, text)
    held = write_down(by_hand(lab_host, NVME, running=True), way)
    assert (held["original"], held["adopted"]) == (original, original == PINNED)


def test_what_the_kernel_gave_to_vfio_by_its_ids_libvirt_has_not_bound(lab_host):
    host = by_hand(lab_host)
    bind(host, NVME)
    host.kernel.store(f"/sys/bus/pci/devices/{NVME}/driver_override", "\n")
    held = write_down(by_hand(host, NVME, running=True), "adopt")
    assert (held["original"], held["adopted"]) == ({**PINNED, "driver_override": None}, True)


def test_nor_what_is_not_managed(lab_host):
    bind(lab_host, NVME)
    held = write_down(by_hand(lab_host, NVME, running=True, managed=False), "adopt")
    assert (held["original"], held["adopted"]) == (PINNED, True)


def test_a_vf_that_the_hosts_drivers_leave_alone_had_none(lab_host):
    lab_host.kernel.store(f"{FOLDER}/sriov_drivers_autoprobe", "0")
    host = by_hand(lab_host, VF, running=True)
    adopt(host)
    assert holdings(host)[0]["original"] == {"driver": None, "driver_override": None}


def test_where_nothing_tells_the_hosts_driver_a_release_lets_the_kernel_choose(lab_host):
    """Of a driver that is part of the kernel's image kernels before 6.18 have no alias."""
    for aliases in lab_host.root.glob("**/modules.alias"):
        aliases.write_text("")
    host = by_hand(lab_host, NVME, running=True)
    adopt(host)
    assert holdings(host)[0]["original"] == {"driver": None, "driver_override": NO_DRIVER}
    host.domain.destroy()
    host.claim({"name": "disk0", "address": NVME})
    assert host.kernel.driver(NVME) == "vfio-pci"
    host.release()
    assert (host.kernel.driver(NVME), host.kernel.override(NVME)) == ("nvme", None)


@pytest.mark.parametrize("running", [False, True])
def test_a_second_run_changes_nothing(lab_host, running):
    host = by_hand(lab_host, VF, running=running)
    adopt(host, vfs=True)
    before = host.record
    again = adopt(host, vfs=True)
    assert (again.changed, again.diff, again.adoption.lines) == (False, [], [])
    assert host.record == before


def test_a_claim_for_the_same_finds_it_as_it_shall_be(lab_host):
    host = by_hand(lab_host, VF, running=True)
    adopt(host)
    assert not host.claim({"name": "nic0", "address": VF}).changed


def test_check_mode_tells_the_same_and_writes_nothing(lab_host):
    host = by_hand(lab_host, VF, running=True)
    before = host.whole_state()
    told = adopt(host, check_mode=True, vfs=True)
    assert host.whole_state() == before
    done = adopt(host, vfs=True)
    assert (told.adoption.lines, told.diff, told.warnings) == (done.adoption.lines, done.diff, done.warnings)
    assert told.changed


def test_the_diff_has_the_claim_before_and_after(lab_host):
    host = by_hand(lab_host, VF, running=True)
    adopt(host)
    host.domain.xml[CONFIG] = domain_xml(hostdev_xml(VF, managed=True), hostdev_xml(NVME, managed=True))
    (part,) = adopt(host).diff
    assert part["before"] == f"web1: nic0 {VF} (8086:10ca, vfio-pci), in its definition and its guest\n"
    assert part["after"] == part["before"] + f"web1: disk0 {NVME} (1b36:0010, nvme), in its definition\n"
    assert "hostdev.fact: domain web1" in part["after_header"]


def test_what_is_adopted_joins_the_claim_that_there_is(lab_host):
    host = by_hand(lab_host)
    host.claim({"name": "nic0", "address": VF})
    xml = host.domain.xml[CONFIG].replace("</devices>", hostdev_xml(SECOND_VF, managed=True) + "</devices>")
    host.domain.xml[CONFIG] = xml
    first = holdings(host)[0]
    adopt(host)
    assert requests(host) == {VF: "nic0", SECOND_VF: "nic1"}
    assert holdings(host)[0] == first


def test_what_was_accepted_of_a_claim_is_so_with_what_joins_it(lab_host):
    lab_host.claim({"name": "nic0", "address": VF}, allow=frozenset({"mgmt_nic"}), persist=True)
    lab_host.domain.xml[CONFIG] = domain_xml(*(hostdev_xml(address, managed=True) for address in (VF, NVME)))
    adopt(lab_host)
    (claim,) = lab_host.record["claims"]
    assert (len(claim["devices"]), claim["allow"], claim["persist"]) == (2, ["mgmt_nic"], True)


@pytest.mark.parametrize("gone", [[], [NVME]])
def test_what_has_come_to_the_place_of_a_moved_device_is_not_what_the_definition_means(lab_host, gone):
    """Until the definition has followed it names the place, where there may be a device of somebody else by now."""
    lab_host.domain.xml[LIVE] = None
    lab_host.claim({"name": "disk", "address": NVME}, persist=True)
    if gone:
        lab_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0", persist=True)
    Reboots(lab_host).start({"04": "81", "81": "04"}, gone=gone)
    restored(lab_host)
    if gone:
        lab_host.release(owner="dpdk0")
    before = lab_host.record
    outcome = adopt(lab_host)
    (told,) = [warning for warning in outcome.warnings if "is not adopted" in warning]
    assert NVME in told
    assert ("gone" if gone else f"at {OTHER} now") in told
    assert lab_host.record == before


def test_a_device_of_another_owner_stays_that_ones(lab_host):
    host = by_hand(lab_host)
    host.claim({"name": "nic", "address": VF}, owner="dpdk0")
    host.domain.xml[CONFIG] = domain_xml(hostdev_xml(VF, managed=True))
    before = host.record
    outcome = adopt(host)
    assert not outcome.changed
    assert host.record == before
    assert [warning for warning in outcome.warnings if "on record for owner dpdk0" in warning]


def test_a_device_that_is_not_there_is_not_adopted(lab_host):
    host = by_hand(lab_host, VF, GONE)
    outcome = adopt(host)
    assert requests(host) == {VF: "nic0"}
    assert f"{GONE} of domain web1 is not adopted: there is no such device on this host" in "".join(outcome.warnings)


def two_domains(host):
    by_hand(host, VF)
    host.libvirt.define(
        "db1", OTHER_UUID, config=domain_xml(hostdev_xml(VF, managed=True), name="db1", uuid=OTHER_UUID)
    )
    return host


def test_a_device_that_two_domains_are_defined_with_is_for_the_one_that_is_named(lab_host):
    host = two_domains(lab_host)
    outcome = adopt(host)
    assert not outcome.changed
    assert sum("is defined with it as well" in warning for warning in outcome.warnings) == 2
    adopt(host, domains=frozenset({"db1"}))
    assert [claim["owner"]["label"] for claim in host.record["claims"]] == ["db1"]


def test_a_device_that_two_domains_are_defined_with_is_that_ones_which_runs(lab_host):
    host = two_domains(lab_host)
    host.domain.create()
    outcome = adopt(host)
    assert [claim["owner"]["label"] for claim in host.record["claims"]] == ["web1"]
    assert [warning for warning in outcome.warnings if f"{VF} of domain db1 is not adopted" in warning]


def test_an_unknown_domain_is_refused(lab_host):
    with pytest.raises(HostdevError) as caught:
        adopt(lab_host, domains=frozenset({"web9"}))
    assert caught.value.code == "unknown_domain"
    assert "owner" not in caught.value.remedy


def test_what_has_vfio_and_no_domain_is_told_and_adopted_for_whom_is_named(lab_host):
    host = by_hand(lab_host)
    bind(host, NVME)
    before = host.host_state()
    told = adopt(host)
    assert (told.changed, told.adoption.unattached) == (False, (NVME,))
    done = adopt(host, unattached_owner="spdk0")
    assert (done.changed, done.adoption.unattached) == (True, ())
    assert requests(host) == {NVME: "disk0"}
    assert holdings(host)[0]["attach"] == []
    host.release(owner="spdk0")
    assert host.host_state() == before


def test_a_host_without_libvirt_has_no_domains_and_says_so(folder):
    host = FakeHost(folder, libvirt=False)
    outcome = adopt(host)
    assert not outcome.changed
    assert "libvirt could not be asked: what domains have is not known" in outcome.warnings


@pytest.mark.parametrize("path", ["/etc/libvirt/qemu/web9.xml", "/run/libvirt/qemu/web9.xml"])
def test_what_a_domain_may_have_is_given_to_nobody_while_libvirt_is_silent(folder, path):
    host = FakeHost(folder, libvirt=False)
    bind(host, NVME)
    host.write(path, domain_xml(hostdev_xml(NVME, managed=False)))
    with pytest.raises(HostdevError) as caught:
        adopt(host, unattached_owner="spdk0")
    assert (caught.value.code, caught.value.subject) == ("no_libvirt", "unattached_owner")
    assert host.record_or_none() is None
    assert adopt(host).adoption.unattached == (NVME,)
    os.unlink(f"{host.root}{path}")
    assert adopt(host, unattached_owner="spdk0").changed


def test_what_is_to_come_back_says_so_and_names_what_acts_at_boot(lab_host):
    host = by_hand(lab_host, VF)
    host.write(f"/etc/driverctl.d/pci-{VF}", "vfio-pci\n")
    quiet = adopt(host, check_mode=True)
    assert not [warning for warning in quiet.warnings if "driverctl" in warning]
    assert [fighter.address for fighter in quiet.adoption.fighters] == [VF]
    outcome = adopt(host, persist=True, vfs=True)
    assert host.record["claims"][0]["persist"] is True
    assert made(host)[IGB_PF]["persist"] is True
    assert [line.endswith("; comes back at boot") for line in outcome.adoption.lines] == [True, True]
    assert [warning for warning in outcome.warnings if f"/etc/driverctl.d/pci-{VF}" in warning]


def test_vfs_are_written_down_as_they_are_and_a_release_leaves_them(lab_host):
    host = lab_host
    host.links(["link", "set", "dev", os.listdir(f"{host.root}{FOLDER}/net")[0], "vf", "1", "trust", "on"])
    before = host.host_state()
    outcome = adopt(host, vfs=True)
    assert host.host_state() == before
    entry = made(host)[IGB_PF]
    assert entry["wanted"]["number"] == entry["original"]["number"] == len(vfs(host))
    assert entry["wanted"]["vfs"]["1"]["trust"] is True
    assert [pf.address for pf in outcome.adoption.vfs] == [IGB_PF]
    gone = host.set_vfs()
    assert [change.as_dict() for decision in gone.vfs for change in decision.changes] == []
    assert host.host_state() == before
    assert made(host) == {}


def test_what_was_set_of_vfs_by_hand_comes_back_with_them(lab_host):
    """Spoof check, e-switch and MTU too, which drivers have their own mind of."""
    host = lab_host
    host.links(["link", "set", "dev", host.links.interface, "vf", "0", "spoofchk", "off"])
    host.links(["link", "set", "dev", host.links.interface, "vf", "2", "trust", "on"])
    host.links.eswitch, host.links.mtu = "switchdev", 9000
    before = host.links.picture()
    (line,) = adopt(host, vfs=True, persist=True).adoption.lines
    assert "MTU 9000, e-switch switchdev, VF 0: spoof_check=False, VF 2: trust=True" in line
    Reboots(host).start()
    host.links.eswitch = "legacy"
    assert not restored(host).failed
    assert host.links.picture() == before
    audit = host.flow(check_mode=True).reconcile()
    assert [change for decision in audit.vfs for change in decision.changes] == []
    host.set_vfs()
    assert (host.links.picture(), made(host)) == (before, {})


def test_vfs_that_a_unit_makes_stay_its_own_unless_they_are_taken_over(lab_host):
    host = lab_host
    host.write(UNIT, MAKES)
    outcome = adopt(host, vfs=True)
    assert not outcome.changed
    assert [(fighter.path, fighter.line, fighter.address) for fighter in outcome.adoption.fighters] == [
        (UNIT, 2, IGB_PF)
    ]
    assert [warning for warning in outcome.warnings if f"{UNIT}:2" in warning and "take_over" in warning]
    again = adopt(host, vfs=True, take_over=True)
    assert [pf.address for pf in again.adoption.vfs] == [IGB_PF]
    assert [fighter.path for fighter in again.adoption.fighters] == [UNIT]


def test_vfs_stay_out_of_it_where_that_is_asked_for(lab_host):
    assert not adopt(lab_host, vfs=False).changed


def test_vfs_of_a_pf_that_can_not_be_asked_are_left_and_the_rest_is_done(lab_host, monkeypatch):
    def refuse(*_args, **_options):
        raise HostdevError("vfs_failed", subject=IGB_PF, found="ip does not answer")

    host = by_hand(lab_host, VF)
    monkeypatch.setattr(host.system.pfs, "state", refuse)
    outcome = adopt(host, vfs=True)
    assert requests(host) == {VF: "nic0"}
    assert made(host) == {}
    assert [warning for warning in outcome.warnings if "are not adopted: 0000:01:00.0: ip does not answer" in warning]


def test_what_can_not_be_looked_into_is_told(lab_host):
    host = by_hand(lab_host)
    (host.root / "etc").mkdir(exist_ok=True)
    (host.root / "etc/rc.local").symlink_to("rc.local")
    assert [warning for warning in adopt(host).warnings if warning.startswith("/etc/rc.local can't be read")]


def test_who_makes_vfs_that_are_on_record_is_named_also_while_there_are_none(lab_host):
    host = lab_host
    adopt(host, vfs=True)
    host.write(UNIT, MAKES)
    host.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    outcome = adopt(host, vfs=True)
    assert not outcome.changed
    assert [fighter.path for fighter in outcome.adoption.fighters] == [UNIT]


def test_a_record_that_can_not_be_written_changes_nothing(lab_host, monkeypatch):
    def refuse(_record):
        raise HostdevError("record_unwritable", subject="hostdev.fact", found="no space")

    host = by_hand(lab_host, VF)
    before = host.host_state()
    monkeypatch.setattr(host.file, "write", refuse)
    with pytest.raises(HostdevError):
        adopt(host)
    assert (host.host_state(), host.record_or_none()) == (before, None)


@pytest.mark.parametrize("persist", [False, True])
def test_what_the_host_itself_uses_is_not_taken_from_it_at_its_next_start(lab_host, persist):
    host = by_hand(lab_host, NVME)
    (block,) = (path.name for path in (host.root / "sys/class/block").iterdir() if NVME in os.path.realpath(path))
    host.mount(block)
    adoption = adopt(host, persist=persist).adoption
    assert bool(adoption.claims) is not persist
    assert any("the host itself uses it (mounted_fs" in line for line in adoption.warnings) is persist
