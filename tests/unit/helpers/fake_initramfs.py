# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's initramfs tools that read what is configured, as the real ones do, and that can fail or be cut off."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import program_failed
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

GENERATORS = ("initramfs_tools", "dracut", "mkinitcpio")
OLD, NEW = "6.1.0-40-amd64", "6.12.57+deb13-amd64"

_VFIO = "kernel/drivers/vfio"
DEP_OLD = (
    f"{_VFIO}/vfio.ko.xz:\n{_VFIO}/vfio_virqfd.ko.xz:\n{_VFIO}/vfio_iommu_type1.ko.xz: {_VFIO}/vfio.ko.xz\n"
    f"{_VFIO}/pci/vfio-pci-core.ko.xz: {_VFIO}/vfio_virqfd.ko.xz\n"
    f"{_VFIO}/pci/vfio-pci.ko.xz: {_VFIO}/pci/vfio-pci-core.ko.xz\nkernel/drivers/nvme/host/nvme.ko.xz:\n"
)
DEP_NEW = DEP_OLD.replace(f"{_VFIO}/vfio_virqfd.ko.xz:\n", "").replace(f" {_VFIO}/vfio_virqfd.ko.xz", "")
KERNELS = {
    f"/lib/modules/{OLD}/modules.dep": DEP_OLD,
    f"/lib/modules/{OLD}/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
    f"/lib/modules/{NEW}/modules.dep": DEP_NEW,
    f"/lib/modules/{NEW}/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
    f"/lib/modules/{NEW}/modules.softdep": "# Soft dependencies\nsoftdep nvme pre: nvme_auth post: nvme_late\n",
    "/lib/modules/5.10.0-old/updates/dkms/zfs.ko": "",
}
_FOLDERS = {
    "initramfs_tools": ("/usr/sbin/update-initramfs", "/usr/share/initramfs-tools/hook-functions"),
    "dracut": ("/usr/bin/dracut", "/usr/lib/dracut/dracut-init.sh"),
    "mkinitcpio": ("/usr/bin/mkinitcpio", "/etc/mkinitcpio.conf"),
}
_CONFIGURED = {
    "initramfs_tools": "/etc/initramfs-tools/hooks",
    "dracut": "/etc/dracut.conf.d",
    "mkinitcpio": "/etc/mkinitcpio.conf.d",
}
IMAGES = {
    "initramfs_tools": (f"/boot/initrd.img-{OLD}", f"/boot/initrd.img-{NEW}"),
    "dracut": (f"/boot/initramfs-{OLD}.img", f"/boot/0123/{NEW}/initrd"),
    "mkinitcpio": ("/boot/initramfs-linux.img", "/boot/initramfs-linux-fallback.img"),
}


class CutOff(BaseException):
    """The power went."""


def lay_out(root: Path, generator: str | None, contents: t.Mapping[str, str] | None = None) -> None:
    """A host below `root` whose initramfs is of a generator, or that has none."""
    files(root, {**KERNELS, "/etc/modprobe.d/blacklist.conf": "blacklist pcspkr\n", **(contents or {})})
    (root / "etc/modules-load.d").mkdir(exist_ok=True)
    if generator is not None:
        add_generator(root, generator)


def add_generator(root: Path, generator: str) -> None:
    files(root, dict.fromkeys(_FOLDERS[generator], "#!/bin/sh\n"))
    for path in _FOLDERS[generator]:
        os.chmod(f"{root}{path}", 0o755)
    (root / _CONFIGURED[generator][1:]).mkdir(parents=True, exist_ok=True)
    for image in IMAGES[generator]:
        os.makedirs(os.path.dirname(f"{root}{image}"), exist_ok=True)
        Path(f"{root}{image}").write_text(configured(root, generator))
        os.chmod(f"{root}{image}", 0o600)


def configured(root: Path, generator: str) -> str:
    """What an initramfs is made of."""
    folders = ("/etc/modprobe.d", _CONFIGURED[generator])
    return "\n".join(
        f"{path.name}: {path.read_text()}"
        for folder in folders
        for path in sorted(Path(f"{root}{folder}").glob("*"))
        if not path.name.startswith(".")
    )


class FakePrograms:
    """Programs of a host; `log` are the runs, and `fails` and `cut` have the next one fail, or the power go in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log: list[str] = []
        self.fails = self.cut = False

    def has(self, name: str) -> bool:
        return any(os.access(f"{self.root}/usr/{folder}/{name}", os.X_OK) for folder in ("bin", "sbin"))

    def demand(self, *words: str, seconds: float = 600) -> str:
        assert seconds > 60
        self.log.append(" ".join(word.replace(str(self.root), "") for word in words))
        assert self.has(words[0])
        if words[0] == "update-initramfs":
            self._make("initramfs_tools", words, replaces=True)
        elif words[0] == "mkinitcpio":
            self._make("mkinitcpio", words, replaces=False)
        else:
            self._dracut(words)
        return ""

    def _make(self, generator: str, words: t.Sequence[str], *, replaces: bool) -> None:
        content = configured(self.root, generator)
        for image in IMAGES[generator]:
            path = Path(f"{self.root}{image}")
            target = path.with_name(f"{path.name}.new") if replaces else path
            target.write_text(content[:7])
            if self.cut:
                raise CutOff
            if self.fails:
                target.unlink()
                raise program_failed(words, "exit status 1: no space left on device")
            target.write_text(content)
            os.chmod(target, 0o600)
            os.rename(target, path)

    def _dracut(self, words: t.Sequence[str]) -> None:
        """Copies over its output, and removes it when it fails."""
        assert words[1:3] == ("--force", "--kver")
        path = Path(words[4])
        content = configured(self.root, "dracut")
        path.write_text(content[:7])
        if self.cut:
            raise CutOff
        if self.fails:
            path.unlink()
            raise program_failed(words, "exit status 1: module vfio_virqfd not found")
        path.write_text(content)


def picture(root: Path) -> dict[str, tuple[int, str | None]]:
    """Every file and folder with its mode and content."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, None if path.is_dir() else path.read_text())
        for path in sorted(root.rglob("*"))
    }
