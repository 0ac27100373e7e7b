# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that is booted with intel_iommu=off: refused with the file, or replaced where it stands and put back."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.unified_image import command_line
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_boot import Cut
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import portable_executable
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import MACHINE, ROOT, made

ASKED = ("intel_iommu=on", "iommu=pt")
_GRUB = "/etc/default/grub"
_CLOUD = "/etc/default/grub.d/50-cloudimg-settings.cfg"

# Loader, the files that have it, what stands in them, and that with it.
CASES = {
    "grub_debian": {_CLOUD: ("ttyS0  quiet", "ttyS0  intel_iommu=off quiet")},
    "grub_debian_without_folder": {_GRUB: ('GRUB_CMDLINE_LINUX=""', 'GRUB_CMDLINE_LINUX=" intel_iommu=off"')},
    "grub_generated": {_GRUB: ("LINUX=quiet", "LINUX='intel_iommu=off  quiet'")},
    "suse_grub": {_GRUB: ("silent   quiet ", "silent intel_iommu=off  quiet ")},
    "suse_entries": {"/etc/kernel/cmdline": ("quiet", "intel_iommu=off quiet")},
    "grub_bls": {
        f"/boot/loader/entries/{MACHINE}-5.14.0-503.el9.x86_64.conf": ("rhgb", "intel_iommu=off  rhgb"),
        _GRUB: ("rhgb", "intel_iommu=on intel_iommu=off rhgb"),
        "/etc/kernel/cmdline": ("rhgb", "intel_iommu=off rhgb"),
    },
    "grub_bls_8": {
        "/boot/efi/EFI/redhat/grubenv": (
            "rhgb quiet \nboot_success=0\n" + 16 * "#",
            "rhgb intel_iommu=off \nboot_success=0\n" + 6 * "#",
        ),
    },
    "systemd_boot": {f"/boot/efi/loader/entries/{MACHINE}-6.12.90-amd64.conf": (" quiet", " intel_iommu=off quiet")},
    "systemd_boot_with_cmdline": {"/etc/kernel/cmdline": ("\nquiet\n", "\nquiet intel_iommu=off\n")},
    "proxmox_entries": {"/etc/kernel/cmdline": ("boot=zfs", "boot=zfs intel_iommu=off")},
    "unified_rebuilt": {"/etc/kernel/cmdline": ("quiet", "intel_iommu=off quiet")},
    "rpm_ostree": {"/ostree/kargs": ("rw ", "rw intel_iommu=off ")},
}


@pytest.fixture(params=CASES)
def host(request, folder, monkeypatch):
    host = made(request.param, folder, monkeypatch)
    for path, (old, new) in CASES[request.param].items():
        text = host.read(path)
        assert old in text
        host.write(path, text.replace(old, new), (host.root / path.lstrip("/")).stat().st_mode & 0o777)
    _generate(host)
    if host.programs.has("sdbootutil"):
        host.programs.functions["sdbootutil"]("update-all-entries")
    host.paths = tuple(CASES[request.param])
    return host


def _generate(host):
    """grub-mkconfig or kernel-install by hand."""
    if host.programs.has("kernel-install"):
        for version in ("6.12.118-amd64", "6.12.90-amd64"):
            image = portable_executable(
                f"{host.read('/etc/kernel/cmdline').strip()}\0".encode(), f"kernel {version}".encode()
            )
            host.write(f"/efi/EFI/Linux/{MACHINE}-{version}.efi", image, 0o700)
    for name in ("grub-mkconfig", "grub2-mkconfig"):
        if host.programs.has(name):
            path = "/boot/real/grub.cfg" if host.exists("/boot/real") else f"/boot/{name.partition('-')[0]}/grub.cfg"
            host.write(path, host.programs.functions[name].text(), 0o644)


def test_it_is_refused_with_the_argument_and_the_file_and_nothing_changes(host):
    before = host.whole()
    for check in (True, False):
        with pytest.raises(HostdevError, match="contradictions=replace") as caught:
            host.run(*ASKED, check=check)
        assert caught.value.code == "argument_contradicted"
        assert "intel_iommu=off against intel_iommu=on in " in caught.value.found
    assert host.whole() == before


