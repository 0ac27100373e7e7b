# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices on record: written and read, one owner each, and what is not of their form refused."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.usb_scsi import NodeHolding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.journal import Journal
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import NodeStep
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record, parse_record
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, WEB, claim, holding, requests

STICK = NodeHolding(
    "usb_1_2", "usb_device", "stick", {"vendor_id": "0951", "product_id": "1666", "serial": None}, ("config", "live")
)
USB_XML = "<hostdev type='usb'><source><vendor id='0x0951'/><product id='0x1666'/></source></hostdev>"
STEP = NodeStep("usb_1_2", "web1", WEB.id, "live", None, USB_XML)
TAPE = {"vendor": "IBM", "model": "ULT3580", "wwid": "naa.5", "serial": None}
NIC = holding("0000:01:00.0")
HELD = Claim(
    WEB,
    {
        request.name: request
        for request in requests(
            {"name": "nic", "address": "0000:01:00.0"},
            {"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666"}},
            {"name": "tape", "scsi": {"adapter": 2, "bus": 0, "target": 0, "lun": 0}},
        )
    },
    {NIC.address: NIC},
    {
        "scsi_2_0_0_0": NodeHolding("scsi_2_0_0_0", "scsi", "tape", TAPE),
        "usb_1_2": STICK,
    },
)


def record():
    return Record(Tracker([HELD]), Journal(Plan("claim", (STEP,), HELD, HELD), "boot-1", 1), "boot-1")


def refused(data):
    with pytest.raises(HostdevError) as caught:
        parse_record(json.dumps(data).encode())
    assert caught.value.code == "record_unreadable"
    return caught.value


@pytest.mark.parametrize(
    "xml",
    [
        USB_XML.replace("0951", "0952"),
        USB_XML.replace("0x0951", "zz"),
        USB_XML.replace("usb", "scsi"),
        "<hostdev type='usb'/>",
        "<hostdev type='scsi'><source><adapter name='scsi_host2'/><address bus='0' target='0' unit='0'/>"
        "</source></hostdev>",
    ],
)
def test_an_element_of_another_device_in_the_journal_is_refused(xml):
    data = record().as_dict()
    data["journal"]["steps"][0]["after"] = xml
    assert refused(data).subject == "journal.steps[0].after"


def test_they_are_read_as_they_were_written():
    parsed_record = parse_record(record().as_bytes())
    assert list(parsed_record.tracker) == [HELD]
    assert parsed_record.journal == record().journal
    assert isinstance(parsed_record.journal.plan.steps[0], NodeStep)


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("name", "../x", 'found "../x"'),
        ("capability", "net", 'found "net"'),
        ("request", None, "found null"),
        ("identity", {"serial": 5}, "found 5"),
        ("attach", "config", 'found "config"'),
        ("name", "scsi_2_0_0_0", 'found "scsi_2_0_0_0"'),
        ("stood_before", {}, "found an empty mapping"),
        ("stood_before", {"config": 5}, "found 5"),
        ("stood_before", {"live": "<hostdev type='scsi'/>"}, "found \"<hostdev type='scsi'/>\""),
    ],
)
def test_what_is_not_of_their_form_is_refused_with_its_place(key, value, found):
    data = json.loads(record().as_bytes())
    data["claims"][0]["node_devices"][1][key] = value
    error = refused(data)
    assert error.subject.startswith(f"claims[0].node_devices[1].{key}")
    assert error.found == found


def test_what_stood_before_is_read_as_it_was_written():
    held = replace(STICK, stood_before={"config": USB_XML, "live": USB_XML})
    assert NodeHolding.from_dict(json.loads(json.dumps(held.as_dict()))) == held
    NodeHolding.FORM(held.as_dict(), "held")
    assert "stood_before" not in STICK.as_dict()


def test_no_device_is_on_record_twice():
    data = json.loads(record().as_bytes())
    devices = data["claims"][0]["node_devices"]
    devices[1] = devices[0]
    error = refused(data)
    assert (error.subject, error.found) == ("claims[0].node_devices[1].name", "found 'scsi_2_0_0_0' again")


def test_one_owner_each():
    tracker = Tracker([HELD])
    assert tracker.holder("usb_1_2") == HELD
    with pytest.raises(ValueError, match="usb_1_2 is held by domain web1"):
        tracker.put(Claim(DB, {}, {}, {"usb_1_2": STICK}))
    tracker.put(Claim(WEB))
    assert (tracker.holder("usb_1_2"), list(tracker)) == (None, [])
    tracker.put(Claim(DB, {}, {}, {"usb_1_2": STICK}))
    assert tracker.holder("usb_1_2").owner == DB


def test_a_claim_without_them_is_written_as_before():
    assert "node_devices" not in claim(WEB, NIC).as_dict()


def test_a_step_whose_xml_somebody_broke_in_the_journal_finds_nothing():
    layout = parse_layout("<domain><devices><hostdev type='usb'/></devices></domain>")
    for text in ("<hostdev", "", "<hostdev type='usb'/>"):
        step = NodeStep("usb_1_2", "web1", WEB.id, "live", None, text)
        now = SimpleNamespace(nodes=dict, node_holdings={"usb_1_2": STICK})
        assert step.element_in(layout) is None
        assert step.device_missing(now) == "usb_1_2 is no longer on the host"
