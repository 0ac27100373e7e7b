# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in each loader's files afterwards."""

from __future__ import annotations

import os
import re

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.grub_config import linux_lines
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.unified_image import command_line
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import portable_executable
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import MACHINE, ROOT, made, secure_boot, variable
from ansible_collections.kvm.hostdev.tests.unit.plugins.module_utils._host.boot.test_loaders import cuts

ASKED = ("intel_iommu=on", "iommu=pt")
OURS = "intel_iommu=on iommu=pt"
ENTRIES = "/boot/loader/entries"
ESP_ENTRIES = "/boot/efi/loader/entries"


@pytest.fixture
def host_of(folder, monkeypatch):
    return lambda name: made(name, folder, monkeypatch)


def options(host, path):
    return re.findall(r"(?m)^options(.*?)\r?$", host.read(path))


def test_debian_has_a_file_of_ours_and_all_its_kernels_have_the_arguments(host_of):
    host = host_of("grub_debian")
    defaults = host.read("/etc/default/grub")
    host.run(*ASKED)
    assert host.read("/etc/default/grub") == defaults
    assert host.read("/etc/default/grub.d/zz-kvm-hostdev.cfg").endswith(
        f'\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {OURS}"\n'
    )
    lines = linux_lines(host.data("/boot/grub/grub.cfg"))
    assert len(lines) == 4
    assert all(set(ASKED) <= set(line.arguments) for line in lines)  # recovery, too
    assert "vmlinuz-other root=/dev/sdb1 quiet\n" in host.read("/boot/grub/grub.cfg")


def test_a_grub_configuration_keeps_its_mode_and_its_link(host_of):
    host = host_of("grub_debian_without_folder")
    host.run(*ASKED)
    assert (host.root / "boot/grub/grub.cfg").is_symlink()
    assert (host.root / "boot/real/grub.cfg").stat().st_mode & 0o777 == 0o600
    assert OURS in host.read("/boot/real/grub.cfg")


def test_a_value_without_quotes_gets_some_for_ours(host_of):
    host = host_of("grub_generated")
    host.run(*ASKED)
    assert host.read("/etc/default/grub").endswith(f'GRUB_CMDLINE_LINUX=quiet" {OURS}"')
    assert f"quiet {OURS}" in host.read("/boot/grub2/grub.cfg")


def test_what_a_variable_has_in_a_way_that_is_not_read_stays_on_the_line(host_of):
    host = host_of("grub_generated")
    host.write("/etc/default/grub", 'GRUB_ENABLE_BLSCFG=false\nT=5; GRUB_CMDLINE_LINUX="rd.luks.uuid=luks-1 quiet"\n')
    host.write("/boot/grub2/grub.cfg", host.programs.functions["grub2-mkconfig"].text(), 0o600)
    before = host.whole()
    host.run(*ASKED)
    assert f"rd.luks.uuid=luks-1 quiet {OURS}\n" in host.read("/boot/grub2/grub.cfg")
    host.absent()
    assert host.whole() == before


def test_quotes_that_are_not_understood_are_an_error_with_the_file(host_of):
    host = host_of("suse_grub")
    host.write("/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT='a GRUB_CMDLINE_LINUX_DEFAULT='b'\" `c`\"\n")
    before = host.whole()
    with pytest.raises(HostdevError, match="put into it would not count") as caught:
        host.run(*ASKED)
    assert caught.value.subject == "/etc/default/grub"
    assert host.whole() == before


def test_suse_has_them_in_the_assignment_that_counts(host_of):
    host = host_of("suse_grub")
    host.run(*ASKED)
    assert f"GRUB_CMDLINE_LINUX_DEFAULT='splash=silent   quiet  {OURS}'  # of YaST\n" in host.read("/etc/default/grub")
    assert 'GRUB_CMDLINE_LINUX_DEFAULT="old"\n' in host.read("/etc/default/grub")


def test_sdbootutil_makes_all_entries_anew_from_a_file_of_ours(host_of):
    host = host_of("suse_entries")
    host.run(*ASKED)
    assert host.read("/etc/kernel/cmdline.d/kvm-hostdev.conf") == f"{OURS}\n"
    entry = f"{ESP_ENTRIES}/system-opensuse-tumbleweed-6.11.8-1-default-1.conf"
    assert options(host, entry) == [f"    {ROOT} splash=silent quiet {OURS} {OURS}"]
    assert host.programs.functions["sdbootutil"].runs == ["update-all-entries"]


