# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_device import NodeDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_fields import FIELDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_xml import mark_hubs, parse_node_device

IDS = "<product id='0x5567'>Cruzer Blade</product><vendor id='0x0781'>SanDisk</vendor>"
PCI = (
    "<domain>0</domain><bus>1</bus><slot>16</slot><function>2</function>"
    "<product id='0x10ca'>82576 VF</product><vendor id='0x8086'/>"
)


def xml(kind, inner="", *, name="n", more=""):
    return f"<device><name>{name}</name>{more}<capability type='{kind}'>{inner}</capability></device>"


def read(kind, inner="", **named):
    device = parse_node_device(xml(kind, inner, **named))
    assert device.warning is None
    assert device.capability == kind
    assert json.loads(json.dumps(device.as_dict())) == device.as_dict()
    assert set(device.fields) <= FIELDS
    return device


@pytest.mark.parametrize(
    ("kind", "inner", "wanted"),
    [
        (
            "system",
            "<product>Q35</product><hardware><vendor>QEMU</vendor><serial>007</serial><uuid>c1</uuid></hardware>"
            "<firmware><vendor>SeaBIOS</vendor><release_date>04/01/2014</release_date></firmware>",
            {
                "product": "Q35",
                "hardware": {"vendor": "QEMU", "serial": "007", "uuid": "c1"},
                "firmware": {"vendor": "SeaBIOS", "release_date": "04/01/2014"},
            },
        ),
        (
            "usb_device",
            f"<bus>2</bus><device>08</device>{IDS}",
            {
                "bus": 2,
                "device": 8,
                "product_id": "5567",
                "product_name": "Cruzer Blade",
                "vendor_id": "0781",
                "vendor_name": "SanDisk",
            },
        ),
        (
            "usb",
            "<number>0</number><class>8</class><subclass>6</subclass><protocol>80</protocol><description>d</description>",
            {"number": 0, "class": 8, "subclass": 6, "protocol": 80, "description": "d"},
        ),
        (
            "net",
            "<interface>eth0</interface><address>52:54:00:00:00:01</address><link speed='1000' state='up'/>"
            "<feature name='rx'/><feature name='tso'/><capability type='80203'/>",
            {
                "interface": "eth0",
                "address": "52:54:00:00:00:01",
                "link": {"speed": 1000, "state": "up"},
                "features": ["rx", "tso"],
                "link_type": "80203",
            },
        ),
        (
            "net",
            "<interface>wlan0</interface><link state='down'/><capability type='80211'/>",
            {"interface": "wlan0", "link": {"speed": None, "state": "down"}, "link_type": "80211"},
        ),
        (
            "scsi_host",
            "<host>12</host><unique_id>3</unique_id>"
            "<capability type='fc_host'><wwnn>2000F4E9D4EB02C9</wwnn><wwpn>2001f4e9d4eb02c9</wwpn>"
            "<fabric_wwn>2001547feebe79c1</fabric_wwn></capability>"
            "<capability type='vport_ops'><max_vports>254</max_vports><vports>2</vports></capability>",
            {
                "host": 12,
                "unique_id": 3,
                "fc_host": {
                    "wwnn": "2000f4e9d4eb02c9",
                    "wwpn": "2001f4e9d4eb02c9",
                    "fabric_wwn": "2001547feebe79c1",
                },
                "vport_ops": {"max_vports": 254, "vports": 2},
            },
        ),
        (
            "scsi_target",
            "<target>target1:0:0</target><capability type='fc_remote_port'><rport>rport-1:0-0</rport>"
            "<wwpn>0x9d73bc45f0e21a86</wwpn></capability>",
            {"target": "target1:0:0", "fc_remote_port": {"rport": "rport-1:0-0", "wwpn": "9d73bc45f0e21a86"}},
        ),
        (
            "scsi",
            "<host>1</host><bus>0</bus><target>3</target><lun>8</lun><type>disk</type>",
            {"host": 1, "bus": 0, "target": 3, "lun": 8, "type": "disk"},
        ),
        ("scsi_generic", "<char>/dev/sg0</char>", {"char": "/dev/sg0"}),
        (
            "storage",
            "<block>/dev/sr0</block><bus>scsi</bus><drive_type>cdrom</drive_type><model>DVD</model><vendor>HL</vendor>"
            "<capability type='removable'><media_available>1</media_available><media_size>12345678</media_size>"
            "<media_label>XP</media_label><logical_block_size>2048</logical_block_size><num_blocks>6028</num_blocks>"
            "</capability><capability type='hotpluggable'/>",
            {
                "block": "/dev/sr0",
                "bus": "scsi",
                "drive_type": "cdrom",
                "model": "DVD",
                "vendor": "HL",
                "removable": {
                    "media_available": True,
                    "media_size": 12345678,
                    "media_label": "XP",
                    "logical_block_size": 2048,
                    "num_blocks": 6028,
                },
                "hotpluggable": True,
            },
        ),
        (
            "storage",
            "<block>/dev/vda</block><vendor>0x1af4</vendor><serial>0123</serial><size>1000204886016</size>",
            {"block": "/dev/vda", "vendor": "0x1af4", "serial": "0123", "size": 1000204886016},
        ),
        ("drm", "<type>render</type>", {"type": "render"}),
        (
            "mdev",
            "<type id='i915-GVTg_V5_8'/><uuid>d069d019</uuid><parent_addr>0000:00:02.0</parent_addr>"
            "<iommuGroup number='12'/><attr name='a' value='1'/><attr name='b' value='2'/>",
            {
                "type": "i915-GVTg_V5_8",
                "uuid": "d069d019",
                "parent_addr": "0000:00:02.0",
                "iommu_group": 12,
                "attributes": {"a": "1", "b": "2"},
            },
        ),
        ("vdpa", "<chardev>/dev/vhost-vdpa-0</chardev>", {"chardev": "/dev/vhost-vdpa-0"}),
        ("ap_card", "<ap-adapter>0x07</ap-adapter>", {"ap_adapter": "07"}),
        (
            "ap_queue",
            "<ap-adapter>0x07</ap-adapter><ap-domain>0x0038</ap-domain>",
            {"ap_adapter": "07", "ap_domain": "0038"},
        ),
        (
            "ap_matrix",
            "<capability type='mdev_types'><type id='vfio_ap-passthrough'><name>AP</name><deviceAPI>vfio-ap</deviceAPI>"
            "<availableInstances>65536</availableInstances></type></capability>",
            {
                "mdev_types": [
                    {
                        "id": "vfio_ap-passthrough",
                        "name": "AP",
                        "device_api": "vfio-ap",
                        "available_instances": 65536,
                    }
                ]
            },
        ),
        (
            "ccw",
            "<cssid>0x0</cssid><ssid>0x0</ssid><devno>0xff02</devno>"
            "<capability type='ccwgroup_member'><group_device>ccwgroup_0_0_ff00</group_device></capability>",
            {"cssid": "0", "ssid": "0", "devno": "ff02", "ccwgroup_member": {"group_device": "ccwgroup_0_0_ff00"}},
        ),
        (
            "ccwgroup",
            "<state>online</state><cssid>0x0</cssid><ssid>0x0</ssid><devno>0xbd00</devno><members>"
            "<ccw_device ref='cdev1'>ccw_0_0_bd01</ccw_device></members>"
            "<capability type='qeth_generic'><card_type>OSD_10GIG</card_type><chpid>BD</chpid></capability>",
            {
                "state": "online",
                "cssid": "0",
                "ssid": "0",
                "devno": "bd00",
                "members": {"cdev1": "ccw_0_0_bd01"},
                "qeth_generic": {"card_type": "OSD_10GIG", "chpid": "bd"},
            },
        ),
        (
            "css",
            "<cssid>0x0</cssid><ssid>0x0</ssid><devno>0xfffe</devno><channel_dev_addr><cssid>0x0</cssid>"
            "<ssid>0x0</ssid><devno>0x0815</devno></channel_dev_addr>",
            {
                "cssid": "0",
                "ssid": "0",
                "devno": "fffe",
                "channel_dev_addr": {"cssid": "0", "ssid": "0", "devno": "0815"},
            },
        ),
    ],
)
def test_fields_of_each_capability(kind, inner, wanted):
    assert read(kind, inner).fields == wanted


