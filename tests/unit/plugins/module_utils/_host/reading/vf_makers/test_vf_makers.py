# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All kinds of makers of VFs on one host, in files as they are: masked, replaced, huge, unreadable, no files at all."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.vf_makers.vf_makers import (
    pf_names,
    read_vf_makers,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.hook import hook
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.paths import HOOK, PROGRAM, RULES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.rules import rules
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.units import unit_texts
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.link_settings import Link
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import PfNames
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, device, holding

ADDRESS = "0000:01:00.0"
LINK = "[Match]\nDriver=igb\n[Link]\nSR-IOVVirtualFunctions={}\n"


class Host:
    def __init__(self, folder):
        self.folder = folder
        self.write(f"/sys/bus/pci/devices/{ADDRESS}/net/enp1s0/address", "52:54:00:aa:bb:01\n")
        (folder / f"sys/bus/pci/devices/{ADDRESS}/driver").symlink_to("../../drivers/igb")
        (folder / "sys/class/net/enp2s0").mkdir(parents=True)

    def write(self, path, text=""):
        local = self.local(path)
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(text)

    def local(self, path):
        return self.folder / path[1:]

    def found(self):
        tree = Tree(str(self.folder))
        return read_vf_makers(tree, pf_names(tree, ADDRESS))

    def makers(self):
        return {maker.path: (maker.line, maker.certain, maker.count) for maker in self.found().makers}


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_pf_is_known_by_all_its_names(host):
    assert pf_names(Tree(str(host.folder)), ADDRESS) == PfNames(
        ADDRESS, ("enp1s0",), "igb", ("52:54:00:aa:bb:01",), frozenset({"enp2s0"})
    )


def test_a_pf_is_known_by_the_names_that_only_ip_tells_as_well(host):
    link = Link("enp1s0", True, ("enp1s0", "lan0"), ("52:54:00:aa:bb:01", "52:54:00:aa:bb:09"))
    names = pf_names(Tree(str(host.folder)), ADDRESS, link)
    assert (names.interfaces, names.macs) == (("enp1s0", "lan0"), link.macs)


def test_a_host_where_nobody_makes_vfs_has_no_makers(host):
    assert host.found() == ((), {})


def test_every_kind_is_asked(host):
    host.write("/etc/systemd/network/10-pf.link", LINK.format(4))
    host.write("/run/systemd/network/10-pf.network", "[Match]\nName=enp1s0\n[SR-IOV]\nVirtualFunction=0\n")
    nm = "/etc/NetworkManager"
    host.write(
        f"{nm}/system-connections/pf.nmconnection", "[connection]\ninterface-name=enp1s0\n[sriov]\ntotal-vfs=3\n"
    )
    host.write(f"{nm}/NetworkManager.conf", "[device]\nmatch-device=driver:igb\nsriov-num-vfs=2\n")
    host.write("/usr/lib/NetworkManager/conf.d/x.conf", "[device]\nmatch-device=driver:igb\nsriov-num-vfs=1\n")
    host.write("/etc/netplan/x.yaml", "network:\n  ethernets:\n    enp1s0:\n      virtual-function-count: 5\n")
    host.write("/etc/modprobe.d/igb.conf", "options igb max_vfs=7\n")
    host.write("/proc/cmdline", "ro igb.max_vfs=6\n")
    host.write("/sys/module/igb/parameters/max_vfs", "6\n")
    host.write(f"/etc/sriov-operator/pci/{ADDRESS}", '{"numVfs": 2}')
    host.write(f"/etc/udev/rules.d/10-nm-disable-{ADDRESS}.rules", "# nothing\n")
    host.write("/etc/systemd/system/vfs.service", "[Service]\nExecStart=/usr/local/sbin/vfs\n")
    host.write("/usr/local/sbin/vfs", "echo 3 > /sys/class/net/enp1s0/device/sriov_numvfs\n")
    host.write("/etc/systemd/system/x.service.d/y.conf", f"[Service]\nExecStartPre=sriov-manage -e {ADDRESS}\n")
    host.write("/etc/systemd/system/multi-user.target.wants/sriov-enable@0000:01:00.0-4.service", "[Unit]\n")
    host.write("/usr/lib/udev/rules.d/70-x.rules", 'KERNEL=="enp1s0", ATTR{device/sriov_numvfs}="2"\n')
    host.write("/etc/tmpfiles.d/x.conf", f"w /sys/bus/pci/devices/{ADDRESS}/sriov_numvfs - - - - 2\n")
    host.write("/etc/rc.local", "echo 2 > /sys/class/net/enp1s0/device/sriov_numvfs\n")
    host.write("/etc/sysfs.d/x.conf", "class/net/enp1s0/device/sriov_numvfs = 2\n")
    host.write("/etc/network/interfaces", "iface enp1s0\n up echo 2 > /sys/class/net/$IFACE/device/sriov_numvfs\n")
    assert host.makers() == {
        "/etc/systemd/network/10-pf.link": (4, True, 4),
        "/run/systemd/network/10-pf.network": (4, True, None),
        f"{nm}/system-connections/pf.nmconnection": (4, True, 3),
        f"{nm}/NetworkManager.conf": (3, True, 2),
        "/usr/lib/NetworkManager/conf.d/x.conf": (3, True, 1),
        "/etc/netplan/x.yaml": (4, True, 5),
        "/etc/modprobe.d/igb.conf": (1, True, 7),
        "/proc/cmdline": (1, True, 6),
        "/sys/module/igb/parameters/max_vfs": (1, True, 6),
        f"/etc/sriov-operator/pci/{ADDRESS}": (0, True, 2),
        f"/etc/udev/rules.d/10-nm-disable-{ADDRESS}.rules": (0, True, None),
        "/usr/local/sbin/vfs": (1, True, 3),
        "/etc/systemd/system/x.service.d/y.conf": (2, True, None),
        "/etc/systemd/system/multi-user.target.wants/sriov-enable@0000:01:00.0-4.service": (0, True, 4),
        "/usr/lib/udev/rules.d/70-x.rules": (1, True, 2),
        "/etc/tmpfiles.d/x.conf": (1, True, 2),
        "/etc/rc.local": (1, True, 2),
        "/etc/sysfs.d/x.conf": (1, True, 2),
        "/etc/network/interfaces": (2, True, 2),
    }


