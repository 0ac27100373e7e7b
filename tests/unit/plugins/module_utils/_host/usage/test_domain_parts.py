# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What domains have, by the functions that carry it."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.domain_parts import part_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain, parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import DomainUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, virtual
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

HOST = {
    **disk("sda", A, "sda1"),
    **disk("sdb", B),
    **virtual("dm-0", "sda1", "sdb"),
    **{f"/dev/{name}": "" for name in ("sda", "sda1", "sdb", "dm-0", "null")},
    "/dev/disk/by-id/x": "-> ../../sda1",
    "/dev/vg/lv": "-> ../dm-0",
}
BLOCK = "<disk type='block' device='disk'><source dev='{}'/><target dev='vda'/></disk>"
VOLUME = "<disk type='volume'><source pool='p' volume='v'/></disk>"


def domain(config=None, live=None, volumes=None):
    layouts = [parse_layout(domain_xml(extra=extra)) if extra is not None else None for extra in (config, live)]
    return Domain("web1", UUID, *layouts, volumes or {})


def found(folder, *domains):
    files(folder, HOST)
    return list(part_uses(Tree(str(folder)), domains))


def use(node, *, via="disk", config=True, live=False, active=False):
    return DomainUse("web1", UUID, via, active=active, config=config, live=live, node=node)


@pytest.mark.parametrize(
    ("xml", "node", "addresses"),
    [
        (BLOCK.format("/dev/sda"), "/dev/sda", [A]),
        (BLOCK.format("/dev/disk/by-id/x"), "/dev/disk/by-id/x", [A]),
        (BLOCK.format("/dev/vg/lv"), "/dev/vg/lv", [A, B]),
        ("<disk type='file'><source file='/dev/sdb'/></disk>", "/dev/sdb", [B]),
        (
            "<disk type='file'><source file='/srv/a.qcow2'/><backingStore type='block'><source dev='/dev/sdb'/>"
            "</backingStore></disk>",
            "/dev/sdb",
            [B],
        ),
        ("<x:commandline xmlns:x='y'><x:arg value='file=/dev/sdb,if=none'/></x:commandline>", "/dev/sdb", [B]),
    ],
)
def test_a_disk_counts_for_every_function_below_by_whichever_name_it_is_given(folder, xml, node, addresses):
    assert sorted(found(folder, domain(xml)), key=lambda pair: pair[0]) == [(one, use(node)) for one in addresses]


@pytest.mark.parametrize(
    "xml",
    [
        "",
        BLOCK.format("/dev/gone"),
        BLOCK.format("/dev/null"),
        "<disk type='file'><source file='/srv/sda'/></disk>",
        VOLUME,
        "<x><metadata>/dev/sda</metadata><description>not on /dev/sda</description><title>/dev/sdb</title></x>",
    ],
)
def test_what_names_no_block_device_of_the_host_counts_for_none(folder, xml):
    assert found(folder, domain(xml)) == []


@pytest.mark.parametrize(
    ("path", "addresses"), [("/dev/sda1", [A]), ("/dev/vg/lv", [A, B]), ("/var/lib/libvirt/images/sda", [])]
)
def test_a_volume_counts_by_where_its_pool_has_it(folder, path, addresses):
    uses = found(folder, domain(VOLUME, volumes={("p", "v"): (path,)}))
    assert sorted(address for address, _use in uses) == addresses


def test_a_volume_of_the_definition_alone_is_none_of_the_running_domains(folder):
    running = domain(VOLUME, "", volumes={("p", "v"): ("/dev/sdb",)})
    assert found(folder, running) == [(B, use("/dev/sdb", active=True))]


def test_what_a_domain_runs_with_and_what_it_is_defined_with_are_told_apart(folder):
    running = domain(BLOCK.format("/dev/sda"), BLOCK.format("/dev/disk/by-id/x") + BLOCK.format("/dev/sdb"))
    assert sorted(found(folder, running), key=lambda pair: pair[0]) == [
        (A, use("/dev/disk/by-id/x", live=True, active=True)),
        (B, use("/dev/sdb", config=False, live=True, active=True)),
    ]


PCI = f"/sys/devices/pci0000:00/{A}"
USB, UNIT = f"{PCI}/usb1/1-2", f"{PCI}/host2/target2:0:0/2:0:0:0"


def numbered(number, path):
    """A node in sysfs by its number, as it is on a host without the node itself in /dev."""
    return {f"{path}/dev": f"{number}\n", f"/sys/dev/char/{number}": f"-> ../..{path[4:]}"}


