# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an anonymous recording has of a host's names, which is nothing, and of the rest, which is all."""

from __future__ import annotations

import gzip
import json
import os
import re
import types
import typing as t
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import iproute
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.file import read_recording
from ansible_collections.kvm.hostdev.plugins.module_utils._module import recording as recording_module
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, scsi, usb
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA

FACTS, RECORD = "pci_facts", "pci_recording"
CLAIM, RELEASE = "pci_passthrough_claim", "pci_passthrough_release"
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}
CARD = "/sys/devices/pci0000:00/0000:00:1c.0"

SECRET_UUID = "f00dfeed-1111-4222-8333-444455556666"
PLANTED = (
    *("kvm-acme-07", "corp.example", "hunter2", "uplink-acme", "br-acme", "acme-net", "acme-pool"),
    *("VPDSER12345", "STICK0815", "5000c500a1b2c3d4", "PAGE80SER", "WD-WX99", "SEC-9000"),
    *("52:54:00:12:34", "52_54_00_12_34", "de:ad:be:ef:00", "192.168.77.5", "fd00:ac"),
    *("customer-vm", "Payroll of Acme", "told nobody", "payroll.qcow2", "openstack", "ua-payroll", "oem string acme"),
    *("/srv/acme", UUID, SECRET_UUID, "dpdk-acme", "11-22-33-44-55-66-77-88", "8877665544332211"),
    *("0123456789abcdef0123456789abcdef", "SMBIOSSERIAL", "vault.example", "ACMEPART", "rack 7"),
    *("acme-profile", "psk-of-acme", "make-vfs-of-acme", "token-of-acme", "acme.conf"),
)

PROFILE = f"""[connection]
id=acme-profile
uuid={SECRET_UUID}
type=ethernet
interface-name=enp1s0
[802-1x]
password=psk-of-acme
[sriov]
total-vfs=4
"""
SCRIPT = f"curl -H token-of-acme vault.example; echo 4 > /sys/bus/pci/devices/{IGB_PF}/sriov_numvfs\n"
BINDER = f"curl -H token-of-acme vault.example; driverctl set-override {IGB_PF} vfio-pci\n"

SECRETS = """
<title>Payroll of Acme</title><description>told nobody</description>
<metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">openstack</nova:instance></metadata>
<sysinfo type="smbios"><oemStrings><entry>oem string acme</entry></oemStrings></sysinfo>
"""
DEVICES = f"""
<disk type="file" device="disk"><source file="/srv/acme/payroll.qcow2"/><target dev="vda" bus="virtio"/>
<serial>SEC-9000</serial>
<encryption format="luks"><secret type="passphrase" uuid="{SECRET_UUID}"/></encryption></disk>
<disk type="network" device="disk"><source protocol="rbd" name="acme-pool/payroll"><host name="vault.example"/>
<auth username="acme"><secret type="ceph" uuid="{SECRET_UUID}"/></auth></source><target dev="vdb" bus="virtio"/></disk>
<interface type="bridge"><mac address="de:ad:be:ef:00:01"/><source bridge="br-acme"/><target dev="vnet7"/></interface>
<interface type="network"><mac address="de:ad:be:ef:00:02"/><source network="acme-net"/><alias name="ua-payroll"/>
</interface>
<graphics type="vnc" port="5900" passwd="hunter2" listen="192.168.77.5"/>
"""
SYSTEM = """<device><name>computer</name><capability type="system"><product>R740</product>
<hardware><vendor>Dell</vendor><version>1</version><serial>SMBIOSSERIAL</serial>
<uuid>f00dfeed-9999-4222-8333-444455556666</uuid></hardware></capability></device>"""
VPD = """<device><name>pci_0000_00_1c_0</name><path>/sys/devices/pci0000:00/0000:00:1c.0</path><parent>computer</parent>
<capability type="pci"><domain>0</domain><bus>0</bus><slot>28</slot><function>0</function>
<capability type="vpd"><name>NIC</name><fields access="readonly"><part_number>ACMEPART</part_number>
<serial_number>VPDSER12345</serial_number><vendor_field index="0">rack 7 of acme</vendor_field></fields></capability>
</capability></device>"""


