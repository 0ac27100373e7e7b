# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of each boot loader, with files as an installation leaves them, oddities and all."""

from __future__ import annotations

import typing as t

from .fake_boot import FakeBootHost
from .fake_programs import (
    GrubMkconfig,
    RpmOstreeFake,
    Sdbootutil,
    bootctl,
    grub_script_check,
    kernel_install,
    portable_executable,
    ukify,
)

if t.TYPE_CHECKING:
    from pathlib import Path

MACHINE = "4f6d0c2ab1b94e1d9c8a5b7e3d2f1a00"
ROOT = "root=UUID=4b566d01-0000-4000-8000-000000000001"
_VARIABLES = "/sys/firmware/efi/efivars"
_LOADER = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_ATTRIBUTES = b"\x06\0\0\0"


def _booted(host: FakeBootHost, line: str) -> None:
    host.write("/proc/cmdline", f"{line}\n")
    host.write("/proc/self/mountinfo", "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n")
    host.write("/etc/hostname", "kvm1\n")


def variable(host: FakeBootHost, name: str, text: str) -> None:
    host.write(f"{_VARIABLES}/{name}-{_LOADER}", _ATTRIBUTES + f"{text}\0".encode("utf-16-le"))


def secure_boot(host: FakeBootHost) -> None:
    host.write(f"{_VARIABLES}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", b"\x06\0\0\0\x01")


def grub_debian(host: FakeBootHost, *, kernels: t.Sequence[str] = ("6.12.118-amd64", "6.12.90-amd64")) -> None:
    _booted(host, f"BOOT_IMAGE=/boot/vmlinuz-6.12.118-amd64 {ROOT} ro quiet")
    host.write(
        "/etc/default/grub",
        "# If you change this file, run 'update-grub' afterwards\n"
        "GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\n"
        "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME:-Debian} ) 2>/dev/null || echo Debian`\n"
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n#GRUB_TERMINAL=console\n',
    )
    host.write("/etc/default/grub.d/50-cloudimg-settings.cfg", 'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0  quiet"\n')
    for version in kernels:
        host.write(f"/boot/vmlinuz-{version}", f"kernel {version}")
    program = GrubMkconfig(host)
    host.write("/boot/grub/grub.cfg", program.text())
    host.programs.functions.update(
        {"grub-mkconfig": program, "update-grub": program, "grub-script-check": grub_script_check(host)}
    )


def grub_debian_without_folder(host: FakeBootHost) -> None:
    """grub.cfg is a link, and there is no folder for files of ours."""
    grub_debian(host)
    host.remove("/etc/default/grub.d/50-cloudimg-settings.cfg")
    with host.unhindered():
        (host.root / "etc/default/grub.d").rmdir()
    program = t.cast("GrubMkconfig", host.programs.functions["grub-mkconfig"])
    host.remove("/boot/grub/grub.cfg")
    host.write("/boot/real/grub.cfg", program.text(), 0o600)
    (host.root / "boot/grub/grub.cfg").symlink_to("../real/grub.cfg")


def grub_generated(host: FakeBootHost) -> None:
    """RHEL without BLS entries; the value is not in quotes, and the last line has no end."""
    _booted(host, f"BOOT_IMAGE=/vmlinuz-5.14.0-1.el9.x86_64 {ROOT} ro rhgb quiet")
    host.write("/etc/default/grub", "GRUB_TIMEOUT=5\nGRUB_ENABLE_BLSCFG=false\nGRUB_CMDLINE_LINUX=quiet")
    host.write("/boot/vmlinuz-5.14.0-1.el9.x86_64", "kernel")
    program = GrubMkconfig(host, debian=False)
    host.write("/boot/grub2/grub.cfg", program.text(), 0o600)
    host.programs.functions.update({"grub2-mkconfig": program, "grub2-script-check": grub_script_check(host)})


