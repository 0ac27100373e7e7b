# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the start of a host brings back, and what it leaves alone."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.steps.transaction import Transaction
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore import boot, identifying
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.boot import Restore, told_when_time_is_up
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import NO_DRIVER
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, RECORD
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, reasons, restored, standing
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import Killed, killed_at, vfs

NVME, OTHER, VF = "0000:04:00.0", "0000:81:00.0", "0000:01:10.{}"
DISK = {"name": "disk", "address": NVME}
DISKS = {"name": "disks", "specs": [{"class": "0108", "address": NVME}, {"address": OTHER}], "count": 2}
NICS = {"name": "nics", "specs": [{"product_id": "10ca"}], "count": 2}
VFIO, KEPT_OFF, OWN = ("vfio-pci", "vfio-pci"), (None, NO_DRIVER), ("nvme", None)
SWAPPED = {"04": "81", "81": "04"}
DEFAULT_ROUTE = "Iface\tDestination\tGateway\tFlags\nenp1s0\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
SERIALS = "/sys/devices/*/*/{}/nvme/nvme*/serial"


def binding(host, address):
    return host.kernel.driver(address), host.kernel.override(address)


def held(host):
    return sorted(device["address"] for claim in host.record["claims"] for device in claim["devices"])


@pytest.fixture
def disk_host(lab_host):
    """Its disk is claimed for a domain, and comes back."""
    lab_host.claim(DISK, persist=True)
    return lab_host


@pytest.fixture
def vfs_host(lab_host):
    """Its VFs are ours and two of them are claimed; they come back."""
    lab_host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "0")
    lab_host.set_vfs(4, vfs={0: {"vlan": 7}})
    lab_host.claim(NICS, persist=True)
    return lab_host


def test_a_claimed_device_is_bound_again(disk_host):
    Reboots(disk_host).start()
    assert binding(disk_host, NVME) == KEPT_OFF
    restore = restored(disk_host)
    assert not restore.failed
    assert binding(disk_host, NVME) == VFIO
    assert binding(disk_host, OTHER) == OWN
    assert any(NVME in line for line in restore.done)


def test_vfs_are_made_and_set_and_bound_again(vfs_host):
    Reboots(vfs_host).start()
    assert not os.path.exists(f"{vfs_host.root}/sys/bus/pci/devices/{VF.format(0)}")
    restore = restored(vfs_host)
    assert not restore.failed
    assert [binding(vfs_host, VF.format(number)) for number in (0, 2)] == [VFIO, VFIO]
    assert binding(vfs_host, VF.format(4)) == (None, None)
    assert vfs_host.links.settings["enp1s0"][0]["vlan"] == 7
    assert vfs_host.links.online


def test_what_is_not_persistent_is_the_hosts_again(lab_host):
    lab_host.claim(DISK)
    Reboots(lab_host).start()
    assert not restored(lab_host).failed
    assert binding(lab_host, NVME) == OWN


def test_a_second_restore_does_nothing(disk_host):
    Reboots(disk_host).start()
    restored(disk_host)
    log, record = list(disk_host.kernel.log), disk_host.record
    restore = restored(disk_host)
    assert (disk_host.kernel.log, disk_host.record, restore.failed) == (log, record, [])


def test_another_model_at_the_address_is_the_hosts(disk_host):
    Reboots(disk_host).start(files={f"/sys/devices/*/*/{NVME}/device": "0x0011\n"})
    assert binding(disk_host, NVME) == OWN
    told = reasons(restored(disk_host))
    assert binding(disk_host, NVME) == OWN
    assert "1b36:0011" in told[NVME]
    assert "1b36:0010, serial LABNVME0 at 0000_00_13.0-00_00.0" in told[NVME]


def test_another_model_that_was_kept_off_is_let_go(disk_host):
    Reboots(disk_host).start()
    (path,) = disk_host.root.glob(f"sys/devices/*/*/{NVME}/subsystem_device")
    path.write_text("0x1999\n")
    assert binding(disk_host, NVME) == KEPT_OFF
    restore = restored(disk_host)
    assert NVME in reasons(restore)
    assert binding(disk_host, NVME) == OWN


