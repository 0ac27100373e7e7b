# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines with a lone --: what follows it the kernel gives to init, so that arguments are put before it."""

from __future__ import annotations

import re

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.grub_config import linux_lines
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.unified_image import command_line
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import portable_executable
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import MACHINE, ROOT, made

ASKED = ("intel_iommu=on", "iommu=pt")
OURS = "intel_iommu=on iommu=pt"
_GRUB = "/etc/default/grub"
_ENTRIES = "/boot/loader/entries"
_ESP_ENTRIES = "/boot/efi/loader/entries"

# Loader, the files that get it, and behind which words.
CASES = {
    "grub_debian": {_GRUB: 'GRUB_CMDLINE_LINUX="'},
    "grub_debian_without_folder": {_GRUB: 'GRUB_CMDLINE_LINUX="'},
    "suse_grub": {_GRUB: "silent   quiet"},
    "suse_entries": {"/etc/kernel/cmdline": "quiet"},
    "suse_entries_older": {"/etc/kernel/cmdline": "quiet"},
    "grub_bls": {
        f"{_ENTRIES}/{MACHINE}-5.14.0-503.el9.x86_64.conf": "rhgb quiet",
        _GRUB: "rhgb quiet",
        "/etc/kernel/cmdline": "rhgb quiet",
    },
    "systemd_boot_with_cmdline": {
        f"{_ESP_ENTRIES}/{MACHINE}-6.12.90-amd64.conf": "quiet",
        "/etc/kernel/cmdline": "loglevel=3",
    },
    "proxmox_entries": {"/etc/kernel/cmdline": "boot=zfs"},
    "unified": {"/etc/kernel/cmdline": "quiet"},
    "unified_rebuilt": {"/etc/kernel/cmdline": "quiet"},
}


@pytest.fixture(params=CASES)
def host(request, folder, monkeypatch):
    host = made(request.param, folder, monkeypatch)
    for path, words in CASES[request.param].items():
        text = host.read(path)
        assert words in text
        host.write(path, text.replace(words, f"{words} -- single"), (host.root / path.lstrip("/")).stat().st_mode)
    for name in ("grub-mkconfig", "grub2-mkconfig"):
        if host.programs.has(name):
            path = "/boot/real/grub.cfg" if host.exists("/boot/real") else f"/boot/{name.partition('-')[0]}/grub.cfg"
            host.write(path, host.programs.functions[name].text())
            host.config = path
    for version in ("6.12.118-amd64", "6.12.90-amd64") if host.programs.has("kernel-install") else ():
        line = f"{host.read('/etc/kernel/cmdline').strip()}\0".encode()
        image = portable_executable(line, f"kernel {version}".encode())
        host.write(f"/efi/EFI/Linux/{MACHINE}-{version}.efi", image, 0o700)
    if host.programs.has("sdbootutil"):
        host.programs.functions["sdbootutil"]("update-all-entries")
    host.paths = tuple(CASES[request.param])
    return host


def _lines(host):
    """All lines with words for init that the next boot, or a kernel to come, takes."""
    config = getattr(host, "config", None)
    if config is not None:
        return [
            " ".join(line.arguments + line.for_init) for line in linux_lines(host.data(config)) if not line.recovery
        ]
    if host.exists("/efi/EFI/Linux"):
        images = [f"/efi/EFI/Linux/{MACHINE}-{version}.efi" for version in ("6.12.118-amd64", "6.12.90-amd64")]
        return [command_line(host.data(image)).decode() for image in images]
    return [line for path in host.paths for line in host.read(path).splitlines() if "-- single" in line]


def test_arguments_are_put_before_it_and_taken_out(host):
    before = host.whole()
    assert all(" -- single" in line for line in _lines(host))
    outcome = host.run(*ASKED)
    assert outcome.changed is True
    lines = _lines(host)
    assert lines
    for line in lines:
        assert re.search(r"intel_iommu=on iommu=pt\b.* -- single", line), line
    assert host.run(*ASKED).changed is False
    host.absent()
    assert host.whole() == before


def test_what_stands_behind_it_is_not_there(folder, monkeypatch):
    host = made("grub_bls", folder, monkeypatch)
    entry = f"{_ENTRIES}/{MACHINE}-0-rescue.conf"
    host.write(entry, host.read(entry).replace(" ro\n", f" ro -- {OURS}\n"))
    host.write("/proc/cmdline", f"{ROOT} ro -- {OURS}\n")
    outcome = host.run(*ASKED)
    assert (outcome.present, outcome.reboot_needed) == ((), True)
    assert f"options {ROOT} ro {OURS} -- {OURS}\n" in host.read(entry)
    host.absent()
    assert f"options {ROOT} ro -- {OURS}\n" in host.read(entry)


def test_a_line_for_kernels_to_come_keeps_what_is_for_init(folder, monkeypatch):
    host = made("grub_bls_without_cmdline", folder, monkeypatch)
    entry = f"{_ENTRIES}/{MACHINE}-5.14.0-503.el9.x86_64.conf"
    host.write(entry, host.read(entry).replace(" $tuned_params", " -- single"))
    host.run(*ASKED)
    assert host.read("/etc/kernel/cmdline") == f"{ROOT} ro crashkernel=1G-4G:192M rhgb quiet {OURS} -- single\n"


def test_rpm_ostree_can_only_append(folder, monkeypatch):
    host = made("rpm_ostree", folder, monkeypatch)
    host.write("/ostree/kargs", f"rw {ROOT} -- single")
    before = host.whole()
    for check in (True, False):
        with pytest.raises(HostdevError, match="behind which rpm-ostree would append"):
            host.run(*ASKED, check=check)
    assert host.whole() == before