def suse_grub(host: FakeBootHost) -> None:
    """Quotes of the other kind, runs of blanks, and two assignments, of which the last one counts."""
    _booted(host, f"BOOT_IMAGE=/boot/vmlinuz-6.4.0-150600.21-default {ROOT} splash=silent quiet")
    host.write(
        "/etc/default/grub",
        'GRUB_CMDLINE_LINUX_DEFAULT="old"\n'
        "GRUB_CMDLINE_LINUX_DEFAULT='splash=silent   quiet '  # of YaST\n"
        'GRUB_CMDLINE_LINUX=""\n',
    )
    host.write("/etc/sysconfig/bootloader", '## Type: string\nLOADER_TYPE="grub2-efi"\nSECURE_BOOT="yes"\n')
    host.write("/boot/vmlinuz-6.4.0-150600.21-default", "kernel")
    program = GrubMkconfig(host, debian=False)
    host.write("/boot/grub2/grub.cfg", program.text(), 0o600)
    host.programs.functions["grub2-mkconfig"] = program


def suse_entries(host: FakeBootHost, *, folder: bool = True, snapshot: int | None = None) -> None:
    _booted(host, f"{ROOT} splash=silent quiet")
    variable(host, "LoaderInfo", "systemd-boot 256.8")
    host.write("/etc/sysconfig/bootloader", 'LOADER_TYPE="systemd-boot"\n')
    host.write("/etc/kernel/cmdline", f"{ROOT} splash=silent quiet\n")
    if snapshot:
        host.write("/proc/self/mountinfo", f"22 1 0:30 /@/.snapshots/{snapshot}/snapshot / rw - btrfs /dev/vda2 rw\n")
    for number in (1, 2):
        flags = f" rootflags=subvol=@/.snapshots/{number}/snapshot" if snapshot else ""
        host.write(
            f"/boot/efi/loader/entries/system-opensuse-tumbleweed-6.11.8-1-default-{number}.conf",
            f"# Boot Loader Specification type#1 entry\ntitle      openSUSE\nversion    {number}@6.11.8-1-default\n"
            f"options    {ROOT} splash=silent quiet{flags}\nlinux      /opensuse-tumbleweed/6.11.8-1-default/linux-1\n"
            "initrd     /opensuse-tumbleweed/6.11.8-1-default/initrd-1\n",
            0o755,
        )
    host.programs.functions.update(
        {"sdbootutil": Sdbootutil(host, folder=folder, snapshot=snapshot), "bootctl": bootctl("/boot/efi")}
    )


def suse_entries_older(host: FakeBootHost) -> None:
    """An sdbootutil that knows no folder beside /etc/kernel/cmdline, on the second of two snapshots."""
    suse_entries(host, folder=False, snapshot=2)


def grub_bls(host: FakeBootHost) -> None:
    """RHEL 9: arguments stand in the entries; one of them has runs of blanks, one no end of its last line."""
    line = f"{ROOT} ro crashkernel=1G-4G:192M rhgb quiet"
    _booted(host, f"BOOT_IMAGE=(hd0,gpt2)/vmlinuz-5.14.0-503.el9.x86_64 {line}")
    for version, options in (
        ("5.14.0-503.el9.x86_64", f"{line} $tuned_params"),
        ("5.14.0-70.el9.x86_64", f"{ROOT}   ro hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=512 "),
        ("0-rescue", f"{ROOT} ro"),
    ):
        host.write(
            f"/boot/loader/entries/{MACHINE}-{version}.conf",
            f"title Red Hat Enterprise Linux ({version}) 9.5\nversion {version}\nlinux /vmlinuz-{version}\n"
            f"initrd /initramfs-{version}.img $tuned_initrd\noptions {options}\ngrub_users $grub_users\n"
            + ("grub_class kernel" if version == "0-rescue" else "grub_class rhel\n"),
        )
    host.write("/boot/grub2/grubenv", _environment(f"saved_entry={MACHINE}-5.14.0-503.el9.x86_64\nboot_success=1\n"))
    host.write("/boot/grub2/grub.cfg", "### BEGIN /etc/grub.d/10_linux ###\ninsmod blscfg\nblscfg\n")
    host.write(
        "/etc/default/grub",
        'GRUB_TIMEOUT=5\nGRUB_DISABLE_SUBMENU=true\nGRUB_CMDLINE_LINUX="crashkernel=1G-4G:192M  rhgb quiet"\n'
        'GRUB_DISABLE_RECOVERY="true"\nGRUB_ENABLE_BLSCFG=true\n',
    )
    host.write("/etc/kernel/cmdline", f"{line}\n")
    host.programs.functions["grubby"] = lambda *_words: (word for word in ()).throw(AssertionError("grubby writes"))


