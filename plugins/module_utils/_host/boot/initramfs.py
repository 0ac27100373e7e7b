# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes the host's initramfs, and having it made anew by its own tool."""

from __future__ import annotations

import contextlib
import os
import re
import typing as t

from ..._model.errors import HostdevError, few

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .own_files import OwnFiles
    from .programs import Programs

_TRIES = 1800.0  # seconds for all kernels; under emulation a single one takes minutes
_HOOKS = ("/etc/kernel/postinst.d", "/usr/share/kernel/postinst.d", "/usr/lib/kernel/postinst.d")
_INSTALL = ("/etc/kernel/install.conf", "/usr/lib/kernel/install.conf")
# By generator: its program, what else of it must be there, and its name elsewhere.
_SIGNS = {
    "initramfs_tools": ("update-initramfs", "/usr/share/initramfs-tools/hook-functions", "initramfs-tools"),
    "dracut": ("dracut", "/usr/lib/dracut", "dracut"),
    "mkinitcpio": ("mkinitcpio", "/etc/mkinitcpio.conf", "mkinitcpio"),
}
_OSTREE = "/run/ostree-booted"


class Initramfs:
    """The initramfs of all installed kernels, by one generator."""

    def __init__(self, tree: Tree, programs: Programs, files: OwnFiles, generator: str) -> None:
        self._tree, self._programs, self._files = tree, programs, files
        self.generator = generator

    def check(self, releases: t.Sequence[str]) -> None:
        """Raises HostdevError where the generator would not heed our file, or there is nothing that it has made."""
        if self.generator == "initramfs_tools":
            self._check_switched_on()
        elif self.generator == "mkinitcpio":
            self._check_presets()
        elif not any(self._images(release) for release in releases):
            raise HostdevError(
                "initramfs_missing",
                subject="dracut",
                found=f"there is no initramfs for {few(releases, none='any kernel')}",
                wanted="one of " + ", ".join(_image_places("RELEASE")),
                remedy="see where dracut puts it, or leave the initramfs alone with initramfs: false",
            )

    def rebuild(self, releases: t.Sequence[str]) -> None:
        """Have it made of what is configured now. Raises HostdevError: program_failed.

        update-initramfs writes each image beside the old one and renames it; mkinitcpio writes over it. dracut copies
        over it, and removes it when that fails: so here it makes another file, which is then renamed.
        """
        if self.generator == "initramfs_tools":
            self._programs.demand("update-initramfs", "-u", "-k", "all", seconds=_TRIES)
        elif self.generator == "mkinitcpio":
            self._programs.demand("mkinitcpio", "-P", seconds=_TRIES)
        else:
            for release in releases:
                for image in self._images(release):
                    self._dracut(release, image)

    def _dracut(self, release: str, image: str) -> None:
        folder, name = os.path.split(image)
        made = f"{folder}/.{name}.kvm-hostdev"
        local = self._tree.local(made)
        try:
            self._programs.demand("dracut", "--force", "--kver", release, local, seconds=_TRIES)
            self._files.adopt(image, made)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(local)

    def _images(self, release: str) -> list[str]:
        """The files that there are of a kernel; the name of the folder with a kernel's entry is the machine's own."""
        found = []
        for place in _image_places(release):
            above, star, below = place.partition("/*")
            paths = [f"{above}/{name}{below}" for name in self._tree.names(above)] if star else [place]
            found += [path for path in paths if self._tree.is_file(path)]
        return sorted({self._tree.real(path): path for path in found}.values())

    def _check_switched_on(self) -> None:
        path = "/etc/initramfs-tools/update-initramfs.conf"
        if re.search(r"^\s*update_initramfs=[\"']?no\b", self._tree.text(path) or "", re.MULTILINE):
            raise HostdevError(
                "initramfs_off",
                subject=path,
                found="update_initramfs=no: update-initramfs does nothing then, and says that it succeeded",
                wanted="update_initramfs=yes",
            )

    def _check_presets(self) -> None:
        """With -c, which a preset's config is, mkinitcpio leaves out drop-ins (mkinitcpio(8))."""
        folder = "/etc/mkinitcpio.d"
        for name in self._tree.names(folder):
            text = self._tree.text(f"{folder}/{name}") or ""
            config = re.search(r"^\s*\w+_config=.*$", text, re.MULTILINE)
            if name.endswith(".preset") and config is not None:
                raise HostdevError(
                    "initramfs_config",
                    subject=f"{folder}/{name}",
                    found=f"{config.group().strip()}: mkinitcpio leaves out the files of /etc/mkinitcpio.conf.d then",
                    wanted="a preset without a configuration of its own",
                    remedy="put a # before that line",
                )


def generator_of(tree: Tree, programs: Programs) -> str:
    """Which generator the host's initramfs is of. Raises HostdevError with code initramfs_unknown."""
    if tree.exists(_OSTREE):
        raise _unknown(f"{_OSTREE} is there: its initramfs comes with the system's image", "set initramfs: false")
    there = [name for name, (program, sign, _maker) in _SIGNS.items() if programs.has(program) and tree.exists(sign)]
    if len(there) > 1:
        hooks = [hook for folder in _HOOKS for hook in tree.names(folder)]
        told = "\n".join(tree.text(path) or "" for path in _INSTALL)
        there = [
            name
            for name in there
            if any(_SIGNS[name][2] in hook for hook in hooks)
            or re.search(rf"^\s*initrd_generator={_SIGNS[name][2]}\s*$", told, re.MULTILINE)
        ] or there
    if len(there) == 1:
        return there[0]
    looked = "; ".join(f"{program} and {sign}" for program, sign, _maker in _SIGNS.values())
    raise _unknown(
        f"there are {' and '.join(there)}" if there else f"none of these is there: {looked}",
        "name the one in use in /etc/kernel/install.conf, as initrd_generator=dracut" if there else "",
    )


def _unknown(found: str, remedy: str) -> HostdevError:
    return HostdevError(
        "initramfs_unknown",
        subject="the initramfs",
        found=found,
        wanted="initramfs-tools, dracut or mkinitcpio",
        remedy=remedy or "set initramfs: false, and put vfio_pci into it by hand where that is needed",
    )


def _image_places(release: str) -> tuple[str, ...]:
    """Where dracut and kernel-install put an initramfs (dracut.sh, outfile)."""
    return (
        f"/boot/initramfs-{release}.img",
        f"/boot/initrd.img-{release}",
        f"/boot/initrd-{release}",
        *(f"{boot}/*/{release}/initrd" for boot in ("/efi", "/boot", "/boot/efi")),
    )
