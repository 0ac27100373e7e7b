# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.disk_nodes import volume_nodes
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain, DomainLayout, parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.sources import DomainSources
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_device import NodeDevice
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml

STICK = {"bus": 1, "device": 2, "vendor_id": "0781", "product_id": "5567"}
LUN = {"host": 0, "bus": 0, "target": 2, "lun": 7}


def hostdev(kind, source, attributes=""):
    return f"<hostdev mode='subsystem' type='{kind}'><source {attributes}>{source}</source></hostdev>"


@pytest.mark.parametrize(
    ("element", "capability", "fields", "taken"),
    [
        (hostdev("usb", "<address bus='1' device='2'/>"), "usb_device", STICK, True),
        (hostdev("usb", "<address bus='1' device='3'/>"), "usb_device", STICK, False),
        (hostdev("usb", "<vendor id='0x0781'/><product id='0x5567'/>"), "usb_device", STICK, True),
        (hostdev("usb", "<vendor id='0x0781'/><product id='0x5568'/>"), "usb_device", STICK, False),
        (
            hostdev("usb", "<vendor id='0x0781'/><product id='0x5567'/><address bus='1' device='3'/>"),
            "usb_device",
            STICK,
            False,
        ),
        (hostdev("usb", "<vendor id='x'/><product id='y'/>"), "usb_device", {}, False),
        (
            hostdev("scsi", "<adapter name='scsi_host0'/><address bus='0' target='2' unit='7'/>"),
            "scsi",
            LUN,
            True,
        ),
        (
            hostdev("scsi", "<adapter name='scsi_host1'/><address bus='0' target='2' unit='7'/>"),
            "scsi",
            LUN,
            False,
        ),
        (hostdev("scsi", "<host name='san' port='3260'/>", "protocol='iscsi' name='iqn.x/1'"), "scsi", LUN, False),
        (hostdev("mdev", "<address uuid='C60CC60C-C60C'/>"), "mdev", {"uuid": "c60cc60c-c60c"}, True),
        (hostdev("mdev", "<address uuid='C60CC60C-C60C'/>"), "mdev", {}, False),
        ("<disk type='block'><source dev='/dev/sdb'/></disk>", "storage", {"block": "/dev/sdb"}, True),
        ("<disk type='block'><source dev='/dev/sdc'/></disk>", "storage", {"block": "/dev/sdb"}, False),
        (
            "<disk type='block'><source dev='/dev/disk/by-id/x'/></disk>",
            "storage",
            {"block": "/dev/sdb", "devlinks": ["/dev/disk/by-id/x"]},
            True,
        ),
        ("<disk type='file'><source file='/dev/sdb'/></disk>", "storage", {"block": "/dev/sdb"}, True),
        ("<disk type='file'><source file='/srv/dev/sdb'/></disk>", "storage", {"block": "/dev/sdb"}, False),
        ("<metadata><x>/dev/sdb</x></metadata>", "storage", {"block": "/dev/sdb"}, False),
        (
            "<metadata/><disk type='block'><source dev='/dev/sdb'/></disk><metadata/>",
            "storage",
            {"block": "/dev/sdb"},
            True,
        ),
        ("<disk type='block'/>", "storage", {"block": ""}, False),
        ("<hostdev/>", "usb_device", STICK, False),
    ],
)
def test_what_a_domain_takes(element, capability, fields, taken):
    device = NodeDevice("n", capability, fields=fields)
    assert DomainSources([parse_layout(domain_xml(extra=element))]).take(device) is taken


def test_a_volume_is_taken_by_the_path_that_its_pool_has_for_it():
    layout = parse_layout(domain_xml(extra="<disk type='volume'><source pool='p' volume='v'/></disk>"))
    disk = NodeDevice("n", "storage", fields={"block": "/dev/sdb"})
    for path, taken in (("/dev/sdb", True), ("/dev/sdc", False), ("/srv/v", False)):
        known = Domain("web1", "u", layout, None, {("p", "v"): (path,), ("p", "w"): ("/dev/sdb",)})
        assert DomainSources([layout], volume_nodes(known, layout)).take(disk) is taken


def test_domains_without_devices_and_without_xml_take_nothing():
    assert not DomainSources([DomainLayout(), parse_layout("<domain/>")]).take(
        NodeDevice("n", "usb_device", fields=STICK)
    )


def test_an_adapter_with_more_digits_than_python_reads_takes_nothing():
    source = f"<adapter name='scsi_host{'9' * 5000}'/><address bus='0' target='2' unit='7'/>"
    taken = DomainSources([parse_layout(domain_xml(hostdev("scsi", source)))])
    assert not taken.take(NodeDevice("x", "scsi", fields=LUN))
