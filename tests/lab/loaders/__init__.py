# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that boots by itself: an EFI partition with a boot loader, as Debian's packages fill it, and the root.

Nothing here needs a loop device, a mount or a privilege: each tool writes at its offset into a plain file.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab import accelerator, emulator

#: What a host has that boots by it. The unsigned package carries the image that needs no grub-install.
PACKAGES = {
    "grub": ("grub-efi-amd64", "grub-efi-amd64-unsigned", "efibootmgr", "dosfstools"),
    "systemd-boot": ("systemd-boot", "systemd-boot-efi", "efibootmgr", "dosfstools"),
}
#: The identifiers that any/etc/fstab has as well.
ROOT_UUID = "6b766d68-6f73-4465-b600-000000000001"
_EFI_ID = "4B564D01"
#: What a loader's script is given: the root, kernel arguments of the machine, and its administrator's. The IOMMU is off
#: by one of these, since Debian 13's kernel switches it on by itself.
ARGUMENTS = (
    ROOT_UUID,
    accelerator.KERNEL_ARGUMENTS,
    "intel_iommu=off",
)

_MIB = 1 << 20
#: MiB: the partitions' starts and the EFI partition's size, which has room for a few kernels.
_EFI_START, _EFI_SIZE, _ROOT_START = 1, 512, 513
_PARTITIONS = f"""label: gpt
first-lba: 2048
start={_EFI_START}MiB, size={_EFI_SIZE}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=EFI
start={_ROOT_START}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=6b766d68-6f73-4465-b600-000000000002, name=root
"""
#: What an image depends on.
RECIPE = (_PARTITIONS, _EFI_ID, *ARGUMENTS)
_HERE = Path(__file__).parent


def files(loader: str) -> dict[str, Path]:
    """Return what is laid into the root of a host that boots by LOADER, by its path there."""
    return {
        str(source.relative_to(folder)): source
        for folder in (_HERE / "any", _HERE / loader)
        for source in sorted(folder.rglob("*"))
        if source.is_file()
    }


def write_disk(disk: Path, root: Path, efi: Path, size: str, tools: emulator.Emulator) -> None:
    """Write DISK: the folder EFI as a file system, then the archive ROOT as another one of SIZE."""
    gib = int(size.removesuffix("G"))
    with disk.open("wb") as stream:
        stream.truncate((_ROOT_START + gib * 1024 + 1) * _MIB)
    subprocess.run(
        tools.command("usr/sbin/sfdisk", "--quiet", str(disk)),
        input=_PARTITIONS,
        text=True,
        env=tools.environment(),
        check=True,
    )
    # 4 KiB at once: the firmware reads kernels cluster by cluster.
    fat = ("-F", "32", "-s", "8", "-i", _EFI_ID, "-n", "EFI", f"--offset={_EFI_START * _MIB // 512}")
    emulator.run(tools.command("usr/sbin/mkfs.fat", *fat, str(disk), str(_EFI_SIZE * 1024)), tools)
    copies = [str(path) for path in sorted(efi.iterdir())]
    emulator.run(tools.command("usr/bin/mcopy", "-s", "-Q", "-i", f"{disk}@@{_EFI_START}M", *copies, "::/"), tools)
    place = f"offset={_ROOT_START * _MIB},root_owner=0:0,lazy_itable_init=1"
    ext4 = ("-q", "-F", "-t", "ext4", "-L", "lab", "-U", ROOT_UUID, "-E", place, "-d", str(root))
    emulator.run(tools.command("usr/sbin/mke2fs", *ext4, str(disk), size), tools)