def test_the_same_model_with_another_serial_is_the_hosts(disk_host):
    Reboots(disk_host).start(files={SERIALS.format(NVME): "ANOTHER\n"}, kept_off=False)
    told = reasons(restored(disk_host))
    assert "serial ANOTHER" in told[NVME]
    assert "serial LABNVME0" in told[NVME]
    assert binding(disk_host, NVME) == OWN


def test_a_card_that_changed_places_with_one_of_its_model_is_found_by_its_serial(disk_host):
    """The one at its path shows no serial while no driver has it: the path alone would give the wrong one."""
    serials = {SERIALS.format(NVME): "LABNVME1\n", SERIALS.format(OTHER): "LABNVME0\n"}
    Reboots(disk_host).start(files=serials)
    assert binding(disk_host, NVME) == KEPT_OFF
    restore = restored(disk_host)
    assert not restore.failed
    assert (binding(disk_host, OTHER), binding(disk_host, NVME)) == (VFIO, OWN)
    assert held(disk_host) == [OTHER]


@pytest.fixture
def unmarked_host(lab_host):
    """The disk has no serial number, nor has another one of its model."""
    for path in lab_host.root.glob("sys/devices/*/*/*/nvme/nvme*/serial"):
        path.write_text("\n")
    lab_host.claim(DISK, persist=True)
    return lab_host


UNMARKED = {"/sys/devices/*/*/*/nvme/nvme*/serial": "\n"}


def test_one_of_its_model_that_came_to_its_address_is_not_taken_for_it(unmarked_host):
    Reboots(unmarked_host).start(SWAPPED, files=UNMARKED)
    assert not restored(unmarked_host).failed
    assert (binding(unmarked_host, OTHER), binding(unmarked_host, NVME)) == (VFIO, OWN)


def test_one_of_its_model_that_came_to_its_address_is_no_stand_in(unmarked_host):
    Reboots(unmarked_host).start(SWAPPED, gone=[NVME], files=UNMARKED)
    told = reasons(restored(unmarked_host))
    assert "at 0000_80_00.0-00_00.0" in told[NVME]
    assert "at 0000_00_13.0-00_00.0" in told[NVME]
    assert binding(unmarked_host, NVME) == OWN


def test_a_device_with_another_bus_number_is_bound_there(disk_host):
    Reboots(disk_host).start({"04": "06"})
    restore = restored(disk_host)
    assert not restore.failed
    assert binding(disk_host, "0000:06:00.0") == VFIO
    assert held(disk_host) == ["0000:06:00.0"]
    assert f"{NVME} is at 0000:06:00.0 now" in restore.done


def test_vfs_with_another_bus_number_are_made_and_bound_there(vfs_host):
    Reboots(vfs_host).start({"01": "06"})
    restore = restored(vfs_host)
    assert not restore.failed
    assert held(vfs_host) == ["0000:06:10.0", "0000:06:10.2"]
    assert [binding(vfs_host, address) for address in held(vfs_host)] == [VFIO, VFIO]
    assert [made["address"] for made in vfs_host.record["vfs"]] == ["0000:06:00.0"]
    assert vfs_host.links.settings["enp1s0"][0]["vlan"] == 7


OTHER_SLOT = {"0000:00:10.0": "0000:00:1d.0"}
MAC = f"/sys/devices/*/*/{IGB_PF}/net/*/address"


def test_vfs_of_a_card_in_another_slot_are_made_and_bound_there(vfs_host):
    Reboots(vfs_host).start({"01": "06"}, ports=OTHER_SLOT)
    restore = restored(vfs_host)
    assert not restore.failed
    assert held(vfs_host) == ["0000:06:10.0", "0000:06:10.2"]
    assert [binding(vfs_host, address) for address in held(vfs_host)] == [VFIO, VFIO]
    identity = vfs_host.record["claims"][0]["devices"][0]["identity"]
    assert (identity["stable_path"], identity["pf_stable_path"]) == ("0000_00_1d.0-00_10.0", "0000_00_1d.0-00_00.0")


