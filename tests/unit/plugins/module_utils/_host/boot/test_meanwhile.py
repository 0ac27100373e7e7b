# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What others did to the files meanwhile: a new kernel, an administrator's edit, a run of grub-mkconfig."""

from __future__ import annotations

import re

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.carrying_out import BOOK
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import MACHINE, ROOT, made

ASKED = ("intel_iommu=on", "iommu=pt")
OURS = "intel_iommu=on iommu=pt"
ENTRIES = "/boot/loader/entries"
ESP_ENTRIES = "/boot/efi/loader/entries"


def options(host, path):
    return re.findall(r"(?m)^options(.*?)\r?$", host.read(path))


@pytest.fixture
def host_of(folder, monkeypatch):
    return lambda name: made(name, folder, monkeypatch)


@pytest.mark.parametrize(
    ("name", "folder_of", "path"),
    [
        ("grub_bls", ENTRIES, f"{MACHINE}-5.14.0-503.el9.x86_64"),
        ("systemd_boot", ESP_ENTRIES, f"{MACHINE}-6.12.90-amd64"),
        ("proxmox_entries", "/run/kvm.hostdev.boot/A1B2-C3D4/loader/entries", "proxmox-6.8.12-4-pve"),
    ],
)
def test_a_kernel_that_is_installed_later_loses_ours_too(host_of, name, folder_of, path):
    host = host_of(name)
    old = host.read(f"{folder_of}/{path}.conf")
    host.run(*ASKED)
    newer = "9.9.9-test"
    host.write(f"{folder_of}/{newer}.conf", host.read(f"{folder_of}/{path}.conf"))
    assert host.run(*ASKED).changed is False
    assert host.run("quiet_too").changed is True
    assert "quiet_too" in host.read(f"{folder_of}/{newer}.conf")
    host.absent()
    assert host.read(f"{folder_of}/{newer}.conf") == old
    assert not host.exists(BOOK)


def test_a_kernel_that_is_installed_later_is_swept_without_a_run_before(host_of):
    host = host_of("systemd_boot")
    old = host.read(f"{ESP_ENTRIES}/{MACHINE}-6.12.90-amd64.conf")
    host.run(*ASKED)
    host.write(f"{ESP_ENTRIES}/new.conf", host.read(f"{ESP_ENTRIES}/{MACHINE}-6.12.90-amd64.conf"))
    host.remove(f"{ESP_ENTRIES}/{MACHINE}-6.12.90-amd64.conf")
    host.absent()
    assert host.read(f"{ESP_ENTRIES}/new.conf") == old


def test_a_kernel_that_others_gave_the_argument_keeps_it(host_of):
    host = host_of("grub_bls")
    entry = f"{ENTRIES}/{MACHINE}-0-rescue.conf"
    host.write(entry, host.read(entry).replace(" ro\n", " ro iommu=pt\n"))
    before = host.whole()
    host.run("iommu=pt")
    assert options(host, entry) == [f" {ROOT} ro iommu=pt"]
    host.run("iommu=pt")
    host.absent()
    assert host.whole() == before


def test_what_an_administrator_changed_meanwhile_stays(host_of):
    host = host_of("grub_bls")
    host.run(*ASKED)
    entry = f"{ENTRIES}/{MACHINE}-5.14.0-503.el9.x86_64.conf"
    host.write(entry, host.read(entry).replace("rhgb quiet", "debug").replace("iommu=pt", "iommu=pt nosmt"))
    host.write("/etc/default/grub", host.read("/etc/default/grub").replace(f" {OURS}", f" a=b {OURS} c=d"))
    host.write("/etc/kernel/cmdline", f"{ROOT} iommu=pt ro intel_iommu=on\n")
    assert host.run(*ASKED).changed is False
    host.absent()
    assert options(host, entry) == [f" {ROOT} ro crashkernel=1G-4G:192M debug $tuned_params nosmt"]
    assert 'GRUB_CMDLINE_LINUX="crashkernel=1G-4G:192M  rhgb quiet a=b c=d"\n' in host.read("/etc/default/grub")
    assert host.read("/etc/kernel/cmdline") == f"{ROOT} ro\n"


def test_a_file_of_ours_that_somebody_edited_or_removed_is_made_again_and_goes(host_of):
    host = host_of("grub_debian")
    before = host.whole()
    drop_in = "/etc/default/grub.d/zz-kvm-hostdev.cfg"
    host.run(*ASKED)
    text = host.read(drop_in)
    host.write(drop_in, 'GRUB_CMDLINE_LINUX="quiet"\n')
    assert host.run(*ASKED).changed is True
    assert host.read(drop_in) == text
    host.remove(drop_in)
    assert host.run(*ASKED).changed is True
    host.write(drop_in, "# nothing\n")
    host.absent()
    assert host.whole() == before


def test_a_configuration_that_somebody_else_generated_without_ours_is_generated_again(host_of):
    host = host_of("grub_debian")
    old = host.data("/boot/grub/grub.cfg")
    host.run(*ASKED)
    new = host.data("/boot/grub/grub.cfg")
    host.write("/boot/grub/grub.cfg", old)
    outcome = host.run(*ASKED)
    assert (outcome.changed, outcome.files) == (True, ("/boot/grub/grub.cfg",))
    assert host.data("/boot/grub/grub.cfg") == new
