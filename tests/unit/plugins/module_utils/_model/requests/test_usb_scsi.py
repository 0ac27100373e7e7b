# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_device import NodeDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests

IDS = {"vendor_id": "0951", "product_id": "1666"}
STICK = NodeDevice(
    "usb_1_2",
    "usb_device",
    fields={"bus": 1, "device": 5, "port": "1-2", "vendor_id": "0951", "product_id": "1666", "serial": "S1"},
)
TAPE = NodeDevice("scsi_2_0_1_3", "scsi", fields={"host": 2, "bus": 0, "target": 1, "lun": 3})


def parsed(**entry):
    return parse_requests([{"name": "it", **entry}], {})[0]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"usb": IDS}, {"usb": IDS}),
        ({"usb": {"vendor_id": "0x0951", "product_id": "1666", "serial": " S1 "}}, {"usb": {**IDS, "serial": "S1"}}),
        ({"usb": {"port": "1-2.4"}}, {"usb": {"port": "1-2.4"}}),
        ({"usb": {**IDS, "serial": None}, "count": 1}, {"usb": IDS}),
        ({"scsi": {"adapter": "scsi_host2", "lun": 3}}, {"scsi": {"adapter": 2, "bus": 0, "target": 0, "lun": 3}}),
        (
            {"scsi": {"adapter": "2", "bus": "1", "target": 4, "lun": "0"}},
            {"scsi": {"adapter": 2, "bus": 1, "target": 4, "lun": 0}},
        ),
    ],
)
def test_a_request_for_a_usb_or_scsi_device_is_kept_as_it_is_meant(given, kept):
    assert parsed(**given).as_dict() == {"name": "it", **kept}
    assert parsed(**kept) == parsed(**given)


@pytest.mark.parametrize(
    ("entry", "subject", "wanted"),
    [
        ({"usb": "0951:1666"}, "requests[0].usb", "a mapping of some of vendor_id, product_id, serial, port"),
        ({"usb": {}}, "requests[0].usb", "vendor_id and product_id, or port, or all three"),
        ({"usb": {"vendor_id": "0951"}}, "requests[0].usb", "vendor_id and product_id, or port, or all three"),
        ({"usb": {"serial": "S1"}}, "requests[0].usb", "vendor_id and product_id, or port, or all three"),
        ({"usb": {**IDS, "vendor": "x"}}, "requests[0].usb.vendor", "did you mean vendor_id?"),
        ({"usb": {**IDS, "vendor_id": 951}}, "requests[0].usb.vendor_id", "put the digits into quotes"),
        ({"usb": {**IDS, "vendor_id": "*"}}, "requests[0].usb.vendor_id", "four hexadecimal digits"),
        ({"usb": {**IDS, "serial": 7}}, "requests[0].usb.serial", "put it into quotes"),
        ({"usb": {"port": "usb1"}}, "requests[0].usb.port", "a port path"),
        ({"usb": {"port": 1.2}}, "requests[0].usb.port", "a port path"),
        ({"usb": {"port": "1-2/../../x"}}, "requests[0].usb.port", "a port path"),
        ({"scsi": {"lun": 0}}, "requests[0].scsi.adapter", "adapter and lun"),
        ({"scsi": {"adapter": 2}}, "requests[0].scsi.lun", "adapter and lun"),
        ({"scsi": {"adapter": "host2", "lun": 0}}, "requests[0].scsi.adapter", "scsi_host2"),
        ({"scsi": {"adapter": 2, "lun": -1}}, "requests[0].scsi.lun", "0 or more"),
        ({"scsi": {"adapter": 2, "unit": 0}}, "requests[0].scsi.unit", "one of adapter, bus, target, lun"),
        (
            {"usb": IDS, "address": "0000:00:01.0"},
            "requests[0]",
            "exactly one of address, specs, alias, first_available, usb, scsi",
        ),
        ({"usb": IDS, "scsi": {"adapter": 2, "lun": 0}}, "requests[0]", "exactly one of"),
        ({"usb": IDS, "count": 2}, "requests[0].count", "usb names one device"),
        ({"usb": IDS, "numa_policy": "required"}, "requests[0].numa_policy", "usb names one device"),
    ],
)
def test_mistakes_in_a_request_are_told_by_the_options_path(entry, subject, wanted):
    with pytest.raises(HostdevError) as caught:
        parsed(**entry)
    assert caught.value.code in ("invalid_request", "invalid_spec")
    assert caught.value.subject == subject
    assert wanted in caught.value.message


@pytest.mark.parametrize(
    ("entry", "fits"),
    [
        ({"usb": IDS}, True),
        ({"usb": {**IDS, "serial": "S1", "port": "1-2"}}, True),
        ({"usb": {**IDS, "serial": "S2"}}, False),
        ({"usb": {**IDS, "port": "1-3"}}, False),
        ({"usb": {**IDS, "product_id": "1667"}}, False),
        ({"scsi": {"adapter": 2, "target": 1, "lun": 3}}, False),
    ],
)
def test_all_that_a_usb_request_says_must_be_true_of_the_device(entry, fits):
    assert parsed(**entry).node.fits(STICK) is fits


def test_a_scsi_request_names_one_logical_unit():
    assert parsed(scsi={"adapter": 2, "target": 1, "lun": 3}).node.fits(TAPE)
    assert not parsed(scsi={"adapter": 2, "target": 1, "lun": 2}).node.fits(TAPE)
    assert not parsed(scsi={"adapter": 3, "target": 1, "lun": 3}).node.fits(TAPE)