def test_vfs_of_a_card_in_another_slot_at_the_same_addresses_are_bound(vfs_host):
    Reboots(vfs_host).start(ports=OTHER_SLOT)
    assert not restored(vfs_host).failed
    assert [binding(vfs_host, address) for address in held(vfs_host)] == [VFIO, VFIO]


def test_no_vfs_are_made_of_a_card_of_the_model_in_another_place_where_no_serial_tells_them_apart(lab_host):
    """The one on record is gone, and bus numbers gave this one its address."""
    own = {MAC.replace("address", "addr_assign_type"): "3\n"}
    for path in own:
        for local in lab_host.root.glob(path[1:]):
            local.write_text(own[path])
    lab_host.set_vfs(4, take_over=True, persist=True)
    assert lab_host.record["vfs"][0]["identity"]["serial"] is None
    Reboots(lab_host).start(ports=OTHER_SLOT, files=own)
    told = reasons(restored(lab_host))
    assert "in another place: 8086:10c9 at 0000_00_1d.0-00_00.0" in told[IGB_PF]
    assert vfs(lab_host) == []
    (failure,) = lab_host.flow().reconcile().failed
    assert (failure.address, failure.error.code) == (IGB_PF, "not_restored")
    assert vfs(lab_host) == []


@pytest.fixture
def replaced_host(lab_host):
    """Somebody else made its VFs, two of which are claimed; then another card of the model came, with as many."""
    lab_host.claim(NICS, persist=True)
    Reboots(lab_host).start(files={MAC: "52:54:00:99:99:99\n"})
    lab_host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "4")
    return lab_host


def test_vfs_of_another_card_of_the_model_are_strangers(replaced_host):
    before = [binding(replaced_host, VF.format(number)) for number in (0, 2)]
    told = reasons(restored(replaced_host))
    assert sorted(told) == [VF.format(0), VF.format(2)]
    assert "there is another device by now" in told[VF.format(2)]
    assert "VF 1 of 8086:10c9, serial 52:54:00:99:99:99" in told[VF.format(2)]
    assert "VF 1 of 8086:10c9, serial 52:54:00:12:34:57" in told[VF.format(2)]
    assert [binding(replaced_host, VF.format(number)) for number in (0, 2)] == before


def use_clock(monkeypatch, meanwhile):
    """Time passes only while somebody waits, and then something happens."""
    clock = types.SimpleNamespace(now=0.0)

    def sleep(seconds):
        clock.now += seconds
        meanwhile()

    for module in (boot, identifying):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))


def test_the_pf_of_vfs_is_waited_for_until_it_shows_its_serial(replaced_host, monkeypatch):
    """Its VFs may be there before its interface is."""
    (mac,) = replaced_host.root.glob(MAC.lstrip("/"))
    serial = mac.read_text()
    mac.write_text("")
    use_clock(monkeypatch, lambda: mac.write_text(serial))
    restore = Restore(
        dataclasses.replace(replaced_host.system, domains=None),
        standing(replaced_host),
        driver_seconds=0,
        device_seconds=1,
    )
    restore.run()
    assert sorted(reasons(restore)) == [VF.format(0), VF.format(2)]


def test_no_vfs_are_made_before_the_card_shows_its_serial(lab_host, monkeypatch):
    """Its driver is seen a moment earlier, and the card in its place is another one of the model."""
    lab_host.set_vfs(4, take_over=True, persist=True)
    Reboots(lab_host).start(files={MAC: ""})
    (mac,) = lab_host.root.glob(MAC.lstrip("/"))
    use_clock(monkeypatch, lambda: mac.write_text("52:54:00:99:99:99\n"))
    restore = Restore(lab_host.system, standing(lab_host), driver_seconds=1, device_seconds=1)
    restore.run()
    assert "not on the host" in reasons(restore)[IGB_PF]
    assert vfs(lab_host) == []