def test_a_pci_function():
    device = read(
        "pci",
        "<class>0x020000</class>" + PCI + "<capability type='phys_function'>"
        "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></capability>"
        "<capability type='mdev_types'><type id='t'/></capability>"
        "<iommuGroup number='18'><address domain='0x0000' bus='0x01' slot='0x10' function='0x2'/></iommuGroup>"
        "<numa node='1'/><pci-express><link validity='cap' port='0' speed='2.5' width='4'/>"
        "<link validity='sta' width='0'/></pci-express>",
        name="pci_0000_01_10_2",
    )
    assert device.address == "0000:01:10.2"
    assert device.capabilities == ("phys_function", "mdev_types")
    assert device.fields == {
        "class": "020000",
        "domain": 0,
        "bus": 1,
        "slot": 16,
        "function": 2,
        "product_id": "10ca",
        "product_name": "82576 VF",
        "vendor_id": "8086",
        "vendor_name": None,
        "iommu_group": 18,
        "numa_node": 1,
        "pci_express": {"cap": {"port": 0, "speed": 2.5, "width": 4}, "sta": {"width": 0}},
        "physical_function": "0000:01:00.0",
        "mdev_types": [{"id": "t", "name": None, "device_api": None, "available_instances": 0}],
    }


@pytest.mark.parametrize(
    ("inner", "wanted"),
    [
        ("<capability type='virt_functions' maxCount='7'/>", {"virtual_functions": [], "total_vfs": 7}),
        (
            "<capability type='virt_functions'><address domain='0x10000' bus='0x01' slot='0x10' function='0x0'/>"
            "</capability>",
            {"virtual_functions": ["10000:01:10.0"], "total_vfs": 1},
        ),
        ("<capability type='pci-bridge'/>", {"header_type": 1}),
        ("<capability type='cardbus-bridge'/>", {"header_type": 2}),
        (
            "<capability type='vpd'><name>BlueField-2</name><fields access='readonly'>"
            "<serial_number>MT21</serial_number><vendor_field index='0'>x8</vendor_field>"
            "<vendor_field index='A'>b</vendor_field></fields>"
            "<fields access='readwrite'><system_field index='B'>c</system_field></fields></capability>",
            {
                "vpd": {
                    "name": "BlueField-2",
                    "readonly": {"serial_number": "MT21", "vendor_fields": {"0": "x8", "A": "b"}},
                    "readwrite": {"system_fields": {"B": "c"}},
                }
            },
        ),
    ],
)
def test_what_is_nested_in_a_pci_function(inner, wanted):
    fields = read("pci", PCI + inner).fields
    assert {key: fields[key] for key in wanted} == wanted