def test_an_older_sdbootutil_has_them_from_the_one_file_that_it_reads_and_for_its_snapshot(host_of):
    host = host_of("suse_entries_older")
    outcome = host.run(*ASKED)
    first, second = (f"{ESP_ENTRIES}/system-opensuse-tumbleweed-6.11.8-1-default-{number}.conf" for number in (1, 2))
    assert outcome.files == ("/etc/kernel/cmdline", second)
    assert host.read("/etc/kernel/cmdline") == f"{ROOT} splash=silent quiet {OURS}\n"
    assert OURS in options(host, second)[0]
    assert OURS not in options(host, first)[0]


def test_a_tpm_that_measures_the_arguments_gets_new_predictions(host_of):
    host = host_of("suse_entries")
    host.write("/etc/crypttab", "cr_root UUID=1 none tpm2-device=auto\n")
    assert "TPM" in host.run(*ASKED).notes[0]
    assert host.programs.functions["sdbootutil"].runs == ["update-all-entries", "update-predictions"]


def test_after_a_cut_before_the_predictions_the_next_run_makes_them(host_of):
    host = host_of("suse_entries")
    host.write("/etc/crypttab", "cr_root UUID=1 none tpm2-device=auto\n")
    runs = host.programs.functions["sdbootutil"].runs
    without = 0
    for _effects, at in cuts(host, lambda: host.run(*ASKED)):
        without += runs == ["update-all-entries"]
        host.run(*ASKED)
        assert runs[-1] == "update-predictions", at
        assert not host.run(*ASKED).changed, at
        host.absent()
        runs.clear()
    assert without


def test_a_tool_that_succeeds_and_does_nothing_is_found_out(host_of):
    host = host_of("suse_entries")
    before = host.whole()
    host.programs.functions["sdbootutil"].broken = True
    with pytest.raises(HostdevError, match="is not in force in") as caught:
        host.run(*ASKED)
    assert caught.value.code == "boot_files"
    assert host.whole() == before


def test_entries_of_rhel_9_are_edited_to_the_byte_in_four_places(host_of):
    host = host_of("grub_bls")
    outcome = host.run(*ASKED)
    assert outcome.files == (
        f"{ENTRIES}/{MACHINE}-0-rescue.conf",
        f"{ENTRIES}/{MACHINE}-5.14.0-70.el9.x86_64.conf",
        f"{ENTRIES}/{MACHINE}-5.14.0-503.el9.x86_64.conf",  # the default one after the others
        "/etc/default/grub",
        "/etc/kernel/cmdline",
    )
    assert options(host, outcome.files[1]) == [
        f" {ROOT}   ro hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=512  {OURS}"
    ]
    assert options(host, outcome.files[2])[0].endswith(f"rhgb quiet $tuned_params {OURS}")
    assert f'GRUB_CMDLINE_LINUX="crashkernel=1G-4G:192M  rhgb quiet {OURS}"\n' in host.read("/etc/default/grub")
    assert host.read("/etc/kernel/cmdline").endswith(f"rhgb quiet {OURS}\n")
    assert host.programs.calls == []


def test_an_entry_that_boots_by_default_is_written_last_also_where_it_is_an_older_one(host_of):
    host = host_of("grub_bls")
    block = host.read("/boot/grub2/grubenv")
    host.write("/boot/grub2/grubenv", block.replace("5.14.0-503", "5.14.0-70").ljust(1024, "#"))
    assert [path for path in host.run(*ASKED).files if "/entries/" in path][-1].endswith("-5.14.0-70.el9.x86_64.conf")
    host = host_of("systemd_boot")
    from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import bootctl

    host.programs.functions["bootctl"] = bootctl("/boot/efi", default=f"{MACHINE}-6.12.90-amd64")
    host.remove("/boot/grub2/grub.cfg")
    assert host.run(*ASKED, check=True).files[1].endswith("-6.12.90-amd64.conf")


def test_of_two_partitions_the_entry_that_boots_by_default_is_the_last(host_of):
    from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import bootctl

    host = host_of("systemd_boot")
    for name in (f"{MACHINE}-6.12.118-amd64+3-1.conf", f"{MACHINE}-6.12.90-amd64.conf"):
        host.write(f"/boot/loader/entries/x{name}", host.read(f"{ESP_ENTRIES}/{name}"))
    host.programs.functions["bootctl"] = bootctl("/boot/efi", "/boot", default=f"{MACHINE}-6.12.118-amd64")
    assert [path for path in host.run(*ASKED).files if path.endswith(".conf")] == [
        f"{ESP_ENTRIES}/{MACHINE}-6.12.90-amd64.conf",
        f"/boot/loader/entries/x{MACHINE}-6.12.90-amd64.conf",
        f"/boot/loader/entries/x{MACHINE}-6.12.118-amd64+3-1.conf",
        f"{ESP_ENTRIES}/{MACHINE}-6.12.118-amd64+3-1.conf",
    ]