def test_a_card_that_does_not_show_its_serial_is_told_by_its_place(lab_host):
    lab_host.set_vfs(4, take_over=True, persist=True)
    Reboots(lab_host).start(files={MAC: ""})
    assert not restored(lab_host).failed
    assert len(vfs(lab_host)) == 4


def test_a_release_takes_nothing_from_vfs_of_another_card(replaced_host):
    for number in (0, 2):
        replaced_host.kernel.store(f"/sys/bus/pci/devices/{VF.format(number)}/driver_override", "vfio-pci")
    replaced_host.kernel.log.clear()
    outcome = replaced_host.release()
    (warning,) = outcome.warnings
    assert warning.startswith(f"{VF.format(0)}, {VF.format(2)} are only taken from the record: the devices of ")
    assert (replaced_host.kernel.log, replaced_host.record["claims"]) == ([], [])
    assert binding(replaced_host, VF.format(0))[1] == "vfio-pci"


def test_a_chain_of_buses(lab_host):
    lab_host.claim(DISK, {"name": "nic", "address": VF.format(0)}, persist=True)
    lab_host.set_vfs(4, take_over=True)
    Reboots(lab_host).start({"01": "04", "04": "81", "81": "06"})
    assert not restored(lab_host).failed
    assert held(lab_host) == ["0000:04:10.0", OTHER]
    assert [binding(lab_host, address) for address in held(lab_host)] == [VFIO, VFIO]
    assert binding(lab_host, "0000:06:00.0") == OWN


def test_one_that_is_gone_keeps_no_other(lab_host):
    lab_host.claim(DISKS, persist=True)
    Reboots(lab_host).start(gone=[NVME])
    told = reasons(restored(lab_host))
    assert list(told) == [NVME]
    assert "no such device" in told[NVME]
    assert "1b36:0010, serial LABNVME0 at 0000_00_13.0-00_00.0" in told[NVME]
    assert "domain web1" in told[NVME]
    assert binding(lab_host, OTHER) == VFIO


def test_one_that_refuses_keeps_no_other(lab_host):
    lab_host.claim(DISKS, persist=True)
    Reboots(lab_host).start()
    lab_host.kernel.refuse(NVME, "vfio-pci")
    told = reasons(restored(lab_host))
    assert list(told) == [NVME]
    assert lab_host.kernel.driver(NVME) is None
    assert binding(lab_host, OTHER) == VFIO


def test_one_owners_trouble_keeps_no_other(lab_host):
    lab_host.claim(DISK, persist=True)
    lab_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0", persist=True)
    Reboots(lab_host).start()
    lab_host.kernel.refuse(NVME, "vfio-pci")
    assert list(reasons(restored(lab_host))) == [NVME]
    assert binding(lab_host, OTHER) == VFIO


def test_a_pf_that_is_gone_keeps_no_other_device(vfs_host):
    vfs_host.claim({"name": "disk", "address": NVME}, owner="dpdk0", persist=True)
    Reboots(vfs_host).start(gone=[IGB_PF, "0000:01:10."])
    told = reasons(restored(vfs_host))
    assert "physical function" in told[IGB_PF]
    assert VF.format(0) in told
    assert binding(vfs_host, NVME) == VFIO


def test_a_pf_that_is_gone_stays_on_record_where_another_one_got_its_address(vfs_host):
    record = vfs_host.record
    (made,) = record["vfs"]
    gone = {**made, "address": "0000:06:00.0", "identity": {**made["identity"], "product_id": "1572"}, "persist": True}
    vfs_host.write(RECORD, json.dumps({**record, "vfs": [made, gone]}))
    Reboots(vfs_host).start({"01": "06"})
    assert list(reasons(restored(vfs_host))) == ["0000:06:00.0"]
    assert [binding(vfs_host, address) for address in held(vfs_host)] == [VFIO, VFIO]
    assert sorted((entry["address"], entry["identity"]["product_id"]) for entry in vfs_host.record["vfs"]) == [
        ("0000:06:00.0", "10c9"),
        ("ffff0000:06:00.0", "1572"),
    ]
    assert list(reasons(restored(vfs_host))) == ["ffff0000:06:00.0"]
    assert len(vfs_host.record["vfs"]) == 2