class Node:
    """A libvirt.virNodeDevice."""

    def __init__(self, xml: str) -> None:
        self._xml = xml

    def name(self) -> str:
        return ET.fromstring(self._xml).findtext("name") or ""

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802 - libvirt's name
        return self._xml


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    """A host with something of everything that nobody else may know."""
    host = lab_host
    runner = Runner(host, monkeypatch, capsys)
    monkeypatch.setattr(recording_module, "Tree", lambda: host.tree)
    for module in (recording_module, iproute):
        monkeypatch.setattr(module, "Iproute", {"ip": host.links, "devlink": host.links.devlink}.get)
    names = types.SimpleNamespace(nodename="kvm-acme-07.corp.example")
    monkeypatch.setattr(
        recording_module, "os", types.SimpleNamespace(**{**vars(os), "uname": lambda: names, "environ": {}})
    )
    nodes = [ET.tostring(one, encoding="unicode") for one in ET.parse(DATA / "lab-trixie.nodedevs.xml").getroot()]
    host.libvirt.listAllDevices = lambda flags: [Node(VPD)] if flags else [*map(Node, [*nodes, SYSTEM, VPD])]
    plug(host, usb("1-1", 3, serial="STICK0815"), scsi("2:0:0:0", block="sda"), _card())
    host.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    host.write("/etc/NetworkManager/system-connections/acme-profile.nmconnection", PROFILE)
    host.write("/etc/rc.local", SCRIPT + BINDER)
    host.write("/etc/modprobe.d/acme.conf", "options vfio-pci ids=8086:10ca\n")
    host.write("/proc/cmdline", "root=/dev/mapper/acme intel_iommu=on ip=192.168.77.5::::kvm-acme-07 hunter2 quiet\n")
    host.write("/run/udev/data/b8:0", "S:disk/by-id/ata-WD-WX99\nE:ID_SERIAL=WD-WX99\nE:ID_PATH=acme\n")
    disk = host.root / "sys/devices/pci0000:00/0000:00:1e.0/host2/target2:0:0/2:0:0:0"
    (disk / "vpd_pg80").write_bytes(b"\0\x80\0\x09PAGE80SER")
    (host.root / CARD[1:] / "vpd").write_bytes(b"\x90\x0e\0SN\x0bVPDSER12345\x78")
    mounts = (host.root / "proc/self/mountinfo").read_text()
    host.write("/proc/self/mountinfo", f"{mounts}98 1 8:0 / /srv/acme rw - ext4 /dev/sda rw\n")
    xml = domain_xml(extra=DEVICES, name="customer-vm").replace("<devices>", f"{SECRETS}<devices>", 1)
    host.libvirt.domains.clear()
    host.domain = host.libvirt.define("customer-vm", config=xml, live=xml)
    return runner


def _card() -> dict[str, str]:
    """A NIC with vital product data and an interface with a name of its own."""
    return {
        f"{CARD}/vendor": "0x15b3\n",
        f"{CARD}/device": "0x1017\n",
        f"{CARD}/class": "0x020000\n",
        f"{CARD}/subsystem_vendor": "0x15b3\n",
        f"{CARD}/subsystem_device": "0x0001\n",
        f"{CARD}/net/uplink-acme/address": "de:ad:be:ef:00:07\n",
        f"{CARD}/net/uplink-acme/addr_assign_type": "0\n",
        f"{CARD}/net/uplink-acme/operstate": "up\n",
        f"{CARD}/driver_override": "(null)\n",
        f"{CARD}/iommu_group": "-> ../../../kernel/iommu_groups/99",
        "/sys/kernel/iommu_groups/99/devices/0000:00:1c.0": f"-> ../../../../..{CARD[4:]}",
        "/sys/bus/pci/devices/0000:00:1c.0": f"-> ../../..{CARD[4:]}",
        "/sys/class/net/uplink-acme": f"-> ../..{CARD[4:]}/net/uplink-acme",
    }


def recorded(runner: Runner, *, anonymous: bool = True) -> str:
    path = str(runner.host.root.parent / f"host-{anonymous}.json.gz")
    runner.done(RECORD, dest=path, anonymous=anonymous)
    return path


def facts(runner: Runner, **options: t.Any) -> dict[str, t.Any]:
    return runner.done(FACTS, **options)["ansible_facts"]["hostdev"]


def test_nothing_that_was_planted_is_in_an_anonymous_recording(runner):
    runner.done(CLAIM, domain="customer-vm", requests=[{**NIC, "network": {"mac": "de:ad:be:ef:00:09"}}])
    runner.done(CLAIM, owner="dpdk-acme", requests=[{**NIC, "count": 1}], labels={"acme-team": "acme"})
    planted = {**facts(runner), "record": runner.host.record, "xml": runner.host.domain.xml[CONFIG]}
    there = json.dumps(planted, ensure_ascii=False).lower()
    with gzip.open(recorded(runner), "rt") as file:
        text = file.read().lower()
    assert [name for name in PLANTED if name.lower() in text] == []
    assert [name for name in PLANTED if name.encode().hex() in text] == []
    # What was looked for was there to be found: names that were only planted elsewhere are few.
    assert sum(name.lower() in there for name in PLANTED) > len(PLANTED) / 2
    assert "hunter2" in runner.host.domain.xml[CONFIG]


def test_no_secret_of_a_domain_is_in_a_recording_that_is_not_anonymous(runner):
    with gzip.open(recorded(runner, anonymous=False), "rt") as file:
        text = file.read()
    secrets = ("hunter2", SECRET_UUID, "told nobody", "Payroll", "openstack", "payroll.qcow2", "oem string", "SEC-9000")
    assert [secret for secret in secrets if secret in text] == []
    assert "customer-vm" in text
    assert "0123456789abcdef0123456789abcdef" not in text


