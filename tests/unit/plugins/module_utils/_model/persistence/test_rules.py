# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules as udev reads them: their text, and which functions of a host they match."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import read_devices
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.paths import MARK
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.rules import (
    device_path,
    disk_places,
    rules,
    strangers,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, device, holding, inventory

IDS = (
    'ATTR{vendor}=="0x8086", ATTR{device}=="0x10d3", ATTR{subsystem_vendor}=="0x1af4", '
    'ATTR{subsystem_device}=="0x1100", ATTR{class}=="0x020000", '
)
WHERE = (
    'TEST=="/etc/kvm.hostdev/restore.pyz", '
    'TEST=="/etc/systemd/system/multi-user.target.wants/kvm-hostdev-restore.service", '
)
REST = f'DRIVER=="", TEST!="physfn", {WHERE}ATTR{{driver_override}}="kvm-hostdev"\n'
LEFT_ALONE = (
    f'{WHERE}TEST!="/run/kvm.hostdev.settled", ENV{{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}}="1", '
    'ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}="1", ENV{SYSTEMD_READY}="0", OPTIONS+="nowatch"'
)
DISK = "0000:04:00.0"


def tracker(*identities, adopted=False, original=None):
    held = [
        holding(address, identity=identity, adopted=adopted, original=original or Binding("e1000e", None))
        for address, identity in identities
    ]
    return Tracker([replace(claim(WEB, *held), persist=True)])


def identity(address, stable_path):
    found = device(address, stable_path=stable_path, subsystem_vendor_id="1af4", subsystem_product_id="1100")
    return address, found.identity


@pytest.mark.parametrize(
    ("address", "stable_path", "path"),
    [
        ("0000:00:1f.3", "0000_00_1f.3", "/devices/*pci0000:00/0000:00:1f.3"),
        ("0000:02:00.0", "0000_00_11.0-00_00.0", "/devices/*pci0000:00/0000:00:11.0/0000:??:00.0"),
        (
            "10000:e1:00.0",
            "0000_00_0e.0-00_06.0-00_00.0",
            "/devices/*pci0000:00/0000:00:0e.0/pci?????:??/?????:??:06.0/?????:??:00.0",
        ),
    ],
)
def test_the_text_of_a_rule(address, stable_path, path):
    begin = f'ACTION=="add", SUBSYSTEM=="pci", DEVPATH=="{path}", '
    assert rules(tracker(identity(address, stable_path))) == f"{MARK}\n{begin}{IDS}{REST}"


@pytest.mark.parametrize(
    ("stable_path", "moved_from"),
    [
        ("0000_00_11.0-00_00.0", None),
        ("0000_00_11.0-00_00.0", "0000:02:00.0"),
        ("0000_00_0e.0-00_06.0-00_00.0", "10000:02:00.0"),
    ],
)
def test_one_that_is_gone_and_whose_address_another_one_got_has_its_rule_for_when_it_is_back(stable_path, moved_from):
    address, known = identity("ffff0000:02:00.0", stable_path)
    gone = holding(address, identity=known, moved_from=moved_from, original=Binding("e1000e", None))
    there = rules(tracker(identity(moved_from or "0000:02:00.0", stable_path)))
    assert rules(Tracker([replace(claim(WEB, gone), persist=True)])) == there


def disk_rules(**fields):
    _address, known = identity(DISK, "0000_00_13.0-00_00.0")
    known |= {"vendor_id": "1b36", "product_id": "0010", "class_id": "010802", **fields}
    return [line for line in rules(tracker((DISK, known))).splitlines() if 'SUBSYSTEM=="block"' in line]


def test_udev_leaves_the_disks_of_a_function_alone_whatever_driver_has_it_until_the_restore_is_through():
    """Its driver may have been in the initramfs. One of another model in its place is seen at once."""
    path = 'DEVPATH=="/devices/*pci0000:00/0000:00:13.0/0000:??:00.0/*"'
    ids = (
        'ATTRS{vendor}=="0x1b36", ATTRS{device}=="0x0010", ATTRS{subsystem_vendor}=="0x1af4", '
        'ATTRS{subsystem_device}=="0x1100", ATTRS{class}=="0x010802"'
    )
    begin = 'ACTION!="remove", SUBSYSTEM=="block"'
    assert disk_rules() == [f'{begin}, {path}, SUBSYSTEMS=="pci", {ids}, {LEFT_ALONE}']
    head = 'DEVPATH=="/devices/virtual/nvme-subsystem/*", SUBSYSTEMS=="nvme-subsystem", ATTRS{serial}=="LABNVME0"'
    assert disk_rules(serial="LABNVME0")[1:] == [f"{begin}, {head}, {LEFT_ALONE}"]


@pytest.mark.parametrize("serial", ["*", 'A"B', "A, B", "A\nB", ""])
def test_a_serial_number_that_says_something_else_to_udev_makes_no_rule(serial):
    assert len(disk_rules(serial=serial)) == 1


def test_what_has_no_disks_has_none_that_are_left_alone():
    assert disk_rules(class_id="020000", serial="LABNVME0") == []


def test_a_stranger_is_who_is_in_the_place_of_a_disk_and_does_not_come_back(recordings):
    host = inventory(*read_devices(recordings["lab-trixie"]))
    there, other = host.devices["0000:04:00.0"], host.devices["0000:81:00.0"]
    own = tracker((DISK, there.identity))
    assert strangers(disk_places(own), own, host) == []
    gone = tracker((DISK, {**there.identity, "serial": "GONE"}))
    assert strangers(disk_places(gone), gone, host) == [there]
    moved = tracker((other.address, other.identity))
    assert strangers(disk_places(own), moved, host) == [there]
    nic = tracker(("0000:01:00.0", host.devices["0000:01:00.0"].identity))
    assert disk_places(nic) == []


def test_what_an_older_record_does_not_know_is_not_asked():
    address, known = identity("0000:00:1f.3", "0000_00_1f.3")
    text = rules(tracker((address, {key: known[key] for key in known if not key.startswith("subsystem")})))
    assert re.findall(r"ATTR\{(\w+)\}==", text) == ["vendor", "device", "class"]


def test_there_are_no_rules_without_a_function_to_keep():
    assert rules(Tracker()) is None
    address, known = identity("0000:00:1f.3", "0000_00_1f.3")
    assert rules(tracker((address, known), adopted=True, original=Binding("vfio-pci", None))) is None
    del known["stable_path"]
    assert rules(tracker((address, known))) is None


def test_each_function_has_its_rule_in_the_order_of_addresses():
    text = rules(tracker(identity("0000:03:00.0", "0000_00_12.0-00_00.0"), identity("0000:00:1f.3", "0000_00_1f.3")))
    assert [line.split('"')[5] for line in text.splitlines()[1:]] == [
        "/devices/*pci0000:00/0000:00:1f.3",
        "/devices/*pci0000:00/0000:00:12.0/0000:??:00.0",
    ]


@pytest.mark.parametrize("path", ['0000_00_1f.3"', "", "stable", "0000_00_1f.3-00", "0000_00_1f.3-*_00.0"])
def test_a_path_of_another_form_makes_no_rule(path):
    assert device_path(path, "0000:00:1f.3") is None


@pytest.mark.parametrize("name", ["lab-trixie", "lab-bookworm"])
def test_of_a_host_each_function_is_matched_by_its_own_path_alone(recordings, name):
    devices = read_devices(recordings[name])
    assert len(devices) > 10
    paths = {found.address: found.path.removeprefix("/sys") for found in devices}
    for found in devices:
        pattern = device_path(found.stable_path, found.address)
        assert [address for address, path in paths.items() if fnmatch.fnmatchcase(path, pattern)] == [found.address]


@pytest.mark.parametrize(
    ("path", "matched"),
    [
        ("/devices/pci0000:00/0000:00:11.0/0000:02:00.0", True),
        ("/devices/pci0000:00/0000:00:11.0/0000:1f:00.0", True),
        ("/devices/platform/40000000.pcie/pci0000:00/0000:00:11.0/0000:02:00.0", True),
        ("/devices/pci0000:00/0000:00:11.0/0000:02:00.0/0000:03:00.0", False),
        ("/devices/pci0000:00/0000:00:11.0/0000:02:00.1", False),
        ("/devices/pci0000:80/0000:00:11.0/0000:02:00.0", False),
        ("/devices/pci0000:00/0000:00:0e.0/pci10000:00/10000:00:11.0/10000:02:00.0", False),
    ],
)
def test_a_card_is_matched_whatever_its_bus(path, matched):
    assert fnmatch.fnmatchcase(path, device_path("0000_00_11.0-00_00.0", "0000:02:00.0")) is matched


def test_a_disk_behind_a_volume_management_device_is_matched_in_any_domain():
    pattern = device_path("0000_00_0e.0-00_06.0-00_00.0", "10000:e1:00.0")
    path = "/devices/pci0000:00/0000:00:0e.0/pci{0}:e0/{0}:e0:06.0/{0}:e1:00.0"
    assert fnmatch.fnmatchcase(path.format("10000"), pattern)
    assert fnmatch.fnmatchcase(path.format("10001"), pattern)
    assert not fnmatch.fnmatchcase("/devices/pci0000:00/0000:00:0e.0/0000:e0:06.0/0000:e1:00.0", pattern)