def grub_bls_8(host: FakeBootHost) -> None:
    """RHEL 8: entries name $kernelopts; the environment block is a link to the ESP; there is no /etc/kernel/cmdline."""
    grub_bls(host)
    host.remove("/etc/kernel/cmdline")
    for path in (host.root / "boot/loader/entries").iterdir():
        text = path.read_text()
        start, end = text.index("options "), text.index("\ngrub_users")
        path.write_text(f"{text[:start]}options $kernelopts $tuned_params{text[end:]}")
    host.remove("/boot/grub2/grubenv")
    host.write(
        "/boot/efi/EFI/redhat/grubenv",
        _environment(
            f"saved_entry={MACHINE}-5.14.0-503.el9.x86_64\nkernelopts={ROOT} ro rhgb quiet \nboot_success=0\n"
        ),
        0o700,
    )
    (host.root / "boot/grub2/grubenv").symlink_to("../efi/EFI/redhat/grubenv")


def _environment(variables: str) -> bytes:
    return f"# GRUB Environment Block\n{variables}".encode().ljust(1024, b"#")


def grub_bls_without_cmdline(host: FakeBootHost) -> None:
    grub_bls(host)
    host.remove("/etc/kernel/cmdline")


def systemd_boot(host: FakeBootHost) -> None:
    """Debian: no /etc/kernel/cmdline; one entry with tries in its name, one with the line ends of Windows."""
    line = f"{ROOT} rw quiet systemd.machine_id={MACHINE}"
    _booted(host, line)
    variable(host, "LoaderInfo", "systemd-boot 257.13-1~deb13u1")
    for name, version, options, newline in (
        (f"{MACHINE}-6.12.118-amd64+3-1.conf", "6.12.118-amd64", line, "\n"),
        (f"{MACHINE}-6.12.90-amd64.conf", "6.12.90-amd64", f"{ROOT} rw  quiet systemd.machine_id={MACHINE} ", "\r\n"),
    ):
        lines = [
            "# Boot Loader Specification type#1 entry",
            "# File created by /usr/lib/kernel/install.d/90-loaderentry.install (systemd 257.13-1~deb13u1)",
            "title      Debian GNU/Linux 13 (trixie)",
            f"version    {version}",
            f"machine-id {MACHINE}",
            "sort-key   debian",
            f"options    {options}",
            f"linux      /{MACHINE}/{version}/linux",
            f"initrd     /{MACHINE}/{version}/initrd.img-{version}",
        ]
        host.write(f"/boot/efi/loader/entries/{name}", newline.join(lines) + newline, 0o700)
    host.write("/boot/efi/loader/entries/memtest.conf", "title Memtest\nefi /EFI/memtest.efi\noptions nothing\n", 0o700)
    host.write("/boot/efi/loader/loader.conf", "timeout 3\n", 0o700)
    host.write("/etc/kernel/install.conf", "layout=bls\n")
    host.programs.functions["bootctl"] = bootctl("/boot/efi", default=f"{MACHINE}-6.12.118-amd64+3-1")


def systemd_boot_with_cmdline(host: FakeBootHost) -> None:
    """Several lines, comments, and no end of the last line."""
    systemd_boot(host)
    host.write("/etc/kernel/cmdline", f"# of the administrator\n{ROOT} rw\nquiet\n# no more\n  \nloglevel=3")


def proxmox_entries(host: FakeBootHost) -> None:
    """A mirror of two ESPs."""
    line = "root=ZFS=rpool/ROOT/pve-1 boot=zfs"
    _booted(host, f"initrd=\\EFI\\proxmox\\6.8.12-4-pve\\initrd.img-6.8.12-4-pve {line}")
    variable(host, "LoaderInfo", "systemd-boot 252.31-1~deb12u1")
    host.write("/etc/kernel/cmdline", f"{line}\n# only the first line counts\n")
    host.write("/etc/kernel/proxmox-boot-uuids", "A1B2-C3D4\nE5F6-0718\n")
    for uuid in ("A1B2-C3D4", "E5F6-0718"):
        folder = f"/run/kvm.hostdev.boot/{uuid}"
        host.mounts.partitions[uuid] = folder
        host.write(f"{folder}/loader/loader.conf", "timeout 3\ndefault proxmox-*\n", 0o755)
        for version in ("6.8.12-4-pve", "6.8.4-2-pve"):
            host.write(f"{folder}/EFI/proxmox/{version}/vmlinuz-{version}", "kernel", 0o755)
            host.write(
                f"{folder}/loader/entries/proxmox-{version}.conf",
                f"title    Proxmox Virtual Environment\nversion  {version}\noptions  {line}\n"
                f"linux    /EFI/proxmox/{version}/vmlinuz-{version}\n"
                f"initrd   /EFI/proxmox/{version}/initrd.img-{version}\n",
                0o755,
            )
    host.programs.functions["proxmox-boot-tool"] = lambda *_words: _status(_words)