def test_the_file_of_kernels_to_come_stays_the_newest_where_it_has_all_already(host_of):
    host = host_of("grub_bls")
    host.write("/etc/kernel/cmdline", f"{ROOT} ro {OURS}\n")
    os.utime(host.root / "etc/kernel/cmdline", (1, 1))
    host.run(*ASKED)
    newer, older = ((host.root / name).stat().st_mtime_ns for name in ("etc/kernel/cmdline", "etc/default/grub"))
    assert newer >= older
    host.absent()
    assert host.read("/etc/kernel/cmdline") == f"{ROOT} ro {OURS}\n"


def test_entries_of_rhel_8_get_them_from_the_environment_block(host_of):
    host = host_of("grub_bls_8")
    entry = host.read(f"{ENTRIES}/{MACHINE}-0-rescue.conf")
    outcome = host.run(*ASKED)
    assert outcome.files == ("/boot/grub2/grubenv", "/etc/default/grub")
    block = host.data("/boot/efi/EFI/redhat/grubenv")
    assert len(block) == 1024
    assert f"\nkernelopts={ROOT} ro rhgb quiet  {OURS}\nboot_success=0\n###".encode() in block
    assert host.read(f"{ENTRIES}/{MACHINE}-0-rescue.conf") == entry
    assert (host.root / "boot/grub2/grubenv").is_symlink()


def test_an_environment_block_that_is_full_is_an_error(host_of):
    host = host_of("grub_bls_8")
    before = host.whole()
    with pytest.raises(HostdevError, match="no more than the 1024 bytes"):
        host.run(*(f"argument_{number}={'x' * 40}" for number in range(20)))
    assert host.whole() == before


def test_an_environment_block_without_the_variable_is_an_error(host_of):
    host = host_of("grub_bls_8")
    host.write("/boot/efi/EFI/redhat/grubenv", b"# GRUB Environment Block\n".ljust(1024, b"#"))
    with pytest.raises(HostdevError, match="no variable kernelopts"):
        host.run(*ASKED)


def test_kernels_to_come_get_them_where_there_is_no_file_for_that(host_of):
    host = host_of("grub_bls_without_cmdline")
    host.run(*ASKED)
    assert host.read("/etc/kernel/cmdline") == f"{ROOT} ro crashkernel=1G-4G:192M rhgb quiet {OURS}\n"


def test_systemd_boot_has_them_before_the_machine_id_whatever_the_line_ends(host_of):
    host = host_of("systemd_boot")
    outcome = host.run(*ASKED)
    counted, old = f"{ESP_ENTRIES}/{MACHINE}-6.12.118-amd64+3-1.conf", f"{ESP_ENTRIES}/{MACHINE}-6.12.90-amd64.conf"
    assert outcome.files == (old, counted, "/etc/kernel/cmdline")
    assert options(host, counted) == [f"    {ROOT} rw quiet {OURS} systemd.machine_id={MACHINE}"]
    assert options(host, old) == [f"    {ROOT} rw  quiet {OURS} systemd.machine_id={MACHINE} "]
    assert host.read(old).count("\r\n") == 9
    assert host.read("/etc/kernel/cmdline") == f"{ROOT} rw quiet {OURS}\n"
    assert host.read(f"{ESP_ENTRIES}/memtest.conf").endswith("options nothing\n")


def test_entries_of_another_system_on_the_same_partition_are_left(host_of):
    host = host_of("systemd_boot")
    host.write("/etc/machine-id", f"{MACHINE}\n")
    other = f"title Other\nmachine-id {MACHINE[::-1]}\noptions {ROOT}\nlinux /other/linux\n"
    host.write(f"{ESP_ENTRIES}/other.conf", other)
    assert len(host.run(*ASKED).files) == 3
    assert host.read(f"{ESP_ENTRIES}/other.conf") == other
    host.absent()
    host.write("/etc/machine-id", "0123\n")  # of a host that was cloned
    assert len(host.run(*ASKED).files) == 4