def test_a_file_above_replaces_the_one_of_its_name_and_dev_null_masks_it(host):
    host.write("/usr/lib/systemd/network/50-pf.link", LINK.format(4))
    host.write("/etc/systemd/network/50-pf.link", LINK.format(2))
    assert host.makers() == {"/etc/systemd/network/50-pf.link": (4, True, 2)}
    host.local("/etc/systemd/network/50-pf.link").unlink()
    host.local("/etc/systemd/network/50-pf.link").symlink_to("/dev/null")
    assert host.makers() == {}


def test_files_are_tried_by_name_whatever_their_folder(host):
    host.write("/usr/lib/systemd/network/10-a.link", LINK.format(4))
    host.write("/etc/systemd/network/20-b.link", LINK.format(2))
    assert host.makers() == {"/usr/lib/systemd/network/10-a.link": (4, True, 4)}


def test_a_module_of_another_name_than_the_driver_has_the_parameter(host):
    (host.folder / "sys/bus/pci/drivers/igb").mkdir(parents=True)
    (host.folder / "sys/bus/pci/drivers/igb/module").symlink_to("../../../../module/igb_next")
    host.write("/sys/module/igb_next/parameters/max_vfs", "3\n")
    assert host.makers() == {"/sys/module/igb_next/parameters/max_vfs": (1, True, 3)}


def test_without_a_driver_no_parameter_is_asked_for(host):
    (host.folder / f"sys/bus/pci/devices/{ADDRESS}/driver").unlink()
    host.write("/proc/cmdline", "igb.max_vfs=6\n")
    assert host.makers() == {}


def test_a_fifo_a_folder_and_a_link_to_nowhere_keep_nobody_waiting(host):
    folder = host.local("/etc/systemd/network")
    folder.mkdir(parents=True)
    os.mkfifo(folder / "10-pf.link")
    (folder / "20-pf.link").mkdir()
    (folder / "30-pf.link").symlink_to("nowhere")
    host.write("/etc/systemd/network/40-pf.link", LINK.format(2))
    assert host.found().unread == {}
    assert host.makers() == {"/etc/systemd/network/40-pf.link": (4, True, 2)}


def test_a_file_that_can_t_be_read_is_noted(host, monkeypatch):
    host.write("/etc/systemd/network/10-pf.link", LINK.format(2))
    host.write("/etc/rc.local", "# nothing")
    plain = os.open

    def refusing(path, flags, *mode, **keywords):
        if str(path).endswith(".link"):
            raise PermissionError(13, "Permission denied")
        return plain(path, flags, *mode, **keywords)

    monkeypatch.setattr(os, "open", refusing)
    assert host.found() == ((), {"/etc/systemd/network/10-pf.link": "Permission denied"})


def test_of_a_huge_file_the_beginning_is_read(host):
    line = "echo 2 > /sys/class/net/enp1s0/device/sriov_numvfs\n"
    host.write("/etc/rc.local", line + "#\n" * (1 << 18) + line)
    assert host.makers() == {"/etc/rc.local": (1, True, 2)}
    assert host.found().unread == {"/etc/rc.local": "only its first 262144 bytes were read"}


def test_a_unit_that_is_linked_twice_is_told_once(host):
    host.write("/etc/systemd/system/vfs.service", "[Service]\nExecStart=echo sriov_numvfs\n")
    host.local("/etc/systemd/system/again.service").symlink_to("vfs.service")
    assert host.makers() == {"/etc/systemd/system/again.service": (2, False, None)}


def test_of_a_template_each_instance_says_which_pf_it_is_for(host):
    text = "[Service]\nExecStart=/bin/sh -c 'echo 4 > /sys/class/net/%i/device/sriov_numvfs'\n"
    host.write("/etc/systemd/system/vfs@.service", text)
    assert host.makers() == {"/etc/systemd/system/vfs@.service": (2, False, 4)}
    wants = host.local("/etc/systemd/system/multi-user.target.wants")
    wants.mkdir()
    for name in ("enp1s0", "enp2s0"):
        (wants / f"vfs@{name}.service").symlink_to("../vfs@.service")
    assert host.makers() == {"/etc/systemd/system/multi-user.target.wants/vfs@enp1s0.service": (2, True, 4)}


def test_what_brings_our_own_vfs_back_is_no_maker_of_somebody_else(host):
    """In its own words, with the address of the PF in a rule; and the same with a line that makes VFs is one."""
    held = holding(ADDRESS, identity=device(ADDRESS, stable_path="0000_00_11.0-00_00.0").identity)
    for name, text in unit_texts("/usr/bin/python3", storage=True).items():
        host.write(f"/etc/systemd/system/{name}", text)
    text = rules(Tracker([replace(claim(WEB, held), persist=True)]))
    host.write(RULES, text)
    host.write(HOOK, hook("/usr/bin/python3"))
    host.write(PROGRAM, f"echo 4 > /sys/bus/pci/devices/{ADDRESS}/sriov_numvfs\n" * 10_000)
    assert host.found() == ((), {})
    host.write(RULES, f'{text}SUBSYSTEM=="pci", ATTR{{sriov_numvfs}}="4"\n')
    assert [*host.makers()] == [RULES]
