# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cards whose serial number only their own driver shows, at the start of a host that keeps this driver off them."""

from __future__ import annotations

import dataclasses
import time

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Ended, Programs
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore import identifying
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.boot import Restore
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import NO_DRIVER
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.paths import RULES, SETTLED
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import RECORD
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, reasons, restored, standing

NVME, OTHER = "0000:04:00.0", "0000:81:00.0"
DISK = {"name": "disk", "address": NVME}
VFIO, KEPT_OFF, OWN = ("vfio-pci", "vfio-pci"), (None, NO_DRIVER), ("nvme", None)
SERIAL = "/sys/devices/*/*/{}/nvme/nvme*/serial"


def binding(host, address):
    return host.kernel.driver(address), host.kernel.override(address)


@pytest.fixture(autouse=True)
def udev(monkeypatch):
    """What udev was asked to look at."""
    asked = []
    monkeypatch.setattr(Programs, "path", lambda _programs, name: f"/usr/bin/{name}")
    monkeypatch.setattr(Programs, "run", lambda _programs, *words, **_options: asked.append(words) or Ended(0, "", ""))
    return asked


@pytest.fixture
def disk_host(lab_host):
    """Its disk is claimed for a domain, and comes back."""
    lab_host.claim(DISK, persist=True)
    return lab_host


def looked_at(udev):
    """The functions of whose disks udev was asked to look, by where they are on the host."""
    return {words[-1].rpartition("/")[2] for words in udev}


def drivers_of(host, address):
    """The drivers that a function got, in this order, and whether udev was to leave its disks alone then."""
    got = []
    store = host.kernel.store

    def noted(path, text):
        before = host.kernel.driver(address)
        store(path, text)
        now = host.kernel.driver(address)
        if now is not None and now != before:
            got.append((now, not host.tree.exists(SETTLED)))

    host.kernel.store = noted
    return got


def test_its_own_driver_tells_that_it_is_the_one_and_udev_looks_for_nothing_meanwhile(disk_host, udev):
    Reboots(disk_host).start()
    assert binding(disk_host, NVME) == KEPT_OFF
    got = drivers_of(disk_host, NVME)
    restore = restored(disk_host)
    assert (restore.failed, restore.warnings) == ([], [])
    assert got == [("nvme", True), ("vfio-pci", True)]
    assert binding(disk_host, NVME) == VFIO
    assert udev == []
    assert disk_host.tree.exists(SETTLED)


def test_a_restore_that_is_begun_once_more_has_udev_look_for_nothing_while_it_asks(disk_host):
    """What other disks of its model are for is the host's by then."""
    Reboots(disk_host).start()
    disk_host.write(SETTLED, "")
    got = drivers_of(disk_host, NVME)
    assert restored(disk_host).failed == []
    assert got == [("nvme", True), ("vfio-pci", False)]
    assert disk_host.tree.exists(SETTLED)


def test_one_that_has_its_driver_from_the_initramfs_is_bound_again_and_another_one_is_let_go(disk_host, udev):
    reboots = Reboots(disk_host)
    reboots.start(kept_off=False)
    assert restored(disk_host).failed == []
    assert (binding(disk_host, NVME), udev, disk_host.tree.exists(SETTLED)) == (VFIO, [], True)
    reboots.start(files={SERIAL.format(NVME): "ANOTHER\n"}, kept_off=False)
    assert not disk_host.tree.exists(SETTLED)
    assert list(reasons(restored(disk_host))) == [NVME]
    assert binding(disk_host, NVME) == OWN
    assert looked_at(udev) == {NVME}
    assert disk_host.tree.exists(SETTLED)


def test_udev_looks_again_once_nothing_is_left_alone_any_more(disk_host, udev, monkeypatch):
    Reboots(disk_host).start(files={SERIAL.format(NVME): "ANOTHER\n"})
    settled = []
    run = Programs.run

    def noted(programs, *words, **options):
        settled.append(disk_host.tree.exists(SETTLED))
        return run(programs, *words, **options)

    monkeypatch.setattr(Programs, "run", noted)
    restored(disk_host)
    assert settled
    assert all(settled)


