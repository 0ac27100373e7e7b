# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines and files that bind devices beside the record: what each is told as, and what is none."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.binders.command_line import command_line_fighters
from ansible_collections.kvm.hostdev.plugins.module_utils._model.binders.fighter import (
    address_in,
    ids_in,
    of_maker,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.binders.modprobe import (
    initramfs_modules_fighters,
    modprobe_fighters,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.binders.own_files import (
    driverctl_fighter,
    mdevctl_fighter,
    network_fighters,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.binders.scripts import script_fighters
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import SCRIPT, Source, VfMaker

ADDRESS = "0000:01:10.0"
UUID = "4b20d080-1b54-4048-85b3-a6a62d165c01"


def one(fighters):
    (fighter,) = fighters
    return fighter.line, fighter.address, fighter.ids


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"echo {ADDRESS} > x", ADDRESS),
        ("echo 01:10.0 > x", ADDRESS),
        ("virsh nodedev-detach pci_0000_01_10_0", ADDRESS),
        (f"{ADDRESS} 01:10.0 pci_0000_01_10_0", ADDRESS),
        (f"{ADDRESS} 0000:01:10.2", None),
        ("12:30:45.1 at 10:20:30.4", None),
        ("no address", None),
    ],
)
def test_a_text_names_one_device_or_none(text, address):
    assert address_in(text) == address


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("10de:1eb8", ("10de:1eb8",)),
        ("10DE:1EB8,10de:10f8,10de:1eb8", ("10de:1eb8", "10de:10f8")),
        ("8086:10ca:8086:0000:0x020000", ("8086:10ca",)),
        ("nothing", ()),
    ],
)
def test_ids_are_those_of_vendor_and_product(text, ids):
    assert ids_in(text) == ids


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("options vfio-pci ids=10de:1eb8,10de:10f8", ("10de:1eb8", "10de:10f8")),
        ("options vfio_pci disable_vga=1 ids=10de:1eb8", ("10de:1eb8",)),
        ("options pci-stub ids=10de:1eb8", ("10de:1eb8",)),
        ("options vfio-pci \\\n  ids=10de:1eb8", ("10de:1eb8",)),
        ("softdep nvidia pre: vfio-pci", ()),
        ("softdep nouveau pre: vfio vfio_pci post: x", ()),
        ("install vfio-pci /usr/local/bin/bind.sh", ()),
        ("install nvidia echo vfio-pci > /sys/bus/pci/devices/0000:01:00.0/driver_override; modprobe -i nvidia", ()),
        ("alias pci:v000010DEd00001EB8sv*sd*bc*sc*i* vfio-pci", ("10de:1eb8",)),
    ],
)
def test_lines_of_modprobe_that_give_devices_away(line, ids):
    text = f"# options vfio-pci ids=1111:2222\n\n{line}\n"
    assert one(modprobe_fighters(Source("/etc/modprobe.d/vfio.conf", text))) == (3, None, ids)


@pytest.mark.parametrize(
    "line",
    [
        "options vfio-pci disable_vga=1",
        "options vfio-pci ids=",
        "options nvidia ids=10de:1eb8",
        "softdep nvidia post: vfio-pci",
        "softdep nvidia pre: i2c",
        "install nouveau /bin/true",
        "blacklist nouveau",
        "alias pci:v000010DEd00001EB8sv*sd*bc*sc*i* nvidia",
        "alias vfio vfio-pci",
        "options",
    ],
)
def test_lines_of_modprobe_that_give_nothing_away(line):
    assert list(modprobe_fighters(Source("/etc/modprobe.d/x.conf", f"{line}\n"))) == []


def test_modules_of_an_initramfs_are_loaded_with_their_ids():
    text = "vfio\nvfio_pci ids=10de:1eb8\nvfio_iommu_type1\n"
    assert one(initramfs_modules_fighters(Source("/etc/initramfs-tools/modules", text))) == (2, None, ("10de:1eb8",))


@pytest.mark.parametrize(
    ("text", "line", "address", "ids"),
    [
        ("ro quiet vfio-pci.ids=10de:1eb8,10de:10f8", 1, None, ("10de:1eb8", "10de:10f8")),
        ('#x\nGRUB_CMDLINE_LINUX="quiet vfio_pci.ids=10de:1eb8"', 2, None, ("10de:1eb8",)),
        ("options root=x pci-stub.ids=10de:1eb8 ro", 1, None, ("10de:1eb8",)),
        ("xen-pciback.hide=(0000:01:10.0)", 1, ADDRESS, ()),
    ],
)
def test_arguments_of_the_kernel(text, line, address, ids):
    assert one(command_line_fighters(Source("/etc/default/grub", text))) == (line, address, ids)