def test_a_pf_that_makes_no_vfs_keeps_no_other_device(vfs_host):
    vfs_host.claim({"name": "disk", "address": NVME}, owner="dpdk0", persist=True)
    Reboots(vfs_host).start()
    vfs_host.kernel.makes_at_most = 1
    told = reasons(restored(vfs_host))
    assert {IGB_PF, VF.format(2)} <= set(told)
    assert binding(vfs_host, NVME) == VFIO


def test_one_whose_address_another_one_got_is_found_when_it_is_back(lab_host):
    lab_host.claim(DISK, persist=True)
    lab_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0", persist=True)
    reboots = Reboots(lab_host)
    reboots.start(SWAPPED, gone=[NVME])
    told = reasons(restored(lab_host))
    assert list(told) == [f"ffff0000{NVME[4:]}"]
    assert held(lab_host) == [NVME, f"ffff0000{NVME[4:]}"]
    assert binding(lab_host, NVME) == VFIO
    reboots.start(SWAPPED)
    assert [binding(lab_host, address) for address in (NVME, OTHER)] == [KEPT_OFF, KEPT_OFF]
    assert not restored(lab_host).failed
    assert held(lab_host) == [NVME, OTHER]
    assert {claim["owner"]["label"]: claim["devices"][0]["address"] for claim in lab_host.record["claims"]} == {
        "web1": OTHER,
        "dpdk0": NVME,
    }


def aside(host, address):
    """What a run leaves on record of a device that it could neither finish nor undo."""
    host.claim({"name": "disk", "address": address}, owner="aside")
    record = host.record
    (claim,) = [claim for claim in record["claims"] if claim["owner"]["id"] == "aside"]
    record["claims"].remove(claim)
    entry = {"owner": claim["owner"], "device": {**claim["devices"][0], "request": None, "role": "group_member"}}
    record["set_aside"] = [{**entry, "code": "bind_failed", "reason": "it hung", "since": "now", "commands": []}]
    host.write(RECORD, json.dumps(record))


@pytest.mark.parametrize("gone", [[], [NVME]])
def test_a_device_may_come_to_the_address_of_one_that_is_set_aside(lab_host, gone):
    """That one is elsewhere then, or gone, and so is settled."""
    aside(lab_host, NVME)
    lab_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0", persist=True)
    Reboots(lab_host).start(SWAPPED, gone=gone)
    assert not restored(lab_host).failed
    assert held(lab_host) == [NVME]
    assert lab_host.file.read().tracker.set_aside == {}


@pytest.mark.parametrize(("gone", "now"), [([], OTHER), ([NVME], f"ffff0000{NVME[4:]}")])
def test_what_waits_to_be_cleaned_does_so_when_another_device_comes_to_its_address(lab_host, gone, now):
    lab_host.claim(DISK, allow_list=allow({"one_time_use": "yes"}))
    lab_host.release()
    lab_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0", persist=True)
    reboots = Reboots(lab_host)
    reboots.start(SWAPPED, gone=gone)
    assert not restored(lab_host).failed
    assert held(lab_host) == [NVME]
    assert [device["address"] for device in lab_host.record["needs_cleaning"]] == [now]
    reboots.start(SWAPPED)
    with pytest.raises(HostdevError, match="needs_cleaning"):
        lab_host.claim({"name": "disk", "address": OTHER})


@pytest.mark.parametrize("damage", ["{", '{"schema": 99}'])
def test_nothing_is_bound_by_a_record_that_cannot_be_read(disk_host, damage):
    Reboots(disk_host).start()
    disk_host.write(RECORD, damage)
    restore = restored(disk_host)
    assert [failure.address for failure in restore.failed] == [disk_host.file.path]
    assert binding(disk_host, NVME) == KEPT_OFF
    assert (disk_host.root / RECORD[1:]).read_text() == damage