def test_the_tries_in_an_entrys_name_may_change_meanwhile(host_of):
    host = host_of("systemd_boot")
    entry = f"{ESP_ENTRIES}/{MACHINE}-6.12.118-amd64"
    before = host.read(f"{entry}+3-1.conf")
    host.run(*ASKED)
    os.replace(f"{host.root}{entry}+3-1.conf", f"{host.root}{entry}.conf")
    assert host.run(*ASKED).changed is False
    host.absent()
    assert host.read(f"{entry}.conf") == before


def test_a_command_line_of_several_lines_gets_them_in_the_last_one(host_of):
    host = host_of("systemd_boot_with_cmdline")
    host.run(*ASKED)
    assert host.read("/etc/kernel/cmdline").endswith(f"\n# no more\n  \nloglevel=3 {OURS}")


def test_a_line_without_a_root_is_no_pattern_for_new_kernels(host_of):
    host = host_of("systemd_boot")
    for name in (f"{MACHINE}-6.12.118-amd64+3-1.conf", f"{MACHINE}-6.12.90-amd64.conf"):
        host.write(f"{ESP_ENTRIES}/{name}", host.read(f"{ESP_ENTRIES}/{name}").replace(ROOT, "quiet"))
    before = host.whole()
    with pytest.raises(HostdevError, match="has no root="):
        host.run(*ASKED)
    assert host.whole() == before


@pytest.mark.parametrize("line", ["zfs=zroot/ROOT/default rw", "rw quiet"])
def test_a_root_that_no_kernel_is_told_of_needs_no_word_for_those_to_come(host_of, line):
    """ZFS has a word of its own, and of a GPT's partition the type may say what it is."""
    host = host_of("systemd_boot")
    for name in (f"{MACHINE}-6.12.118-amd64+3-1.conf", f"{MACHINE}-6.12.90-amd64.conf"):
        host.write(f"{ESP_ENTRIES}/{name}", host.read(f"{ESP_ENTRIES}/{name}").replace(f"{ROOT} rw", line))
    host.write("/proc/cmdline", f"{line} quiet systemd.machine_id={MACHINE}\n")
    before = host.whole()
    host.run(*ASKED)
    assert host.read("/etc/kernel/cmdline").startswith(f"{line} ")
    assert host.read("/etc/kernel/cmdline").endswith(f" {OURS}\n")
    host.absent()
    assert host.whole() == before


def test_an_esp_that_is_not_mounted_is_an_error(host_of):
    host = host_of("systemd_boot")
    from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import bootctl

    host.programs.functions["bootctl"] = bootctl(None)
    with pytest.raises(HostdevError, match="no ESP and no boot partition"):
        host.run(*ASKED)


def test_proxmox_has_them_on_each_partition_and_in_the_first_line(host_of):
    host = host_of("proxmox_entries")
    assert host.run(*ASKED).files[-1] == "/etc/kernel/cmdline"
    assert host.read("/etc/kernel/cmdline") == (
        f"root=ZFS=rpool/ROOT/pve-1 boot=zfs {OURS}\n# only the first line counts\n"
    )
    for uuid in ("A1B2-C3D4", "E5F6-0718"):
        for version in ("6.8.12-4-pve", "6.8.4-2-pve"):
            path = f"/run/kvm.hostdev.boot/{uuid}/loader/entries/proxmox-{version}.conf"
            assert options(host, path) == [f"  root=ZFS=rpool/ROOT/pve-1 boot=zfs {OURS}"]


def test_proxmox_without_a_root_in_the_first_line_is_an_error(host_of):
    host = host_of("proxmox_entries")
    host.write("/etc/kernel/cmdline", "\nroot=ZFS=rpool/ROOT/pve-1\n")
    with pytest.raises(HostdevError, match="first line is empty"):
        host.run(*ASKED)


def test_each_partition_of_proxmox_has_its_own_loader(host_of):
    host = host_of("proxmox_mixed")
    host.run(*ASKED)
    assert OURS in host.read("/run/kvm.hostdev.boot/E5F6-0718/grub/grub.cfg")
    assert OURS in host.read("/run/kvm.hostdev.boot/A1B2-C3D4/loader/entries/proxmox-6.8.4-2-pve.conf")
    assert not host.exists("/boot/grub")


def test_unified_images_get_an_addon(host_of):
    host = host_of("unified")
    image = host.data(f"/efi/EFI/Linux/{MACHINE}-6.12.118-amd64.efi")
    outcome = host.run(*ASKED)
    addon = "/efi/loader/addons/kvm-hostdev.addon.efi"
    assert outcome.files == (addon,)
    assert outcome.diff[0]["after"] == OURS
    assert command_line(host.data(addon)) == OURS.encode()
    assert host.data(f"/efi/EFI/Linux/{MACHINE}-6.12.118-amd64.efi") == image
    assert host.read("/etc/kernel/cmdline") == f"{ROOT} rw quiet\n"