def test_what_every_device_has():
    device = read(
        "drm",
        "<type>primary</type>",
        more="<path>/sys/devices/x</path><devnode type='dev'>/dev/dri/card0</devnode>"
        "<devnode type='link'>/dev/dri/by-path/a</devnode><devnode type='link'>/dev/dri/by-path/b</devnode>"
        "<parent>pci_0000_00_01_0</parent><driver><name>bochs</name></driver>",
    )
    assert device.as_dict() == {
        "name": "n",
        "capability": "drm",
        "capabilities": [],
        "parent": "pci_0000_00_01_0",
        "path": "/sys/devices/x",
        "driver": "bochs",
        "devnode": "/dev/dri/card0",
        "devlinks": ["/dev/dri/by-path/a", "/dev/dri/by-path/b"],
        "type": "primary",
    }


def test_an_unknown_link_speed_is_no_speed():
    assert read("net", "<interface>e</interface><link speed='4294967295' state='up'/>").fields["link"]["speed"] is None


def test_an_unknown_capability_is_kept_as_text():
    device = parse_node_device(
        xml(
            "zorro",
            "text<slotSize>4</slotSize><a>1</a><a>2</a><a>3</a><b x='1'>t<c>2</c></b><name>Amiga</name>"
            "<capability type='auto-config'><rom>0x10</rom></capability><capability type='boot'/>",
        )
    )
    assert device.warning is None
    assert device.capabilities == ("auto-config", "boot")
    shown = device.as_dict()
    assert shown["name"] == "n"
    assert {key: shown[key] for key in device.fields if key != "name"} == {
        "text": "text",
        "slot_size": "4",
        "a": ["1", "2", "3"],
        "b": {"x": "1", "text": "t", "c": "2"},
        "auto_config": {"rom": "0x10"},
        "boot": True,
    }
    assert shown["zorro_name"] == "Amiga"