def test_nothing_is_bound_by_the_record_of_another_machine(disk_host):
    Reboots(disk_host).start()
    disk_host.write("/etc/machine-id", f"{'b' * 32}\n")
    disk_host.write(RECORD, json.dumps({**disk_host.record, "machine_id": "a" * 32}))
    restore = restored(disk_host)
    assert [failure.error.code for failure in restore.failed] == ["record_of_another_machine"]
    assert binding(disk_host, NVME) == KEPT_OFF


def test_nothing_is_bound_or_let_go_where_the_record_is_gone_with_its_copy(disk_host):
    """The unit is there because of it: an empty one would give the disk to the host, and its guest another one."""
    Reboots(disk_host).start()
    for path in (disk_host.file.path, disk_host.file.copy_path):
        os.unlink(path)
    restore = restored(disk_host)
    assert [(failure.error.code, failure.address) for failure in restore.failed] == [
        ("record_missing", disk_host.file.path)
    ]
    assert binding(disk_host, NVME) == KEPT_OFF


def test_what_was_kept_off_and_is_held_by_nobody_is_let_go(lab_host):
    lab_host.claim(DISK, persist=True)
    lab_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0", persist=True)
    Reboots(lab_host).start()
    record = lab_host.record
    record["claims"] = [claim for claim in record["claims"] if claim["owner"]["kind"] == "domain"]
    lab_host.write(RECORD, json.dumps(record))
    assert binding(lab_host, OTHER) == KEPT_OFF
    assert not restored(lab_host).failed
    assert (binding(lab_host, NVME), binding(lab_host, OTHER)) == (VFIO, OWN)


def test_what_the_host_uses_is_not_taken(disk_host):
    Reboots(disk_host).start(kept_off=False)
    (namespace,) = disk_host.root.glob(f"sys/devices/*/*/{NVME}/nvme/nvme*/nvme*n1")
    disk_host.mount(namespace.name)
    told = reasons(restored(disk_host))
    assert "mounted_fs" in told[NVME]
    assert binding(disk_host, NVME) == OWN


@pytest.mark.parametrize("accepted", [True, False])
def test_what_was_accepted_of_a_device_is_accepted_again(lab_host, accepted):
    console = "0000:00:01.0"
    allow = frozenset({"boot_vga"})
    lab_host.claim({"name": "screen", "address": console}, owner="dpdk0", attach=(), allow=allow, persist=True)
    record = lab_host.record
    assert record["claims"][0]["allow"] == ["boot_vga"]
    if not accepted:
        del record["claims"][0]["allow"]
        lab_host.write(RECORD, json.dumps(record))
    Reboots(lab_host).start(kept_off=False)
    assert list(reasons(restored(lab_host))) == ([] if accepted else [console])
    assert binding(lab_host, console) == (VFIO if accepted else ("bochs-drm", None))


@pytest.mark.parametrize("accepted", [True, False])
def test_what_was_accepted_of_a_pf_is_accepted_when_its_vfs_are_made_again(lab_host, accepted):
    """The initramfs has brought the network up already: for a root on iSCSI or NFS, or a key of the network."""
    carriers = frozenset({"default_route", "ssh_nic"})
    lab_host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "0")
    lab_host.write("/proc/net/route", DEFAULT_ROUTE)
    lab_host.set_vfs(4, persist=True, allow=carriers)
    lab_host.claim(NICS, persist=True)
    if not accepted:
        record = lab_host.record
        del record["vfs"][0]["allow"]
        lab_host.write(RECORD, json.dumps(record))
    Reboots(lab_host).start()
    lab_host.write("/proc/net/route", DEFAULT_ROUTE)
    told = reasons(restored(lab_host))
    refused = told.get(IGB_PF, "")
    assert (not told, "default_route" in refused) == (accepted, not accepted)
    assert lab_host.kernel.driver(VF.format(0)) == ("vfio-pci" if accepted else None)
    # The unit that has domains follow, and kvm.hostdev.reconcile, say the same.
    Reboots(lab_host).start()
    lab_host.write("/proc/net/route", DEFAULT_ROUTE)
    failed = lab_host.flow().reconcile(persistent=True).failed
    assert [failure.address for failure in failed if failure.owner is None] == ([] if accepted else [IGB_PF])
    assert not accepted or lab_host.record["vfs"][0]["allow"] == sorted(carriers)