def _renamed(host, names):
    for old, new in names.items():
        image = f"/efi/EFI/Linux/{MACHINE}-{old}.efi"
        host.write(f"/efi/EFI/Linux/{new}", host.data(image), 0o700)
        host.remove(image)


BY_DRACUT = {version: f"linux-{version}-{MACHINE}.efi" for version in ("6.12.118-amd64", "6.12.90-amd64")}
BY_MKINITCPIO = {"6.12.118-amd64": "arch-linux.efi", "6.12.90-amd64": "arch-linux-lts.efi"}


@pytest.mark.parametrize(
    ("told", "image"),
    [
        ("StubImageIdentifier", "\\EFI\\Linux\\arch-linux.efi"),
        ("LoaderImageIdentifier", "/EFI/LINUX/ARCH-LINUX.EFI"),
        ("LoaderEntrySelected", "arch-linux.efi"),
    ],
)
def test_images_of_mkinitcpio_are_known_by_the_one_that_runs(host_of, told, image):
    host = host_of("unified")
    _renamed(host, BY_MKINITCPIO)
    before = host.whole()
    with pytest.raises(HostdevError, match="none of this host is there"):
        host.run(*ASKED)
    assert host.whole() == before
    variable(host, told, image)
    assert host.run(*ASKED).files == ("/efi/loader/addons/kvm-hostdev.addon.efi",)
    assert host.run(*ASKED).changed is False
    host.absent()
    host.remove(f"/sys/firmware/efi/efivars/{told}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f")
    assert host.whole() == before


def test_an_image_that_runs_is_found_wherever_it_is(host_of):
    host = host_of("unified")
    line = f"{ROOT} rw intel_iommu=off"
    host.write("/efi/EFI/BOOT/BOOTX64.EFI", portable_executable(line.encode()), 0o700)
    variable(host, "StubImageIdentifier", "\\EFI\\BOOT\\BOOTX64.EFI")
    with pytest.raises(HostdevError, match="intel_iommu=off against intel_iommu=on in /efi/EFI/BOOT/BOOTX64.EFI"):
        host.run(*ASKED)
    # Where the loader is named, and no image of a kernel.
    host.write("/efi/EFI/BOOT/BOOTX64.EFI", b"MZ", 0o700)
    assert host.run(*ASKED).changed is True


@pytest.mark.parametrize("name", ["unified", "unified_rebuilt"])
@pytest.mark.parametrize("names", [BY_DRACUT, {"6.12.90-amd64": f"{MACHINE}.efi"}])
def test_images_are_known_by_what_is_anywhere_in_their_names(host_of, name, names):
    host = host_of(name)
    _renamed(host, names)
    before = host.whole()
    if name == "unified" or names is BY_DRACUT:
        host.run(*ASKED)
        if name == "unified_rebuilt":
            for version, image in names.items():
                data = host.data(f"/efi/EFI/Linux/{image}")
                assert command_line(data) == f"{ROOT} rw quiet {OURS}".encode()
                assert f"kernel {version}".encode() in data
        host.absent()
    else:
        with pytest.raises(HostdevError, match="does not say which one"):
            host.run(*ASKED)
    assert host.whole() == before


def test_an_image_is_not_built_of_a_kernel_whose_version_is_a_part_of_its_own(host_of):
    host = host_of("unified_rebuilt")
    host.write("/lib/modules/6.12.90/modules.dep", "")
    host.write("/boot/vmlinuz-6.12.90", "another kernel")
    host.write(f"/efi/EFI/Linux/{MACHINE}-6.12.90-rc1.efi", portable_executable(b"root=/dev/sda1"))
    with pytest.raises(HostdevError, match="the kernel that it was built of"):
        host.run(*ASKED)


def test_images_that_can_have_no_addon_are_built_anew(host_of):
    host = host_of("unified_rebuilt")
    host.run(*ASKED)
    for version in ("6.12.118-amd64", "6.12.90-amd64"):
        image = host.data(f"/efi/EFI/Linux/{MACHINE}-{version}.efi")
        assert command_line(image) == f"{ROOT} rw quiet {OURS}".encode()
        assert f"kernel {version}".encode() in image
    assert not host.exists("/efi/loader")
    assert command_line(host.data("/efi/EFI/Linux/another-system.efi")) == b"root=/dev/sdb1"