def proxmox_mixed(host: FakeBootHost) -> None:
    """One ESP with systemd-boot, one with GRUB (in the middle of a change of the firmware's mode)."""
    proxmox_entries(host)
    folder = "/run/kvm.hostdev.boot/E5F6-0718"
    for name in ("loader/entries/proxmox-6.8.12-4-pve.conf", "loader/entries/proxmox-6.8.4-2-pve.conf"):
        host.remove(f"{folder}/{name}")
    host.write(f"{folder}/EFI/proxmox/grubx64.efi", "grub", 0o755)
    host.write("/boot/config-6.8.12-4-pve", "CONFIG_VFIO=m\n")
    host.write("/etc/default/grub", 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n')
    program = GrubMkconfig(host)
    for version in ("6.8.12-4-pve", "6.8.4-2-pve"):
        host.write(f"{folder}/vmlinuz-{version}", "kernel", 0o755)
    with host.mounts.over(folder, "/boot"):
        text = program.text()
    host.write(f"{folder}/grub/grub.cfg", text, 0o755)
    host.programs.functions["grub-mkconfig"] = program


def _status(words: tuple[str, ...]) -> t.Any:
    from .fake_programs import DONE

    assert words == ("status", "--quiet")
    return DONE


def unified(host: FakeBootHost, *, stub: str = "systemd-stub 257.13-1") -> None:
    line = f"{ROOT} rw quiet"
    _booted(host, line)
    variable(host, "LoaderInfo", "systemd-boot 257.13-1")
    variable(host, "StubInfo", stub)
    host.write("/etc/kernel/cmdline", f"{line}\n")
    host.write("/etc/kernel/install.conf", "layout=uki\n")
    host.write("/etc/machine-id", f"{MACHINE}\n")
    host.write("/efi/EFI/Linux/another-system.efi", portable_executable(b"root=/dev/sdb1"), 0o700)
    for version in ("6.12.118-amd64", "6.12.90-amd64"):
        kernel = f"kernel {version}".encode()
        host.write(f"/boot/vmlinuz-{version}", kernel)
        host.write(f"/lib/modules/{version}/modules.dep", "")
        image = portable_executable(f"{line}\0".encode(), kernel)
        host.write(f"/efi/EFI/Linux/{MACHINE}-{version}.efi", image, 0o700)
    host.programs.functions.update(
        {"bootctl": bootctl("/efi"), "ukify": ukify(host), "kernel-install": kernel_install(host, MACHINE)}
    )


def unified_rebuilt(host: FakeBootHost) -> None:
    """A stub that knows no addons: images are built anew."""
    unified(host, stub="systemd-stub 252.39-1~deb12u1")


def rpm_ostree(host: FakeBootHost) -> None:
    line = f"rw {ROOT} ostree=/ostree/boot.1/fedora/9a/0"
    _booted(host, f"BOOT_IMAGE=(hd0,gpt3)/ostree/vmlinuz {line}")
    host.write("/run/ostree-booted", "")
    host.write("/boot/grub2/grub.cfg", "blscfg\n")
    host.programs.functions["rpm-ostree"] = RpmOstreeFake(host, line)


HOSTS: t.Mapping[str, t.Callable[[FakeBootHost], None]] = {
    function.__name__: function
    for function in (
        grub_debian,
        grub_debian_without_folder,
        grub_generated,
        suse_grub,
        suse_entries,
        suse_entries_older,
        grub_bls,
        grub_bls_8,
        grub_bls_without_cmdline,
        systemd_boot,
        systemd_boot_with_cmdline,
        proxmox_entries,
        proxmox_mixed,
        unified,
        unified_rebuilt,
        rpm_ostree,
    )
}


def made(name: str, root: Path, monkeypatch: t.Any) -> FakeBootHost:
    host = FakeBootHost(root, monkeypatch)
    HOSTS[name](host)
    host.power.effects.clear()
    return host
