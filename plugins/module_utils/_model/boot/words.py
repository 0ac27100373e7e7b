# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done about how the host boots, in one line."""

from __future__ import annotations

import typing as t

from ..errors import few, one_line

if t.TYPE_CHECKING:
    from .platform import Boot


class Doing(t.NamedTuple):
    """What became of files: `absent` where ours were to go, `check_mode` where it only would become so."""

    changed: bool
    absent: bool
    check_mode: bool

    def words(self, what: str, where: t.Collection[str]) -> str:
        """`what` with what is done about it, and the files `where`."""
        if not self.changed:
            return f"{what}: nothing of ours to take out" if self.absent else f"{what}, as before"
        would = "would be " if self.check_mode else ""
        files = f" ({few(where)})" if where else ""
        return f"{what} {would}{'taken out' if self.absent else 'written'}{files}"


def arguments_told(doing: Doing, arguments: t.Collection[str], loader: str | None, *, reboot_needed: bool) -> str:
    """What is done about the kernel's arguments; without any all of ours are meant."""
    what = few(arguments, "all arguments of ours" if doing.absent and doing.changed else "arguments")
    return one_line(doing.words(what, [loader] if loader else []) + _reboot(needed=reboot_needed))


def modules_told(doing: Doing, files: t.Collection[str], *, rebuilt: bool, reboot_needed: bool) -> str:
    """What is done about the modules of VFIO; `files` are those that change."""
    would = "would be " if doing.check_mode else ""
    initramfs = f"; initramfs {would}made anew" if rebuilt else ""
    return one_line(doing.words("VFIO at boot", files) + initramfs + _reboot(needed=reboot_needed))


def memory_lock_told(doing: Doing, limit: str | None, services: t.Collection[str]) -> str:
    """What is done about how much memory libvirt's daemons may lock."""
    return one_line(doing.words(f"memory lock of {limit}" if limit else "memory lock", services))


def iommu_told(boot: Boot, missing: t.Collection[str]) -> str:
    """Whether the IOMMU is on, and how much is missing."""
    lacking = f"{len(missing)} thing{'' if len(missing) == 1 else 's'} missing" if missing else "nothing is missing"
    return one_line(f"{boot.platform}: the IOMMU is {boot.reason}; {lacking}")


def _reboot(*, needed: bool) -> str:
    return "; a reboot is needed" if needed else ""