@pytest.mark.parametrize("text", ["quiet", "vfio-pci.disable_vga=1", "xvfio-pci.ids=1:2", "#vfio-pci.ids=10de:1eb8"])
def test_other_arguments_of_the_kernel(text):
    assert list(command_line_fighters(Source("/etc/default/grub", text))) == []


def test_of_the_line_in_force_the_file_is_not_known():
    (fighter,) = command_line_fighters(Source("/proc/cmdline", "vfio-pci.ids=10de:1eb8"), in_force=True)
    assert fighter.remedy == "take the argument out where the boot loader has it"


RULE = f'ACTION=="add", KERNEL=="{ADDRESS}", ATTR{{driver_override}}="vfio-pci"'
OF_KIND = 'SUBSYSTEM=="pci", ATTR{vendor}=="0x10DE", ATTR{device}=="0x1eb8", ATTR{driver_override}="vfio-pci"'


@pytest.mark.parametrize(
    ("path", "line", "kind", "address", "ids", "remedy"),
    [
        ("/etc/udev/rules.d/10-vfio.rules", RULE, "udev rule", ADDRESS, (), "take the line out"),
        ("/usr/lib/udev/rules.d/10-vfio.rules", RULE, "udev rule", ADDRESS, (), "an empty /etc/udev/rules.d/10-vfio"),
        ("/etc/udev/rules.d/10-vfio.rules", OF_KIND, "udev rule", None, ("10de:1eb8",), "take the line out"),
        (
            "/etc/systemd/system/vfio.service",
            f"ExecStart=/bin/sh -c 'echo vfio-pci > /sys/bus/pci/devices/{ADDRESS}/driver_override'",
            *("unit or script", ADDRESS, (), "systemctl disable vfio.service"),
        ),
        ("/etc/rc.local", "virsh nodedev-detach pci_0000_01_10_0", "unit or script", ADDRESS, (), "take the line out"),
        ("/etc/rc.local", "virsh nodedev-dettach pci_0000_01_10_0", "unit or script", ADDRESS, (), "take"),
        ("/etc/rc.local", f"driverctl set-override {ADDRESS} vfio-pci", "unit or script", ADDRESS, (), "take"),
        (
            "/etc/rc.local",
            "echo 10de 1EB8 > /sys/bus/pci/drivers/vfio-pci/new_id",
            *("unit or script", None, ("10de:1eb8",), "take"),
        ),
        ("/etc/rc.local", f"echo {ADDRESS} > /sys/bus/pci/drivers/vfio-pci/bind", "unit or script", ADDRESS, (), "t"),
        ("/usr/local/bin/x", f"dpdk-devbind.py -b vfio-pci {ADDRESS}", "unit or script", ADDRESS, (), "take"),
        ("/etc/libvirt/hooks/qemu", f"echo {ADDRESS} > /sys/bus/pci/drivers_probe", "libvirt hook", ADDRESS, (), "t"),
        (
            "/etc/initramfs-tools/scripts/init-top/vfio",
            f"echo vfio-pci > /sys/bus/pci/devices/{ADDRESS}/driver_override",
            *("initramfs", ADDRESS, (), "make the initramfs anew"),
        ),
    ],
)
def test_lines_that_bind_a_device(path, line, kind, address, ids, remedy):
    (fighter,) = script_fighters(Source(path, f"#!/bin/sh\n# {line}\n{line}\n"))
    assert (fighter.kind, fighter.line, fighter.address, fighter.ids) == (kind, 3, address, ids)
    assert remedy in fighter.remedy


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/udev/rules.d/x.rules", 'ATTR{driver_override}=="vfio-pci", TAG+="x"'),
        ("/etc/rc.local", "modprobe vfio-pci"),
        ("/etc/rc.local", "driverctl list-overrides"),
        ("/usr/lib/udev/rules.d/05-driverctl.rules", RULE),
        ("/usr/lib/systemd/system/driverctl@.service", "ExecStart=/bin/sh -c 'echo > driver_override'"),
        ("/etc/udev/rules.d/05-kvm-hostdev.rules", RULE),
        ("/etc/libvirt/hooks/qemu.d/kvm-hostdev", "echo > driver_override"),
    ],
)
def test_lines_that_bind_nothing_of_their_own(path, line):
    assert list(script_fighters(Source(path, f"{line}\n"))) == []