SERIAL = {**numbered("4:68", f"{PCI}/{A}:0/{A}:0.0/tty/ttyS4"), "/dev/ttyS4": "char 4:68\n"}
VDPA = {
    **numbered("511:0", f"{PCI}/vdpa0/vhost-vdpa-0"),
    "/sys/bus/vdpa/devices/vdpa0": f"-> ../../..{PCI[4:]}/vdpa0",
}
INTERFACES = {
    f"{PCI}/net/eth1/operstate": "up\n",
    "/sys/class/net/eth1": f"-> ../..{PCI[4:]}/net/eth1",
    "/sys/devices/virtual/net/bond0/lower_eth1": "-> ../eth1",
    "/sys/devices/virtual/net/bond0.7/lower_bond0": "-> ../bond0",
    "/sys/class/net/bond0": "-> ../../devices/virtual/net/bond0",
    "/sys/class/net/bond0.7": "-> ../../devices/virtual/net/bond0.7",
}
STICK = {
    **{f"{USB}/{name}": f"{value}\n" for name, value in {"busnum": 1, "devnum": 5, "idVendor": "0951"}.items()},
    f"{USB}/idProduct": "1666\n",
    "/sys/bus/usb/devices/1-2": f"-> ../../..{USB[4:]}",
}
TAPE = {f"{UNIT}/vendor": "x\n", "/sys/bus/scsi/devices/2:0:0:0": f"-> ../../..{UNIT[4:]}"}
KEYBOARD = {**numbered("13:67", f"{USB}/input/input3/event3"), "/dev/input/by-id/k": "-> ../event3"}
DIRECT = "<interface type='direct'><source dev='{}' mode='bridge'/></interface>"
HOSTDEV = "<hostdev mode='subsystem' type='{}'><source>{}</source></hostdev>"
ARGUMENT = "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='{}'/></q:commandline>"


def made(extra, *, live=False):
    """A domain with elements, those of QEMU's arguments where they belong: beside the devices."""
    xml = f"<domain><name>web1</name><devices>{extra}</devices></domain>"
    if "commandline" in extra:
        xml = f"<domain><name>web1</name>{extra}<devices/></domain>"
    return Domain("web1", UUID, parse_layout(xml), parse_layout(xml) if live else None, {})


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("there", "xml", "name"),
    [
        (SERIAL, "<serial type='dev'><source path='/dev/ttyS4'/></serial>", "/dev/ttyS4"),
        (SERIAL, "<parallel type='dev'><source path='/dev/ttyS4'/></parallel>", "/dev/ttyS4"),
        (VDPA, "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>", "/dev/vhost-vdpa-0"),
        (
            numbered("226:128", f"{PCI}/drm/renderD128"),
            "<graphics type='egl-headless'><gl rendernode='/dev/dri/renderD128'/></graphics>",
            "/dev/dri/renderD128",
        ),
        (
            {**KEYBOARD, "/dev/input/event3": "char 13:67\n"},
            "<input type='evdev'><source dev='/dev/input/by-id/k'/></input>",
            "/dev/input/by-id/k",
        ),
        (INTERFACES, DIRECT.format("eth1"), "eth1"),
        (INTERFACES, DIRECT.format("bond0.7"), "bond0.7"),
        (STICK, HOSTDEV.format("usb", "<vendor id='0x0951'/><product id='0x1666'/>"), "usb_1_2"),
        (STICK, HOSTDEV.format("usb", "<address bus='1' device='5'/>"), "usb_1_2"),
        (
            TAPE,
            HOSTDEV.format("scsi", "<adapter name='scsi_host2'/><address bus='0' target='0' unit='0'/>"),
            "scsi_2_0_0_0",
        ),
        ({}, ARGUMENT.format(f"vfio-pci,host={A},id=x"), ""),
    ],
)
def test_whatever_a_domain_has_of_a_function_is_a_use_of_that(folder, there, xml, name, live):
    files(folder, there)
    uses = list(part_uses(Tree(str(folder)), [made(xml, live=live)]))
    assert uses == [(A, use(name, via="part", live=live, active=live))]


@pytest.mark.parametrize(
    "xml",
    [
        DIRECT.format("eth9"),
        DIRECT.format("../eth1"),
        "<interface type='bridge'><source bridge='eth1'/></interface>",
        HOSTDEV.format("usb", "<vendor id='0x0951'/><product id='0x9999'/>"),
        HOSTDEV.format("usb", "<address bus='x' device='y'/>"),
        HOSTDEV.format("scsi", "<adapter name='scsi_host9'/><address bus='0' target='0' unit='0'/>"),
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
        "<serial type='dev'><source path='/dev/ttyS9'/></serial>",
    ],
)
def test_what_is_on_no_function_or_not_there_is_a_use_of_none(folder, xml):
    files(folder, {**SERIAL, **INTERFACES, **STICK, **TAPE, **numbered("1:9", "/sys/devices/virtual/mem/urandom")})
    assert list(part_uses(Tree(str(folder)), [made(xml)])) == []


def test_what_a_number_leads_to_counts_and_not_what_a_name_says(folder):
    files(folder, {**SERIAL, "/dev/ttyS4": "char 4:70\n"})
    assert list(part_uses(Tree(str(folder)), [made("<serial type='dev'><source path='/dev/ttyS4'/></serial>")])) == []