def test_who_makes_vfs_and_binds_devices_is_recorded_and_not_what_else_stands_in_their_files(runner):
    with gzip.open(recorded(runner, anonymous=False), "rt") as file:
        recording = json.load(file)
    text = json.dumps(recording)
    assert [secret for secret in ("token-of-acme", "psk-of-acme", SECRET_UUID) if secret in text] == []
    told = {(maker["path"], maker["line"], maker["count"]) for maker in recording["vf_makers"][IGB_PF]}
    assert told == {
        ("/etc/NetworkManager/system-connections/acme-profile.nmconnection", 9, 4),
        ("/etc/rc.local", 1, 4),
    }
    assert [(binder["path"], binder["line"]) for binder in recording["binders"]] == [
        ("/etc/modprobe.d/acme.conf", 1),
        ("/etc/rc.local", 2),
    ]
    anonymous = read_recording(recorded(runner))
    assert len(anonymous.vf_makers[IGB_PF]) == len(anonymous.binders) == 2


def _codes(host: dict[str, t.Any]) -> list[t.Any]:
    return [
        (
            device["address"],
            device["status"],
            device["claimable"],
            device["iommu_group"],
            device["driver"],
            device["parent"],
            [(blocker["code"], blocker["address"]) for blocker in device["blockers"]],
            [name for name in device["affected"] if "/" not in name],
        )
        for device in host["devices"]
        if device["capability"] == "pci"
    ]


def test_facts_of_an_anonymous_recording_are_the_hosts_but_for_names(runner):
    runner.done(CLAIM, domain="customer-vm", requests=[NIC])
    real, told = facts(runner), facts(runner, recording=recorded(runner))
    assert _codes(told) == _codes(real)
    for part in ("iommu_groups", "pools"):
        assert told[part] == real[part]
    assert [drift["code"] for drift in told["drift"]] == [drift["code"] for drift in real["drift"]]
    assert len(told["devices"]) == len(real["devices"])
    assert _kinds(told) == _kinds(real)


def _kinds(host: dict[str, t.Any]) -> list[t.Any]:
    return sorted((str(device.get("capability")), sorted(device)) for device in host["devices"])


def test_facts_of_a_recording_that_is_not_anonymous_are_the_hosts(runner):
    runner.done(CLAIM, domain="customer-vm", requests=[NIC])
    real, told = facts(runner), facts(runner, recording=recorded(runner, anonymous=False))
    for host in (real, told):
        host["host"].pop("gathered_at")
    assert told == real


def test_the_same_serial_is_the_same_other_one_everywhere(runner):
    """In sysfs, on record, and in what libvirt tells, there also within another text."""
    runner.done(CLAIM, owner="dpdk0", requests=[{"name": "disk", "specs": [{"serial": "LABNVME0"}]}])
    path = recorded(runner)
    with gzip.open(path, "rt") as file:
        recording = json.load(file)
    claim = json.loads(recording["record"])["claims"][0]
    other = claim["devices"][0]["identity"]["serial"]
    assert other != "LABNVME0"
    assert re.fullmatch(r"[A-Z]{7}\d", other)
    assert claim["requests"][0]["specs"][0]["serial"] == other
    told = facts(runner, recording=path)["devices"]
    assert [device["address"] for device in told if device.get("status") == "claimed"] == ["0000:04:00.0"]
    names = [name for name, _xml in recording["libvirt"]["node_devices"] if name.startswith("block_nvme2n1")]
    assert names == [f"block_nvme2n1_QEMU_NVMe_Ctrl_{other}_1"]
    card = next(xml for name, xml in recording["libvirt"]["node_devices"] if name == "pci_0000_00_1c_0")
    vital = next(device["serial"] for device in told if device["name"] == "pci_0000_00_1c_0")
    assert ET.fromstring(card).findtext(".//serial_number") == vital != "VPDSER12345"


def test_an_anonymous_mac_is_a_locally_administered_one(runner):
    devices = facts(runner, recording=recorded(runner))["devices"]
    macs = [child["address"] for device in devices for child in device.get("children", ()) if child["kind"] == "net"]
    assert len(macs) == len({*macs}) > 3
    assert all(re.fullmatch(r"02(:[0-9a-f]{2}){5}", mac) for mac in macs)


def test_two_anonymous_recordings_have_nothing_to_be_compared_by(runner):
    first, second = (facts(runner, recording=recorded(runner))["devices"] for _turn in range(2))
    serials = [{device.get("serial") for device in devices} - {None} for devices in (first, second)]
    assert serials[0]
    assert serials[0].isdisjoint(serials[1])


@pytest.mark.parametrize(
    ("module", "options"), [(CLAIM, {"requests": [{**NIC, "count": 3}]}), (RELEASE, {})], ids=["claim", "release"]
)
def test_a_plan_on_an_anonymous_recording_is_the_hosts(runner, module, options):
    runner.done(CLAIM, domain="customer-vm", requests=[NIC])
    path = recorded(runner)
    real = runner.done(module, domain="customer-vm", **options, check=True)
    told = runner.done(module, domain="domain1", **options, check=True, recording=path)
    assert [(step["kind"], step["address"]) for step in told["plan"]] == [
        (step["kind"], step["address"]) for step in real["plan"]
    ]
    assert told["changed"] is True
    assert IGB_PF not in [step["address"] for step in told["plan"]]