def test_a_task_without_consent_takes_back_what_an_earlier_one_accepted(lab_host):
    lab_host.set_vfs(4, take_over=True, persist=True, allow=frozenset({"mgmt_nic"}))
    assert lab_host.record["vfs"][0]["allow"] == ["mgmt_nic"]
    assert lab_host.set_vfs(4, persist=True).changed
    assert "allow" not in lab_host.record["vfs"][0]


def interrupted(host, monkeypatch):
    """Leave the journal of a claim for another owner, which is bound and not on record yet."""

    def die(*_arguments, **_named):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "_close", die)
        with pytest.raises(Killed):
            host.claim({"name": "disk", "address": OTHER}, owner="dpdk0")
    return host.record["journal"]


def test_the_journal_of_an_interrupted_run_waits_for_the_next_run(disk_host, monkeypatch):
    journal = interrupted(disk_host, monkeypatch)
    Reboots(disk_host).start()
    assert not restored(disk_host).failed
    assert (binding(disk_host, NVME), disk_host.record["journal"]) == (VFIO, journal)
    assert disk_host.flow().reconcile().recovered
    assert disk_host.record["journal"] is None
    assert (binding(disk_host, NVME), binding(disk_host, OTHER)) == (VFIO, OWN)


def test_what_has_moved_waits_for_the_interrupted_run_without_a_driver(disk_host, monkeypatch):
    journal = interrupted(disk_host, monkeypatch)
    Reboots(disk_host).start({"04": "06"})
    told = reasons(restored(disk_host))
    assert "at 0000:06:00.0 now" in told[NVME]
    assert "kvm.hostdev.reconcile" in told[NVME]
    assert disk_host.record["journal"] == journal
    assert binding(disk_host, "0000:06:00.0") == KEPT_OFF
    outcome = disk_host.flow().reconcile()
    assert (outcome.recovered, outcome.failed) == (True, [])
    assert binding(disk_host, "0000:06:00.0") == VFIO
    assert held(disk_host) == ["0000:06:00.0"]


def test_the_journal_of_vfs_is_told_and_what_is_on_record_comes_back(lab_host, monkeypatch):
    lab_host.set_vfs(4, take_over=True, persist=True)
    killed_at(lab_host, monkeypatch, "drive", 2)
    assert lab_host.record["vfs_journal"]
    Reboots(lab_host).start()
    restore = restored(lab_host)
    assert not restore.failed
    assert any("was interrupted" in warning for warning in restore.warnings)
    assert "vfs_journal" not in lab_host.record
    assert len(vfs(lab_host)) == 4


def test_a_record_that_cannot_be_written_keeps_no_device(disk_host, full_disk):
    Reboots(disk_host).start({"04": "06"})
    with full_disk(400):
        restore = restored(disk_host)
    assert [failure.error.code for failure in restore.failed] == ["record_unwritable"]
    assert binding(disk_host, "0000:06:00.0") == VFIO


def test_a_record_that_cannot_be_written_keeps_no_vfs(vfs_host, full_disk):
    Reboots(vfs_host).start()
    before = vfs_host.record
    with full_disk(400):
        restore = restored(vfs_host)
    assert not restore.failed
    assert any("File too large" in warning for warning in restore.warnings)
    assert [binding(vfs_host, VF.format(number)) for number in (0, 2)] == [VFIO, VFIO]
    assert vfs_host.links.settings["enp1s0"][0]["vlan"] == 7
    assert vfs_host.record == before


def test_a_journal_of_vfs_that_cannot_be_settled_keeps_no_vfs(lab_host, monkeypatch, full_disk):
    lab_host.set_vfs(4, take_over=True, persist=True)
    killed_at(lab_host, monkeypatch, "drive", 2)
    Reboots(lab_host).start()
    with full_disk(400):
        restore = restored(lab_host)
    assert not restore.failed
    assert len(vfs(lab_host)) == 4
    assert lab_host.flow().reconcile().failed == []
    assert "vfs_journal" not in lab_host.record