def test_a_script_is_told_once_for_each_device_that_it_names():
    text = (
        'bind() {\n  echo vfio-pci > "/sys/bus/pci/devices/$1/driver_override"\n'
        '  echo "$1" > /sys/bus/pci/drivers_probe\n}\n'
    )
    several = f"{text}bind {ADDRESS}\nbind 0000:01:10.2\n"
    assert one(script_fighters(Source("/usr/local/bin/bind", f"{text}bind {ADDRESS}\n"))) == (2, ADDRESS, ())
    assert one(script_fighters(Source("/usr/local/bin/bind", several))) == (2, None, ())
    both = "".join(f"driverctl set-override 0000:01:10.{number} vfio-pci\n" for number in (0, 2, 0))
    assert [fighter.line for fighter in script_fighters(Source("/etc/rc.local", both))] == [1, 2]


def test_files_of_driverctl():
    fighter = driverctl_fighter(Source(f"/etc/driverctl.d/pci-{ADDRESS}", "vfio-pci\n"))
    assert (fighter.address, fighter.detail) == (ADDRESS, f"binds {ADDRESS} to vfio-pci")
    assert f"rm /etc/driverctl.d/pci-{ADDRESS}" in fighter.remedy
    for name in ("vmbus-0000", f"vmbus-{ADDRESS}", "pci-what", "pci"):
        assert driverctl_fighter(Source(f"/etc/driverctl.d/{name}", "vfio-pci\n")) is None
    assert driverctl_fighter(Source(f"/etc/driverctl.d/pci-{ADDRESS}", "\n")) is None


@pytest.mark.parametrize(
    ("parent", "text", "told"),
    [
        (ADDRESS, '{"mdev_type": "nvidia-63", "start": "auto"}', True),
        (ADDRESS, '{"mdev_type": "nvidia-63", "start": "manual"}', False),
        (ADDRESS, "[]", False),
        (ADDRESS, "{", False),
        ("matrix", '{"start": "auto"}', False),
    ],
)
def test_mediated_devices_that_are_made_at_boot(parent, text, told):
    fighter = mdevctl_fighter(Source(f"/etc/mdevctl.d/{parent}/{UUID}", text))
    assert (fighter is not None) is told
    if fighter is not None:
        assert (fighter.address, fighter.remedy) == (ADDRESS, f"mdevctl undefine --uuid {UUID}")


def test_networks_of_functions():
    path = "/etc/libvirt/qemu/networks/vfs.xml"
    pfs = '<network><name>vfs</name><forward mode="hostdev" managed="yes"><pf dev="enp1s0"/></forward></network>'
    listed = pfs.replace('<pf dev="enp1s0"/>', '<address type="pci" domain="0" bus="1" slot="0x10" function="0"/>')
    (of_pf,) = network_fighters(Source(path, f"<!-- {'-'.join('made')} -->\n{pfs}"))
    assert (of_pf.address, "VFs of enp1s0" in of_pf.detail, "network vfs" in of_pf.detail) == (None, True, True)
    assert [fighter.address for fighter in network_fighters(Source(path, listed))] == [ADDRESS]
    for other in ("", "<network/>", "<domain/>", pfs.replace("hostdev", "nat"), listed.replace("0x10", "x")):
        assert network_fighters(Source(path, other)) == []


def test_a_maker_of_vfs_is_one_as_well():
    told = of_maker(VfMaker(SCRIPT, "/etc/rc.local", 3, "echo 4 > sriov_numvfs", True, 4), "0000:01:00.0")
    assert told.as_dict() == {
        "kind": SCRIPT,
        "path": "/etc/rc.local",
        "line": 3,
        "detail": "echo 4 > sriov_numvfs",
        "address": "0000:01:00.0",
        "ids": [],
        "remedy": told.remedy,
    }
    assert str(told) == f"{SCRIPT} /etc/rc.local:3: echo 4 > sriov_numvfs ({told.remedy})"
    perhaps = of_maker(VfMaker(SCRIPT, "/etc/rc.local", 0, "x", False), "0000:01:00.0")
    assert "or of another card" in perhaps.detail
    assert str(perhaps).startswith(f"{SCRIPT} /etc/rc.local: x")