def test_a_record_that_says_nothing_leaves_no_disk_alone_for_ever(disk_host):
    Reboots(disk_host).start()
    disk_host.write(RECORD, "{")
    assert restored(disk_host).failed
    assert disk_host.tree.exists(SETTLED)


def test_another_one_of_its_model_stays_with_its_driver_and_udev_looks_at_its_disk(disk_host, udev):
    Reboots(disk_host).start(files={SERIAL.format(NVME): "ANOTHER\n"})
    assert binding(disk_host, NVME) == KEPT_OFF
    told = reasons(restored(disk_host))
    assert "serial ANOTHER" in told[NVME]
    assert "serial LABNVME0" in told[NVME]
    assert binding(disk_host, NVME) == OWN
    assert looked_at(udev) == {NVME}
    assert {words[:-1] for words in udev} == {("udevadm", "trigger", "--action=add", "--subsystem-match=block")}


def test_one_that_changed_places_with_another_one_of_its_model_is_found(disk_host, udev):
    files = {SERIAL.format(NVME): "LABNVME1\n", SERIAL.format(OTHER): "LABNVME0\n"}
    Reboots(disk_host).start(files=files)
    restore = restored(disk_host)
    assert restore.failed == []
    assert (binding(disk_host, NVME), binding(disk_host, OTHER)) == (OWN, VFIO)
    assert f"{NVME} is at {OTHER} now" in restore.done
    assert looked_at(udev) == {NVME}


def test_the_rules_follow_one_that_has_come_to_another_slot(disk_host):
    files = {SERIAL.format(NVME): "LABNVME1\n", SERIAL.format(OTHER): "LABNVME0\n"}
    Reboots(disk_host).start(files=files)
    disk_host.write(RULES, "# as they were\n")
    restored(disk_host)
    text = (disk_host.root / RULES[1:]).read_text()
    assert "pci0000:80/0000:80:00.0/0000:??:00.0" in text
    assert "0000:00:13.0" not in text


def test_without_rules_none_are_made(disk_host):
    Reboots(disk_host).start({"04": "06"})
    restored(disk_host)
    assert not disk_host.tree.exists(RULES)


def test_where_the_driver_shows_no_number_the_place_counts_with_a_warning(disk_host):
    Reboots(disk_host).start(files={SERIAL.format(NVME): "\n"})
    restore = restored(disk_host)
    assert restore.failed == []
    assert binding(disk_host, NVME) == VFIO
    assert [warning for warning in restore.warnings if "its serial is not known" in warning and NVME in warning]


def test_a_disk_that_the_host_took_meanwhile_stays_with_it(disk_host):
    Reboots(disk_host).start()
    store = disk_host.kernel.store

    def mounted(path, text):
        store(path, text)
        for namespace in disk_host.root.glob(f"sys/devices/*/*/{NVME}/nvme/nvme*/nvme*n1"):
            disk_host.mount(namespace.name)

    disk_host.kernel.store = mounted
    told = reasons(restored(disk_host))
    assert "mounted_fs" in told[NVME]
    assert disk_host.kernel.driver(NVME) == "nvme"


def test_all_cards_are_waited_for_together(lab_host):
    """One after the other dozens of disks would outlast the unit's time."""
    lab_host.claim({"name": "disks", "specs": [{"address": NVME}, {"address": OTHER}], "count": 2}, persist=True)
    Reboots(lab_host).start(files={SERIAL.format(address): "\n" for address in (NVME, OTHER)})
    got = drivers_of(lab_host, OTHER)
    waited = []
    sleep = time.sleep
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identifying.time, "sleep", lambda seconds: (waited.append(list(got)), sleep(seconds)))
        system = dataclasses.replace(lab_host.system, domains=None)
        restore = Restore(system, standing(lab_host), driver_seconds=0.3, device_seconds=0)
        restore.run()
    assert waited
    assert all(("nvme", True) in before for before in waited)
    assert len(restore.warnings) == 2
