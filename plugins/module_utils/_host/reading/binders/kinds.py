# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where each kind of binder has its files."""

from __future__ import annotations

import typing as t

from ...._model.binders.command_line import command_line_fighters
from ...._model.binders.modprobe import initramfs_modules_fighters, modprobe_fighters
from ...._model.binders.own_files import driverctl_fighter, mdevctl_fighter, network_fighters
from ...._model.binders.scripts import script_fighters
from ..vf_makers.at_boot import called, run_at_boot

if t.TYPE_CHECKING:
    from ...._model.binders.fighter import Fighter
    from ..vf_makers.files import Files

_OURS = "kvm-hostdev"
_LINES = ("/etc/default/grub", "/etc/kernel/cmdline", "/usr/lib/kernel/cmdline", "/etc/sysconfig/bootloader")
_LINE_FOLDERS = (
    *("/etc/default/grub.d", "/etc/kernel/cmdline.d", "/etc/cmdline.d", "/etc/dracut.conf.d"),
    *("/boot/loader/entries", "/boot/efi/loader/entries", "/efi/loader/entries"),
)
_TREES = (
    *("/etc/libvirt/hooks", "/etc/initramfs-tools/scripts", "/etc/initramfs-tools/hooks"),
    *("/etc/initcpio/hooks", "/etc/initcpio/install", "/usr/local/lib/dracut/modules.d"),
)
_DEEPEST = 5
"""As hooks of one domain lie: qemu.d/DOMAIN/prepare/begin/NAME."""


def driverctl(files: Files) -> t.Iterator[Fighter]:
    for source in files.sources(files.paths("/etc/driverctl.d")):
        fighter = driverctl_fighter(source)
        if fighter is not None:
            yield fighter


def modprobe(files: Files) -> t.Iterator[Fighter]:
    for source in files.sources(files.layered("modprobe.d", ".conf")):
        if _OURS not in source.path:
            yield from modprobe_fighters(source)
    for source in files.sources(["/etc/initramfs-tools/modules"]):
        yield from initramfs_modules_fighters(source)


def command_line(files: Files) -> t.Iterator[Fighter]:
    """The files that the line in force may come from; that line itself where none of them has such an argument."""
    paths = [*_LINES, *(path for folder in _LINE_FOLDERS for path in files.paths(folder))]
    fighters = [fighter for source in files.sources(paths) for fighter in command_line_fighters(source)]
    yield from fighters
    known = {entry for fighter in fighters for entry in (fighter.ids, fighter.detail)}
    for source in files.sources(["/proc/cmdline"]):
        for fighter in command_line_fighters(source, in_force=True):
            if fighter.detail not in known and (not fighter.ids or fighter.ids not in known):
                yield fighter


def scripts(files: Files) -> t.Iterator[Fighter]:
    """What runs at boot, in an initramfs and when domains start."""
    seen: set[str] = set()
    for _path, sources in run_at_boot(files):
        for source in sources:
            seen.add(files.tree.real(source.path))
            yield from script_fighters(source)
    for folder in _TREES:
        for path in _below(files, folder, _DEEPEST):
            for source in called(files, path, seen):
                yield from script_fighters(source)


def mdevctl(files: Files) -> t.Iterator[Fighter]:
    for parent in files.paths("/etc/mdevctl.d"):
        for source in files.sources(files.paths(parent)):
            fighter = mdevctl_fighter(source)
            if fighter is not None:
                yield fighter


def networks(files: Files) -> t.Iterator[Fighter]:
    for source in files.sources(files.paths("/etc/libvirt/qemu/networks", ".xml")):
        yield from network_fighters(source)


def _below(files: Files, folder: str, depth: int) -> t.Iterator[str]:
    for path in files.paths(folder) if depth else ():
        yield path
        yield from _below(files, path, depth - 1)
