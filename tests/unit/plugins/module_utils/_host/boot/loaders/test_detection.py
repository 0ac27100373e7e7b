# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_boot import FakeBootHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import DONE, bootctl
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import HOSTS, ROOT, grub_debian, made, variable

ASKED = ("intel_iommu=on",)
LOADERS = {
    "grub_debian": "grub_debian",
    "grub_debian_without_folder": "grub_debian",
    "grub_generated": "grub",
    "suse_grub": "suse_grub",
    "suse_entries": "suse_sdbootutil",
    "suse_entries_older": "suse_sdbootutil",
    "grub_bls": "grub_bls",
    "grub_bls_8": "grub_bls",
    "grub_bls_without_cmdline": "grub_bls",
    "systemd_boot": "systemd_boot",
    "systemd_boot_with_cmdline": "systemd_boot",
    "proxmox_entries": "proxmox_boot_tool",
    "proxmox_mixed": "proxmox_boot_tool",
    "unified": "unified_kernel_image",
    "unified_rebuilt": "unified_kernel_image",
    "rpm_ostree": "rpm_ostree",
}


def loader(host):
    return host.run(*ASKED, check=True).loader


@pytest.mark.parametrize("name", HOSTS)
def test_each_host_has_its_loader(name, folder, monkeypatch):
    assert loader(made(name, folder, monkeypatch)) == LOADERS[name]


def test_an_installed_package_decides_nothing(folder, monkeypatch):
    host = made("grub_debian", folder, monkeypatch)
    host.programs.functions["bootctl"] = bootctl("/boot/efi")  # it says that systemd-boot is installed
    host.programs.functions["grubby"] = host.programs.functions["ukify"] = lambda *_words: DONE
    assert loader(host) == "grub_debian"
    variable(host, "LoaderInfo", "GRUB 2.12-9")
    assert loader(host) == "grub_debian"


def test_systemd_boot_says_so_beside_a_configuration_of_grub(folder, monkeypatch):
    host = made("systemd_boot", folder, monkeypatch)
    host.write("/boot/grub/grub.cfg", "# left over\n")
    host.programs.functions["grub-mkconfig"] = host.programs.functions["update-grub"] = lambda *_words: DONE
    assert loader(host) == "systemd_boot"


def test_an_old_systemd_boot_that_says_nothing(folder, monkeypatch):
    host = made("systemd_boot", folder, monkeypatch)
    host.remove("/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f")
    assert loader(host) == "systemd_boot"
    host.programs.functions["bootctl"] = bootctl("/boot/efi", installed=False)
    with pytest.raises(HostdevError, match="bootctl is-installed fails"):
        loader(host)


@pytest.mark.parametrize("name", ["Limine 8.0", "rEFInd 0.14.2"])
@pytest.mark.parametrize("left_over", ["grub_debian", "grub_bls", "grub_generated"])
def test_a_loader_that_names_itself_is_not_taken_for_a_grub_that_is_left_over(folder, monkeypatch, name, left_over):
    host = made(left_over, folder, monkeypatch)
    variable(host, "LoaderInfo", name)
    # It has started GRUB, or else the kernel would not have been told of its image.
    assert loader(host) == LOADERS[left_over]
    host.write("/proc/cmdline", f"{ROOT} rw quiet\n")
    with pytest.raises(HostdevError, match="/proc/cmdline has no BOOT_IMAGE=") as caught:
        loader(host)
    assert caught.value.code == "unknown_boot_loader"
    assert f"LoaderInfo says {name}" in caught.value.found
    assert "grub.cfg is there and was not booted from" in caught.value.found


def test_a_grub_that_systemd_boot_has_started_counts(folder, monkeypatch):
    host = made("systemd_boot", folder, monkeypatch)
    image = "BOOT_IMAGE=/boot/vmlinuz-6.12.118-amd64"
    host.write("/proc/cmdline", f"{image} {ROOT} ro\n")
    assert loader(host) == "systemd_boot"
    grub_debian(host)
    assert loader(host) == "grub_debian"
    entry = next((host.root / "boot/efi/loader/entries").glob("*-6.12.90-amd64.conf"))
    entry.write_text(entry.read_text().replace(ROOT, f"{image} {ROOT}"))
    assert loader(host) == "systemd_boot"


def test_a_variable_that_is_empty_says_nothing(folder, monkeypatch):
    host = made("grub_debian", folder, monkeypatch)
    host.write("/proc/cmdline", f"{ROOT} ro quiet\n")
    variable(host, "LoaderInfo", "")
    variable(host, "StubInfo", "")
    assert loader(host) == "grub_debian"