def test_an_unknown_field_of_a_known_capability_is_kept_as_text():
    device = parse_node_device(xml("storage", "<block>/dev/sda</block><zonedModel>host-managed</zonedModel>"))
    assert device.fields == {"block": "/dev/sda", "zoned_model": "host-managed"}
    assert device.warning is None


def test_capabilities_side_by_side_are_as_if_nested():
    device = parse_node_device(
        "<device><name>n</name><capability type='scsi_host'><host>1</host></capability>"
        "<capability type='fc_host'><wwnn>20</wwnn></capability></device>"
    )
    assert (device.capability, device.capabilities) == ("scsi_host", ("fc_host",))
    assert device.fields == {"host": 1, "fc_host": {"wwnn": "20"}}


@pytest.mark.parametrize(
    ("text", "name", "capability", "fields", "warning"),
    [
        ("", "", None, {}, "its XML is broken: no element found: line 1, column 0"),
        ("<domain/>", "", None, {}, "its XML is no <device>"),
        ("<device/>", "", None, {}, "it has no capability"),
        ("<device><name>n</name></device>", "n", None, {}, "it has no capability"),
        ("<device><name>n</name><capability/></device>", "n", None, {}, "it has no capability"),
        (
            xml("usb_device", f"<bus>one</bus><device>2</device>{IDS}"),
            "n",
            "usb_device",
            {
                "device": 2,
                "product_id": "5567",
                "product_name": "Cruzer Blade",
                "vendor_id": "0781",
                "vendor_name": "SanDisk",
            },
            "<bus>: 'one' is no number",
        ),
        (
            xml("scsi", "<host>1</host><bus/><lun>1</lun>"),
            "n",
            "scsi",
            {"host": 1, "lun": 1},
            "<bus>: '' is no number; <target> is missing",
        ),
        (xml("usb", "<number>1</number>"), "n", "usb", {"number": 1}, "<class> is missing"),
        (
            xml("ccw", "<devno>0xzz</devno>"),
            "n",
            "ccw",
            {},
            "<devno>: '0xzz' is no hexadecimal number",
        ),
        (
            "<device><name>net_eth0</name><capability type='net'><interface>eth0</interface><addr",
            "net_eth0",
            "net",
            {"interface": "eth0"},
            "its XML is broken: unclosed token: line 1, column 79",
        ),
        (
            xml(
                "storage",
                "<block>/dev/sda</block><capability type='removable'><media_size>big</media_size></capability>",
            ),
            "n",
            "storage",
            {"block": "/dev/sda", "removable": {}},
            "<media_size>: 'big' is no number",
        ),
    ],
)
def test_an_odd_device_has_what_could_be_read_and_a_warning(text, name, capability, fields, warning):
    device = parse_node_device(text)
    assert device == NodeDevice(name, capability, fields=fields, capabilities=device.capabilities, warning=warning)
    assert device.as_dict()["warning"] == warning


