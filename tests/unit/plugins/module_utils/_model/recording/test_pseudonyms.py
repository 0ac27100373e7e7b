# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording.pseudonyms import Pseudonyms, Same

UUID = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"


@pytest.fixture
def names():
    return Pseudonyms(b"key")


@pytest.mark.parametrize(
    ("serial", "form"),
    [
        ("S4EWNX0M500123", r"[A-Z]\d[A-Z]{4}\d[A-Z]\d{6}"),
        ("0x5000c500a1b2c3d4", r"0x[0-9a-f]{16}"),
        ("naa.5000c500a1b2c3d4", r"naa\.[0-9a-f]{16}"),
        ("52:54:00:12:34:56", r"02(:[0-9a-f]{2}){5}"),
        ("11-22-33-44-55-66-77-88", r"[0-9a-f]{2}(-[0-9a-f]{2}){7}"),
        (UUID, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("7", r"\d"),
    ],
)
def test_a_serial_number_becomes_another_one_of_its_form(names, serial, form):
    other = names.serial(serial)
    assert other != serial
    assert re.fullmatch(form, other), other
    assert names.serial(serial) == other
    assert Pseudonyms(b"other key").serial(serial) != other


def test_a_world_wide_name_is_the_same_other_one_however_it_is_written(names):
    number = names.serial("naa.5000c500a1b2c3d4").partition(".")[2]
    assert names.serial("0x5000c500a1b2c3d4") == f"0x{number}"
    assert names.text("disk/by-id/wwn-0x5000c500a1b2c3d4") == f"disk/by-id/wwn-0x{number}"


def test_no_two_get_the_same_even_where_there_are_few(names):
    serials = [f"{number:02d}" for number in range(100)]
    assert len({names.serial(serial) for serial in serials}) == 100


def test_what_was_told_is_found_in_texts_as_libvirt_and_udev_write_it(names):
    other = names.serial("WD-WX 99/1")
    assert names.text("ata-WD-WX_99/1 x") == f"ata-{other.replace(' ', '_')} x"
    assert names.text("block_sda_WD_WX_99_1") == "block_sda_" + re.sub(r"[^A-Za-z0-9]", "_", other)
    assert names.text("AWD-WX 99/1B") == "AWD-WX 99/1B"


def test_a_longer_serial_keeps_what_it_has_around_a_known_one(names):
    inner = names.serial("LABNVME0")
    assert names.serial("QEMU_NVMe_LABNVME0_1") == f"QEMU_NVMe_{inner}_1"


@pytest.mark.parametrize("text", ["{}", "net_eth0_{}", "a {}, b", "S:disk/by-path/pci-{}"])
def test_macs_and_uuids_are_found_however_they_are_written(names, text):
    mac, other = "52:54:00:12:34:56", names.serial("52:54:00:12:34:56")
    assert names.text(text.format(mac)) == text.format(other)
    assert names.text(text.format(mac.replace(":", "_"))) == text.format(other.replace(":", "_"))
    assert names.text(text.format(mac.replace(":", "-"))) == text.format(other.replace(":", "-"))
    uuid = names.text(UUID)
    assert uuid != UUID
    assert names.text(text.format(UUID.replace("-", "_"))) == text.format(uuid.replace("-", "_"))
    assert names.text(names.text(UUID)) == uuid


@pytest.mark.parametrize(
    "text",
    [
        "0000:3b:00.0",
        "10000:e1:00.0",
        "pci_0000_3b_00_0",
        "pci0000:00/0000:00:1c.0",
        "0x0000000012345678 0x0000000012345fff 0x0000000000040200",
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "6.12.48+deb13-amd64",
        "127.0.0.1",
        "0.0.0.0/0",
        "::/0",
        "8086:10ca",
        "1:0:0:0",
        "lo",
    ],
)
def test_what_is_no_name_stays(names, text):
    assert names.text(text) == text


def test_addresses_of_networks_are_of_networks_for_examples(names):
    assert re.fullmatch(r"198\.1[89]\.\d+\.\d+/24", names.text("192.168.7.5/24"))
    assert names.text("from 10.0.0.1") == names.text("from 10.0.0.1") != names.text("from 10.0.0.2")
    assert re.fullmatch(r"2001:db8::[0-9a-f]{4}:[0-9a-f]{4}", names.text("fe80::1ff:fe23:4567:890a"))
    told = names.text("2a02:810d:1:2:3:4:5:6")
    assert told.startswith("2001:db8::")
    assert names.text(told) == told


@pytest.mark.parametrize(
    ("interface", "stays"),
    [
        *((name, True) for name in ("eth0", "enp94s0f0np0", "eno1", "ens3f0v2", "lo", "ibp3s0")),
        *((name, False) for name in ("acme-uplink", "enx525400123456", "bond-acme", "enterprise")),
    ],
)
def test_an_interface_that_says_where_its_port_is_stays(names, interface, stays):
    assert (names.interface(interface) == interface) is stays
    assert (names.text(f"/sys/class/net/{interface}") == f"/sys/class/net/{interface}") is stays


def test_names_are_counted_by_kind(names):
    told = [names.name("domain", name) for name in ("web1", "db1", "web1")]
    assert told == ["domain1", "domain2", "domain1"]
    assert names.name("owner", "web1") == "owner1"
    assert names.name("domain", "domain4") == "domain3"
    names.known("host", "kvm-acme")
    assert names.text("iqn.kvm-acme:1") == "iqn.host1:1"


def test_what_is_not_anonymous_stays():
    same = Same()
    assert [same.serial("S1"), same.name("domain", "web1"), same.interface("a"), same.word("b"), same.text(UUID)] == [
        *("S1", "web1", "a", "b", UUID)
    ]