def test_it_is_replaced_where_it_stands_and_put_back(host):
    before = host.whole()
    foretold = host.run(*ASKED, replace=True, check=True)
    assert host.whole() == before
    assert host.run(*ASKED, replace=True) == foretold
    for path in host.paths:
        assert "intel_iommu=off" not in host.read(path)
        assert "intel_iommu=on" in host.read(path)
    after = host.whole()
    assert host.run(*ASKED, replace=True).changed is False
    assert host.run(*ASKED).changed is False  # it was agreed to before
    assert host.whole() == after
    assert host.absent().changed is True
    assert host.whole() == before


def _by_others(text: str) -> str:
    """A file that others have changed; GRUB's environment block keeps its size."""
    changed = text.replace("root=UUID", "x=y root=UUID").replace("quiet", "loud").replace("root=ZFS", "x=y root=ZFS")
    return changed.rstrip("#").ljust(1024, "#") if text.startswith("# GRUB Environment") else changed


def test_its_place_is_kept_where_others_changed_the_file(host):
    before = {path: host.read(path) for path in host.paths}
    host.run(*ASKED, replace=True)
    for path in host.paths:
        assert _by_others(host.read(path)) != host.read(path)
        host.write(path, _by_others(host.read(path)))
    _generate(host)
    host.absent()
    for path in host.paths:
        assert host.read(path) == _by_others(before[path])


def test_a_cut_in_the_middle_is_undone(host):
    before = host.whole()
    effects = 0
    while True:
        try:
            with host.power.cut_after(effects):
                host.run(*ASKED, replace=True)
        except Cut:
            effects += 1
        else:
            break
        host.absent()
        assert host.whole() == before
    assert effects > 5


def test_an_addon_does_not_come_behind_a_contradiction(folder, monkeypatch):
    host = made("unified", folder, monkeypatch)
    line = f"{ROOT} rw intel_iommu=off quiet"
    host.write("/etc/kernel/cmdline", f"{line}\n")
    for version in ("6.12.118-amd64", "6.12.90-amd64"):
        image = portable_executable(f"{line}\0".encode(), f"kernel {version}".encode())
        host.write(f"/efi/EFI/Linux/{MACHINE}-{version}.efi", image, 0o700)
    before = host.whole()
    with pytest.raises(HostdevError, match="intel_iommu=off against intel_iommu=on"):
        host.run(*ASKED)
    host.run(*ASKED, replace=True)
    for version in ("6.12.118-amd64", "6.12.90-amd64"):
        assert command_line(host.data(f"/efi/EFI/Linux/{MACHINE}-{version}.efi")) == (
            f"{ROOT} rw intel_iommu=on quiet".encode()
        )
    assert command_line(host.data("/efi/loader/addons/kvm-hostdev.addon.efi")) == b"iommu=pt"
    host.absent()
    assert host.whole() == before


@pytest.mark.parametrize("later", ["intel_iommu=off", "iommu=off"])
def test_what_an_earlier_task_asked_for_is_not_taken_back_beside_it(folder, monkeypatch, later):
    """Both would stand there, and a reboot be needed for ever."""
    host = made("grub_debian", folder, monkeypatch)
    host.run(*ASKED)
    after = host.whole()
    for check in (True, False):
        with pytest.raises(HostdevError, match="exclusive=true") as caught:
            host.run(later, check=check)
        assert "which an earlier task asked for" in caught.value.found
    assert host.whole() == after
    host.absent()
    assert host.run(later).changed is True


def test_another_number_of_pages_than_an_earlier_task_s_is_refused_until_it_is_taken_out(folder, monkeypatch):
    host = made("grub_debian", folder, monkeypatch)
    host.run("hugepagesz=1G", "hugepages=4")
    with pytest.raises(HostdevError, match="exclusive=true"):
        host.run("hugepagesz=1G", "hugepages=8")
    host.run("hugepagesz=1G", "hugepages=8", exclusive=True)
    assert "hugepagesz=1G hugepages=8" in host.read("/boot/grub/grub.cfg")
    assert "hugepages=4" not in host.read("/boot/grub/grub.cfg")