def test_under_secure_boot_an_addon_is_signed_or_not_made(host_of):
    host = host_of("unified")
    secure_boot(host)
    assert "/etc/kernel/cmdline" in host.run(*ASKED, check=True).files
    host.write("/etc/kernel/uki.conf", "[UKI]\nSecureBootPrivateKey=/k.pem\nSecureBootCertificate = /c.pem\n")
    host.run(*ASKED)
    build = next(call for call in host.programs.calls if call[0] == "ukify")
    assert build[-2:] == ("--secureboot-private-key=/k.pem", "--secureboot-certificate=/c.pem")


def test_a_signed_image_is_not_replaced_by_one_that_is_not(host_of, monkeypatch):
    from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.loaders import unified

    host = host_of("unified_rebuilt")
    before = host.whole()
    signed = host.data(f"/efi/EFI/Linux/{MACHINE}-6.12.118-amd64.efi")
    monkeypatch.setattr(unified, "is_signed", lambda data: data == signed)
    with pytest.raises(HostdevError, match="not signed, as the one before it is"):
        host.run(*ASKED)
    assert host.whole() == before


def test_an_image_is_not_replaced_by_one_that_lacks_a_word_of_it(host_of):
    host = host_of("unified_rebuilt")
    line = f"{ROOT} rw quiet rd.luks.uuid=luks-1\0".encode()
    host.write(f"/efi/EFI/Linux/{MACHINE}-6.12.90-amd64.efi", portable_executable(line, b"kernel 6.12.90-amd64"), 0o700)
    before = host.whole()
    with pytest.raises(HostdevError, match=r"has no rd\.luks\.uuid=luks-1") as caught:
        host.run(*ASKED)
    assert "/etc/kernel/cmdline" in caught.value.remedy
    assert host.whole() == before


def test_a_full_partition_leaves_the_images_as_they_are(host_of):
    from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Ended

    host = host_of("unified_rebuilt")
    before = host.whole()

    def full(*_words, environment):
        host.write(f"{environment['BOOT_ROOT']}/EFI/Linux/half.efi", b"MZ")
        return Ended(1, "", "install: error writing: No space left on device")

    host.programs.functions["kernel-install"] = full
    with pytest.raises(HostdevError, match="No space left on device"):
        host.run(*ASKED)
    assert host.whole() == before


def test_an_image_without_its_kernel_is_an_error(host_of):
    host = host_of("unified_rebuilt")
    host.write(f"/efi/EFI/Linux/{MACHINE}-5.10.0-1.efi", portable_executable(b"root=/dev/sda1"))
    before = host.whole()
    for check in (True, False):
        with pytest.raises(HostdevError, match="the kernel that it was built of"):
            host.run(*ASKED, check=check)
    assert host.whole() == before


def test_rpm_ostree_is_called_once_with_all_changes(host_of):
    host = host_of("rpm_ostree")
    host.run(*ASKED)
    changes = [call for call in host.programs.calls if len(call) > 2]
    assert changes == [
        (
            "rpm-ostree",
            "kargs",
            "--unchanged-exit-77",
            "--append-if-missing=intel_iommu=on",
            "--append-if-missing=iommu=pt",
        )
    ]


@pytest.mark.parametrize("there", ["", " hugepagesz=1G hugepages=4"])
def test_rpm_ostree_has_pages_of_two_sizes_in_the_same_number(host_of, there):
    host = host_of("rpm_ostree")
    line = host.read("/ostree/kargs") + there
    host.write("/ostree/kargs", line)
    ours = "hugepagesz=2M hugepages=4 hugepagesz=1G hugepages=4" if not there else "hugepagesz=2M hugepages=4"
    asked = ("hugepagesz=2M", "hugepages=4", "hugepagesz=1G", "hugepages=4")
    host.run(*asked)
    assert host.read("/ostree/kargs") == f"{line} {ours}"
    assert host.run(*asked).changed is False
    host.absent()
    assert host.read("/ostree/kargs") == line
    assert not host.exists("/etc/kvm.hostdev")


def test_rpm_ostree_is_not_disturbed_in_a_transaction(host_of):
    host = host_of("rpm_ostree")
    host.programs.functions["rpm-ostree"].state = "busy"
    before = host.whole()
    with pytest.raises(HostdevError, match="State: busy"):
        host.run(*ASKED)
    assert host.whole() == before
