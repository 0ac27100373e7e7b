# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that have vfio loaded at boot: what stands in each, and how each generator of an initramfs is told."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

MODULES_LOAD = "/etc/modules-load.d/kvm-hostdev.conf"
MODPROBE = "/etc/modprobe.d/kvm-hostdev.conf"
INITRAMFS = {
    "initramfs_tools": "/etc/initramfs-tools/hooks/kvm-hostdev",
    "dracut": "/etc/dracut.conf.d/kvm-hostdev.conf",
    "mkinitcpio": "/etc/mkinitcpio.conf.d/kvm-hostdev.conf",
}
"""By generator: the file that it reads."""

OF_INITRAMFS = frozenset(INITRAMFS.values())
PATHS = (MODULES_LOAD, MODPROBE, *INITRAMFS.values())
"""All of them, in the order in which they are written."""

MARK = "# Made by kvm.hostdev.vfio_modules, which replaces and removes it as a whole."
OPTIONS = ("disable_denylist", "disable_idle_d3", "disable_vga", "enable_sriov", "nointxmask")
"""The parameters of vfio_pci that may be set. Not its ids, with which it takes every device of a kind."""


@dataclass(frozen=True)
class File:
    """A file's content and, where it is to be run, that it is."""

    text: str
    executable: bool = False

    @property
    def data(self) -> bytes:
        return self.text.encode()

    @property
    def mode(self) -> int:
        return 0o755 if self.executable else 0o644


def files_for(
    modules: t.Sequence[str], softdeps: t.Sequence[str], options: t.Mapping[str, bool], generator: str | None
) -> dict[str, File]:
    """What is to be there, by path; what has nothing to say is not. `generator` is that of an initramfs with vfio."""
    files = {}
    if modules:
        files[MODULES_LOAD] = _file(modules)
    lines = [*softdeps]
    if options:
        lines.append(" ".join(["options", "vfio-pci", *(f"{name}={int(options[name])}" for name in sorted(options))]))
    if lines:
        files[MODPROBE] = _file(lines)
    if generator is not None and (modules or lines):
        files[INITRAMFS[generator]] = _OF_GENERATOR[generator](modules, MODPROBE if lines else None)
    return files


def enters_initramfs(changed: t.Collection[str], before: t.Collection[str], after: t.Collection[str]) -> bool:
    """Whether an initramfs that has, had or gets vfio by our files is made of another content than before."""
    if any(path in OF_INITRAMFS for path in changed):
        return True
    return MODPROBE in changed and any(path in OF_INITRAMFS for path in (*before, *after))


def _file(lines: t.Iterable[str]) -> File:
    return File("".join(f"{line}\n" for line in (MARK, *lines)))


def _hook(modules: t.Sequence[str], _modprobe: str | None) -> File:
    """Initramfs-tools has all of /etc/modprobe.d in any case; its hooks are programs (initramfs-tools(7))."""
    lines = (
        "#!/bin/sh",
        MARK,
        'case "${1:-}" in',
        "prereqs) exit 0 ;;",
        "esac",
        ". /usr/share/initramfs-tools/hook-functions",
        *(f"force_load {name}" for name in modules),
    )
    return File("".join(f"{line}\n" for line in lines), executable=True)


def _dracut(modules: t.Sequence[str], modprobe: str | None) -> File:
    """An image for one host has modprobe.d, a generic one has not; blanks inside of the quotes matter."""
    lines = [f'force_drivers+=" {" ".join(modules)} "'] if modules else []
    return _file([*lines, f'install_items+=" {modprobe} "'] if modprobe else lines)


def _mkinitcpio(modules: t.Sequence[str], modprobe: str | None) -> File:
    """Its hook modconf, which has modprobe.d copied, can be left out."""
    lines = [f"MODULES+=({' '.join(modules)})"] if modules else []
    return _file([*lines, f"FILES+=({modprobe})"] if modprobe else lines)


_OF_GENERATOR: dict[str, t.Callable[[t.Sequence[str], str | None], File]] = {
    "initramfs_tools": _hook,
    "dracut": _dracut,
    "mkinitcpio": _mkinitcpio,
}