class Cut:
    """Ends a restore at its effect of this number, before it or after it; effects are writes to what outlives it."""

    def __init__(self, monkeypatch, number, *, after):
        self.left, self.after = number, after
        for kind in (FakeKernel, FakeIp):
            monkeypatch.setattr(kind, "__call__", self.cutting(kind.__call__))
        monkeypatch.setattr(RecordFile, "write", self.cutting(RecordFile.write))

    def cutting(self, do):
        def effect(target, *arguments):
            if isinstance(target, FakeIp) and "set" not in arguments[0]:
                return do(target, *arguments)
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            result = do(target, *arguments)
            if self.left == 0:
                raise Killed
            return result

        return effect


@pytest.mark.parametrize("after", [False, True])
def test_after_a_power_cut_anywhere_the_next_start_brings_all_back(vfs_host, monkeypatch, after):
    vfs_host.claim({"name": "disk", "address": NVME}, owner="dpdk0", persist=True)
    reboots = Reboots(vfs_host)
    for number in itertools.count(1):
        buses = {"01": "06", "04": "01"} if number % 2 else {}
        reboots.start(buses)
        with monkeypatch.context() as patch:
            cut = Cut(patch, number, after=after)
            with contextlib.suppress(Killed):
                restored(vfs_host)
        reboots.start(buses)
        assert not restored(vfs_host).failed, number
        now = [reboots.now(address) for address in (NVME, VF.format(0), VF.format(2))]
        assert held(vfs_host) == sorted(now), number
        assert [binding(vfs_host, address) for address in now] == [VFIO] * 3, number
        assert vfs_host.links.settings["enp1s0"][0]["vlan"] == 7
        assert "vfs_journal" not in vfs_host.record
        if cut.left > 0:
            break
    assert number > 8, "there are that many effects"


def test_what_was_held_back_when_it_was_claimed_goes_to_the_hosts_driver_once_it_is_released(lab_host):
    """As a disk that was put in the place of a broken one while the host runs: no unit lets that go."""
    lab_host.kernel.store("/sys/bus/pci/drivers/nvme/unbind", NVME)
    lab_host.kernel.store(f"/sys/bus/pci/devices/{NVME}/driver_override", NO_DRIVER)
    lab_host.claim(DISK)
    assert binding(lab_host, NVME) == VFIO
    lab_host.release()
    assert binding(lab_host, NVME) == OWN


def test_a_defect_of_ours_is_told_and_strangers_are_let_go_all_the_same(disk_host, monkeypatch):
    def broken(*_arguments):
        raise ZeroDivisionError("nobody thought of this")

    Reboots(disk_host).start()
    (path,) = disk_host.root.glob(f"sys/devices/*/*/{NVME}/subsystem_device")
    path.write_text("0x1999\n")
    monkeypatch.setattr(Restore, "_bring_back", broken)
    told = reasons(restored(disk_host))
    assert [text for text in told.values() if "ZeroDivisionError: nobody thought of this" in text]
    assert binding(disk_host, NVME) == OWN


def test_a_restore_whose_time_is_up_says_so_and_lets_strangers_go(disk_host, monkeypatch):
    def slow(*_arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it went on")

    Reboots(disk_host).start()
    (path,) = disk_host.root.glob(f"sys/devices/*/*/{NVME}/subsystem_device")
    path.write_text("0x1999\n")
    monkeypatch.setattr(Restore, "_bring_back", slow)
    before = signal.getsignal(signal.SIGTERM)
    with told_when_time_is_up():
        restore = restored(disk_host)
    assert [failure.error.code for failure in restore.failed] == ["not_restored"]
    assert "stopped before it was through" in restore.failed[0].error.message
    assert binding(disk_host, NVME) == OWN
    assert signal.getsignal(signal.SIGTERM) == before
