# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.host_parts import functions_of_arguments
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import parse_record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording import anonymous
from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording.guest_xml import (
    device_xml,
    domain_xml,
    node_device_xml,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording.pseudonyms import Pseudonyms, Same
from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording.recording import Recording, parse_recording
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml as made_domain
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA

HOSTDEV = (
    "<hostdev mode='subsystem' type='pci' managed='no'><source><address domain='0x0000' bus='0x3b' slot='0x00' "
    "function='0x0'/></source><rom file='/srv/acme/gpu.rom' bar='on'/><address type='pci' domain='0x0000' bus='0x01' "
    "slot='0x00' function='0x0'/></hostdev>"
)
ARGUMENTS = (
    "<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-device'/>"
    "<arg value='vfio-pci,host=0000:81:00.0,x-secret=hunter2'/><env name='A' value='hunter2'/></commandline>"
)


@pytest.mark.parametrize("names", [Same(), Pseudonyms(b"key")])
def test_what_a_claim_looks_at_is_there_and_nothing_that_is_not_known(names):
    extra = (
        "<disk type='file'><source file='/srv/acme.img'/><target dev='vda' bus='virtio'/><address type='pci' "
        "domain='0x0000' bus='0x02' slot='0x00' function='0x0'/></disk><future secret='hunter2'><inner/></future>"
    )
    xml = made_domain(HOSTDEV, extra=extra).replace("</domain>", f"{ARGUMENTS}</domain>")
    told, real = parse_layout(domain_xml(xml, names)), parse_layout(xml)
    assert told.places == real.places
    assert told.free_root_ports == real.free_root_ports
    assert told.controllers == real.controllers
    assert list(told.assigned) == list(real.assigned) == ["0000:3b:00.0"]
    assert functions_of_arguments(told) == ["0000:81:00.0"]
    assert not [word for word in ("acme", "hunter2", "future", "rom file") if word in told.xml]


def test_a_device_on_record_has_no_more_than_in_a_domain():
    assert "acme" not in device_xml(HOSTDEV, Same())
    assert ET.fromstring(device_xml(HOSTDEV, Same())).find("source/address").get("bus") == "0x3b"
    assert device_xml("<future secret='hunter2'/>", Same()) == ""


def test_of_a_node_device_what_is_not_known_has_no_text():
    names = Pseudonyms(b"key")
    xml = (
        "<device><name>net_uplink_52_54_00_12_34_56</name><capability type='net'><interface>uplink</interface>"
        "<address>52:54:00:12:34:56</address><future>acme</future></capability></device>"
    )
    told = ET.fromstring(node_device_xml(xml, names))
    mac = told.findtext("capability/address")
    assert told.findtext("capability/interface") == "net1"
    assert told.findtext("capability/future") == ""
    assert told.findtext("name") == f"net_net1_{mac.replace(':', '_')}" or told.findtext("name").endswith(
        mac.replace(":", "_")
    )


def test_what_people_wrote_into_the_record_is_left_out():
    claim = {"owner": {"kind": "name", "id": "acme", "label": "acme"}, "requests": [{"name": "gpu"}]}
    aside = {"reason": "the write of acme hangs", "commands": ["echo acme"], "owner": claim["owner"]}
    text = json.dumps({"claims": [claim], "set_aside": [aside], "xml": HOSTDEV, "rom": {"file": "/srv/acme.rom"}})
    told = anonymous.record(text, Pseudonyms(b"key"), {})
    assert "acme" not in told
    assert json.loads(told)["claims"][0] == {
        "owner": {"kind": "name", "id": "owner1", "label": "owner1"},
        "requests": [{"name": "gpu"}],
    }
    assert json.loads(anonymous.record(text, Same(), {}))["set_aside"][0]["reason"] == aside["reason"]


def test_a_record_with_all_that_one_may_have_can_still_be_read():
    text = (DATA / "record-schema-1-full.json").read_text()
    document = {**json.loads(text), "machine_id": "0123456789abcdef0123456789abcdef"}
    names = Pseudonyms(b"key")
    for serial in anonymous.serials_of_record(text):
        names.serial(serial)
    told = parse_record(anonymous.record(json.dumps(document), names, {document["machine_id"]: "of here"}).encode())
    real = parse_record(text.encode())
    assert told.machine_id == "of here"
    assert [claim.holdings.keys() for claim in told.tracker] == [claim.holdings.keys() for claim in real.tracker]
    assert [claim.owner.label for claim in told.tracker] == ["domain1", "owner1"]
    assert told.journal is not None
    elsewhere = parse_record(anonymous.record(json.dumps(document), names, {}).encode()).machine_id
    assert elsewhere != document["machine_id"]
    assert not [
        word for word in ("52:54:00:12:34:56", "web1", "dpdk0", "00-11", "rom.bin") if word in str(told.as_dict())
    ]


def test_a_broken_record_stays_broken_and_tells_nothing():
    assert anonymous.record('{"claims": [acme', Pseudonyms(b"key"), {}) == "{"


def test_a_use_is_told_in_words_of_ours():
    use = {"code": "mounted_fs", "address": "0000:01:00.0", "path": "/sys/devices/x", "allowable": True}
    told = anonymous.use({**use, "detail": "/dev/sda1 is mounted at /srv/acme (process 12, acmed)"}, Pseudonyms(b"key"))
    assert told["detail"] == "/dev/sda1 is mounted at name1 (process 12, name2)"
    route = anonymous.use({**use, "detail": "default route (::/0) on enp3s0"}, Pseudonyms(b"key"))
    assert route["detail"] == "default route (::/0) on enp3s0"


@pytest.mark.parametrize(
    "broken",
    [
        {"uses": [{"code": "x"}]},
        {"part_uses": [["0000:01:00.0", 7]]},
        {"vf_states": {"0000:01:10.0": None}},
        {"binders": [{}]},
        {"libvirt": {"uri": "x"}},
        {"record": 7},
        {"anonymous": "yes"},
    ],
)
def test_a_part_of_another_form_is_an_error_and_nothing_else(broken):
    whole = Recording({}).as_dict()
    assert parse_recording(whole, "x") == Recording({})
    with pytest.raises(HostdevError) as caught:
        parse_recording({**whole, **broken}, "x")
    assert caught.value.code == "recording_unreadable"