PAGES = ("default_hugepagesz=1G", "hugepagesz=1G", "hugepages=16")
_QUIET = {
    "grub_debian": (_CLOUD, "ttyS0  quiet", "ttyS0  {} quiet"),
    "grub_generated": (_GRUB, "LINUX=quiet", "LINUX='{} quiet'"),
    "systemd_boot_with_cmdline": ("/etc/kernel/cmdline", "\nquiet\n", "\nquiet {}\n"),
}


@pytest.mark.parametrize("name", _QUIET)
@pytest.mark.parametrize(
    ("there", "asked"),
    [
        # 1 GiB of pages of 2M, which were 512 GiB of pages of 1G: such a host would not boot.
        ("hugepages=512", PAGES),
        ("hugepages=512", ("hugepagesz=2M", "hugepages=16")),
        ("hugepages=512  hugepages=512", PAGES),
        ("default_hugepagesz=2M", PAGES),
        ("default_hugepagesz=2M hugepages=512", PAGES),
        ("hugepagesz=1G   hugepages=4", PAGES),
        ("hugepages=512 default_hugepagesz=2M", PAGES),
        ("hugepagesz=1G hugepages=4", PAGES),
    ],
)
def test_pages_that_others_set_aside_are_refused_or_replaced_and_put_back(folder, monkeypatch, name, there, asked):
    host = made(name, folder, monkeypatch)
    path, old, new = _QUIET[name]
    host.write(path, host.read(path).replace(old, new.format(there)))
    _generate(host)
    before = host.whole()
    with pytest.raises(HostdevError, match="contradictions=replace") as caught:
        host.run(*asked)
    assert caught.value.code == "argument_contradicted"
    assert f"{there.split()[0]}" in caught.value.found
    assert host.whole() == before
    assert host.run(*asked, replace=True).changed
    assert there not in host.read(path)
    assert not host.run(*asked, replace=True).changed
    host.absent()
    assert host.whole() == before


def test_a_number_of_pages_is_not_put_before_its_size_by_rpm_ostree(folder, monkeypatch):
    host = made("rpm_ostree", folder, monkeypatch)
    line = host.read("/ostree/kargs")
    host.write("/ostree/kargs", f"hugepages=512 {line}")
    host.run(*PAGES, replace=True)
    assert host.read("/ostree/kargs") == f"{line} {' '.join(PAGES)}"
    assert not host.run(*PAGES, replace=True).changed
    host.absent()
    assert host.read("/ostree/kargs") == f"{line} hugepages=512"


def test_pages_of_others_that_ours_would_come_before_are_told_and_all_stays(folder, monkeypatch):
    host = made("grub_debian", folder, monkeypatch)
    host.write(_CLOUD, host.read(_CLOUD).replace("ttyS0  quiet", "ttyS0 hugepages=512 quiet"))
    _generate(host)
    before = host.whole()
    with pytest.raises(HostdevError) as caught:
        host.run("hugepagesz=1G", "hugepages=16")
    assert caught.value.code == "boot_files"
    assert "would have hugepages=512 of the default size no more" in caught.value.found
    assert host.whole() == before
    host.write(_CLOUD, host.read(_CLOUD).replace("hugepages=512", "hugepagesz=2M hugepages=512"))
    _generate(host)
    assert host.run("hugepagesz=1G", "hugepages=16").changed


@pytest.mark.parametrize(
    "asked",
    [
        ("hugepages=512", "default_hugepagesz=1G"),
        ("hugepagesz=1G", "hugepages=4", "hugepagesz=1024M", "hugepages=8"),
        ("default_hugepagesz=1G", "default_hugepagesz=2M"),
    ],
)
def test_pages_of_one_task_that_contradict_each_other_are_refused(folder, monkeypatch, asked):
    host = made("grub_debian", folder, monkeypatch)
    with pytest.raises(HostdevError, match="contradicts") as caught:
        host.run(*asked)
    assert caught.value.code == "invalid_argument"