def test_what_a_loader_names_itself_counts_only_for_its_beginning(folder, monkeypatch):
    host = made("grub_debian", folder, monkeypatch)
    host.write("/proc/cmdline", f"{ROOT} ro quiet\n")  # by kexec
    for info in ("GRUB 2.12-9", "GRUB 2.06"):
        variable(host, "LoaderInfo", info)
        assert loader(host) == "grub_debian"
    variable(host, "LoaderInfo", "Not GRUB")
    with pytest.raises(HostdevError, match="LoaderInfo says Not GRUB"):
        loader(host)


def test_proxmox_boot_tool_counts_only_where_it_is_in_use(folder, monkeypatch):
    from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Ended

    host = made("grub_debian", folder, monkeypatch)
    host.programs.functions["proxmox-boot-tool"] = lambda *_words: Ended(2, "", "")
    assert loader(host) == "grub_debian"
    host.write("/etc/kernel/proxmox-boot-uuids", "A1B2-C3D4\n")
    assert loader(host) == "grub_debian"


@pytest.mark.parametrize("line", ["GRUB_ENABLE_BLSCFG=false", 'GRUB_ENABLE_BLSCFG="false"', "GRUB_ENABLE_BLSCFG=no"])
def test_entries_don_t_count_where_grub_is_told_not_to_read_them(folder, monkeypatch, line):
    host = made("grub_bls", folder, monkeypatch)
    host.write("/etc/default/grub", f"{line}\n")
    with pytest.raises(HostdevError, match="GRUB_ENABLE_BLSCFG is off"):
        loader(host)


@pytest.mark.parametrize("line", ["", "GRUB_ENABLE_BLSCFG=true", 'GRUB_ENABLE_BLSCFG="true"', "#GRUB_ENABLE_BLSCFG=no"])
def test_entries_count_by_default(folder, monkeypatch, line):
    host = made("grub_bls", folder, monkeypatch)
    host.write("/etc/default/grub", f"{line}\n")
    assert loader(host) == "grub_bls"


def test_the_folder_beside_grubs_defaults_counts_where_the_script_reads_it(folder, monkeypatch):
    host = made("grub_debian", folder, monkeypatch)
    del host.programs.functions["update-grub"]
    assert loader(host) == "grub_debian"
    host.programs.functions["update-grub"] = host.programs.functions["grub-mkconfig"]
    host.write("/usr/bin/grub-mkconfig", "#! /bin/sh\n. ${sysconfdir}/default/grub\n", 0o755)
    assert loader(host) == "grub"


def test_an_unknown_loader_is_an_error_that_says_what_was_looked_at(folder, monkeypatch):
    host = FakeBootHost(folder, monkeypatch)
    host.write("/boot/extlinux/extlinux.conf", "APPEND root=/dev/mmcblk0p2\n")
    with pytest.raises(HostdevError) as caught:
        host.run(*ASKED)
    assert caught.value.code == "unknown_boot_loader"
    for looked_at in (
        "/run/ostree-booted",
        "/etc/kernel/proxmox-boot-uuids",
        "LOADER_TYPE",
        "StubInfo",
        "LoaderInfo",
        "blscfg",
        "/boot/grub/grub.cfg",
        "/boot/grub2/grub.cfg",
    ):
        assert looked_at in caught.value.found
    assert host.absent().loader is None


@pytest.mark.parametrize(
    ("name", "path", "text", "words"),
    [
        ("grub_debian", "/proc/xen/capabilities", "control_d\n", "Xen"),
        ("suse_grub", "/etc/sysconfig/bootloader", 'LOADER_TYPE="none"\n', "LOADER_TYPE is none"),
        ("suse_grub", "/etc/sysconfig/bootloader", "LOADER_TYPE='grub2-bls'\n", "its program is not there"),
    ],
)
def test_what_looks_like_another_loader_is_refused(folder, monkeypatch, name, path, text, words):
    host = made(name, folder, monkeypatch)
    host.write(path, text)
    with pytest.raises(HostdevError, match=words):
        loader(host)


def test_ostree_without_its_tool_is_refused(folder, monkeypatch):
    host = made("rpm_ostree", folder, monkeypatch)
    del host.programs.functions["rpm-ostree"]
    with pytest.raises(HostdevError, match="bootc or ostree without it"):
        loader(host)


def test_a_system_of_snapshots_is_refused(folder, monkeypatch):
    host = made("suse_grub", folder, monkeypatch)
    host.programs.functions["transactional-update"] = lambda *_words: DONE
    assert loader(host) == "suse_grub"
    host.write("/proc/self/mountinfo", "22 1 0:30 /@/.snapshots/1 / ro,relatime shared:1 - btrfs /dev/vda2 ro\n")
    with pytest.raises(HostdevError, match="transactional-update"):
        loader(host)
