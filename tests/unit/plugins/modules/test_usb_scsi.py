# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules return of USB and SCSI devices."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, ready, scsi, unplug, usb
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner

CLAIM = "pci_passthrough_claim"
RELEASE = "pci_passthrough_release"
WANTED = {
    "domain": "web1",
    "requests": [
        {"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666"}},
        {"name": "disk", "scsi": {"adapter": "scsi_host2", "lun": 0}},
    ],
}


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    plug(lab_host, usb("3-1", 2), scsi("2:0:0:0"))
    ready(lab_host)
    return Runner(lab_host, monkeypatch, capsys)


def drift(runner, **options):
    differences = runner.done("pci_facts", gather_subset=["drift"], **options)["ansible_facts"]["hostdev"]["drift"]
    return [(difference["code"], difference["address"], difference["detail"]) for difference in differences]


def test_a_claim_and_its_release_tell_the_devices_and_the_facts_have_the_claim(runner):
    claimed = runner.done(CLAIM, **WANTED)
    assert [(device["name"], device["request"]) for device in claimed["node_devices"]] == [
        ("scsi_2_0_0_0", "disk"),
        ("usb_3_1", "stick"),
    ]
    assert claimed["devices"] == []
    assert [(step["kind"], step["address"], step["place"]) for step in claimed["plan"]] == [
        ("node", "scsi_2_0_0_0", "config"),
        ("node", "usb_3_1", "config"),
        ("node", "scsi_2_0_0_0", "live"),
        ("node", "usb_3_1", "live"),
    ]
    facts = runner.done("pci_facts", gather_subset=["claims"])["ansible_facts"]["hostdev"]
    assert facts["claims"] == [{**claimed["claim"], "devices": [], "node_devices": claimed["node_devices"]}]
    assert claimed["msg"] == (
        "web1: disk = scsi_2_0_0_0 (SEAGATE ST4000NM0023), attached to definition and guest; "
        "stick = usb_3_1 (0951:1666), attached to definition and guest"
    )
    assert facts["claims"][0]["node_devices"] == claimed["node_devices"]
    released = runner.done(RELEASE, domain="web1", names=["disk"])
    assert [device["name"] for device in released["node_devices"]] == ["scsi_2_0_0_0"]
    assert [device["name"] for device in released["claims"][0]["node_devices"]] == ["usb_3_1"]


def test_a_mistake_in_a_request_fails_with_the_options_path(runner):
    failed = runner.failed(CLAIM, domain="web1", requests=[{"name": "stick", "usb": {"vendor": "0951"}}])
    assert failed["error"]["subject"] == "requests[0].usb.vendor"
    assert "did you mean vendor_id?" in failed["msg"]


def test_drift_tells_what_is_not_as_it_is_on_record(runner):
    runner.done(CLAIM, **WANTED)
    assert drift(runner) == []
    for place in (CONFIG, LIVE):
        runner.host.domain.xml[place] = domain_xml()
    owner = f"domain web1 ({runner.host.domain.UUIDString()})"
    assert drift(runner) == [
        ("not_attached", "scsi_2_0_0_0", f"{owner} does not have it"),
        ("not_attached", "usb_3_1", f"{owner} does not have it"),
    ]
    for device in list(runner.host.plugged):
        unplug(runner.host, device)
    plug(runner.host, usb("3-1", 3, serial="STICK2"))
    told = [
        ("removed", "scsi_2_0_0_0", "there is no such device on the host"),
        ("identity_changed", "usb_3_1", "serial is STICK2, claimed was STICK1"),
    ]
    assert drift(runner) == drift(runner, libvirt="none") == told
    runner.host.libvirt.remove_all()
    gone = f"{owner} no longer exists"
    assert drift(runner) == [
        ("orphan", "scsi_2_0_0_0", gone),
        told[0],
        ("orphan", "usb_3_1", gone),
        told[1],
    ]
