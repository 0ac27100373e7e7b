# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who binds devices on one host, in files as they are: all kinds, masked, called from others, unreadable."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.binders.binders import read_binders
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree

ADDRESS = "0000:01:10.0"
OVERRIDE = f"echo vfio-pci > /sys/bus/pci/devices/{ADDRESS}/driver_override\n"
RULE = f'KERNEL=="{ADDRESS}", ATTR{{driver_override}}="vfio-pci"\n'
IDS = "options vfio-pci ids=10de:1eb8\n"
ARGUMENT = "vfio-pci.ids=10de:1eb8"
NETWORK = '<network><name>vfs</name><forward mode="hostdev"><pf dev="enp1s0"/></forward></network>'


class Host:
    def __init__(self, folder):
        self.folder = folder

    def write(self, path, text=""):
        local = self.local(path)
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(text)

    def local(self, path):
        return self.folder / path[1:]

    def found(self):
        return read_binders(Tree(str(self.folder)))

    def places(self):
        return [(fighter.path, fighter.line) for fighter in self.found().fighters]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_host_where_nobody_binds_has_none(host):
    assert host.found() == ((), ())


def test_every_kind_is_asked(host):
    files = {
        f"/etc/driverctl.d/pci-{ADDRESS}": "vfio-pci\n",
        "/usr/lib/modprobe.d/vfio.conf": IDS,
        "/etc/initramfs-tools/modules": "vfio_pci ids=10de:1eb8\n",
        "/etc/default/grub.d/50-vfio.cfg": f'GRUB_CMDLINE_LINUX="{ARGUMENT}"\n',
        "/boot/loader/entries/a.conf": f"options ro {ARGUMENT}\n",
        "/run/udev/rules.d/10-vfio.rules": RULE,
        "/etc/systemd/system/vfio.service": f"ExecStart=/bin/sh -c '{OVERRIDE.strip()}'\n",
        "/etc/rc.local": OVERRIDE,
        "/etc/libvirt/hooks/qemu": OVERRIDE,
        "/etc/libvirt/hooks/qemu.d/web1/prepare/begin/bind.sh": OVERRIDE,
        "/etc/initramfs-tools/scripts/init-top/vfio": OVERRIDE,
        f"/etc/mdevctl.d/{ADDRESS}/4b20d080-1b54-4048-85b3-a6a62d165c01": '{"start": "auto"}',
        "/etc/libvirt/qemu/networks/vfs.xml": NETWORK,
    }
    for path, text in files.items():
        host.write(path, text)
    assert sorted(path for path, _line in host.places()) == sorted(files)


def test_of_files_of_one_name_the_first_counts(host):
    host.write("/etc/udev/rules.d/10-vfio.rules", "\n")
    host.write("/usr/lib/udev/rules.d/10-vfio.rules", RULE)
    host.write("/run/modprobe.d/vfio.conf", "\n" + IDS)
    host.write("/usr/lib/modprobe.d/vfio.conf", IDS)
    assert host.places() == [("/run/modprobe.d/vfio.conf", 2)]


def test_a_script_that_a_unit_or_a_hook_calls_is_looked_into_once(host):
    host.write("/etc/systemd/system/vfio.service", "ExecStart=/usr/local/bin/bind.sh\n")
    host.write("/etc/libvirt/hooks/qemu", "/usr/local/bin/bind.sh\n/opt/other\n")
    host.write("/usr/local/bin/bind.sh", f"#!/bin/sh\n{OVERRIDE}")
    host.write("/opt/other", OVERRIDE)
    assert host.places() == [("/usr/local/bin/bind.sh", 2), ("/opt/other", 1)]


def test_an_instance_of_a_template_says_for_which_device(host):
    host.write("/etc/systemd/system/bind@.service", "ExecStart=/bin/sh -c 'echo > devices/%i/driver_override'\n")
    wants = host.local("/etc/systemd/system/multi-user.target.wants")
    wants.mkdir()
    (wants / f"bind@{ADDRESS}.service").symlink_to("../bind@.service")
    assert [fighter.address for fighter in host.found().fighters] == [ADDRESS]


def test_the_line_in_force_is_told_where_no_file_has_it(host):
    host.write("/proc/cmdline", f"ro {ARGUMENT}\n")
    assert host.places() == [("/proc/cmdline", 1)]
    host.write("/etc/default/grub", f'#\nGRUB_CMDLINE_LINUX="quiet {ARGUMENT}"\n')
    assert host.places() == [("/etc/default/grub", 2)]
    host.write("/proc/cmdline", f"ro {ARGUMENT} pci-stub.ids=8086:10ca\n")
    assert host.places() == [("/etc/default/grub", 2), ("/proc/cmdline", 1)]


def test_what_is_ours_is_no_fighter(host):
    for path in ("/etc/modprobe.d/kvm-hostdev.conf", "/etc/udev/rules.d/05-kvm-hostdev.rules"):
        host.write(path, f"softdep nvidia pre: vfio-pci\n{RULE}")
    host.write("/etc/systemd/system/kvm-hostdev-restore.service", OVERRIDE)
    host.write("/etc/libvirt/hooks/qemu.d/kvm-hostdev", OVERRIDE)
    assert host.places() == []


def test_what_can_not_be_read_is_told(host):
    host.write("/etc/driverctl.d/x")
    host.local("/etc/rc.local").symlink_to("rc.local")
    assert [path for path, _why in host.found().unread] == ["/etc/rc.local"]


def test_a_folder_that_leads_to_itself_ends(host):
    host.write("/etc/libvirt/hooks/qemu.d/bind", OVERRIDE)
    os.symlink(".", host.local("/etc/libvirt/hooks/qemu.d/again"))
    assert len(host.places()) == 1