@pytest.mark.parametrize(
    ("inner", "name", "address", "warning"),
    [
        (
            PCI.replace("<bus>1<", "<bus>4294967295<"),
            "pci_0000_01_10_2",
            "0000:01:10.2",
            "its parts make no PCI address: 0, 4294967295, 16, 2",
        ),
        (PCI.replace("<bus>1<", "<bus>x<"), "pci_0000_01_10_2", "0000:01:10.2", "<bus>: 'x' is no number"),
        (PCI.replace("<slot>16</slot>", ""), "pci_8086_10ca", None, "<slot> is missing"),
        (
            PCI + "<capability type='phys_function'/>",
            "n",
            "0000:01:10.2",
            "<capability type='phys_function'>: <address> is missing",
        ),
        (PCI + "<iommuGroup/>", "n", "0000:01:10.2", "<iommuGroup>: '' is no number"),
    ],
)
def test_an_odd_pci_function_has_the_address_of_its_name_if_any(inner, name, address, warning):
    device = parse_node_device(xml("pci", inner, name=name))
    assert (device.address, device.warning) == (address, warning)
    assert device.as_dict()["address"] == address


def test_hubs_are_marked_by_their_ids_their_interfaces_and_their_place():
    def usb(name, vendor, product, path="/sys/x"):
        ids = f"<product id='0x{product}'/><vendor id='0x{vendor}'/>"
        return parse_node_device(
            xml("usb_device", f"<bus>1</bus><device>1</device>{ids}", name=name, more=f"<path>{path}</path>")
        )

    def interface(parent, number):
        return parse_node_device(
            xml(
                "usb",
                f"<number>0</number><class>{number}</class>",
                name=f"{parent}_if",
                more=f"<parent>{parent}</parent>",
            )
        )

    devices = [
        usb("root", "1d6b", "0002"),
        usb("gadget", "1d6b", "0104"),
        usb("stub", "0000", "0000", "/sys/devices/pci0000:00/0000:00:14.0/usb3"),
        usb("hub", "05e3", "0608"),
        usb("stick", "0781", "5567"),
        interface("hub", 9),
        interface("stick", 8),
        parse_node_device(xml("drm", "<type>render</type>", name="card")),
    ]
    marked = {device.name: device.fields for device in mark_hubs(devices)}
    assert {name: (fields["hub"], fields["root_hub"]) for name, fields in marked.items() if "hub" in fields} == {
        "root": (True, True),
        "gadget": (False, False),
        "stub": (True, True),
        "hub": (True, False),
        "stick": (False, False),
    }


@pytest.mark.parametrize(
    ("kind", "inside", "key"),
    [
        ("pci", "<capability type='domain'/>", "domain"),
        ("usb_device", "<capability type='vendor_id'><x/></capability>", "vendor_id"),
        ("usb_device", "<vendor_id/><vendor_id/>", "vendor_id"),
        ("usb_device", "<product_id> </product_id>", "product_id"),
        ("usb_device", "<product_id>0x12345</product_id>", "product_id"),
        ("scsi", "<capability type='lun'/>", "lun"),
        ("mdev", "<capability type='uuid'/>", "uuid"),
        ("storage", "<capability type='block'/>", "block"),
        ("storage", "<devlinks>/dev/sda</devlinks>", "devlinks"),
        ("storage", "<devlinks><x/></devlinks><devlinks/>", "devlinks"),
    ],
)
def test_what_is_new_to_us_does_not_take_the_place_of_a_field_that_devices_are_found_by(kind, inside, key):
    device = parse_node_device(f"<device><name>x</name><capability type='{kind}'>{inside}</capability></device>")
    assert key not in device.fields
    assert f"{key} is not of the form that is known" in (device.warning or "")


@pytest.mark.parametrize("speed", ["nan", "inf", "-1e999", "9" * 400])
def test_a_speed_that_is_no_number_of_json_is_left_out_with_a_warning(speed):
    device = parse_node_device(
        "<device><name>x</name><capability type='pci'>"
        f"<pci-express><link validity='cap' speed='{speed}'/></pci-express></capability></device>"
    )
    assert "pci_express" not in device.fields
    assert "is no decimal number" in (device.warning or "")
