# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partitions that a boot loader keeps unmounted, mounted for the time of a task where only this process sees it."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ..._model.errors import HostdevError
from ..folders import make_folder

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .programs import Programs

_FOLDER = "/run/kvm.hostdev.boot"
_CLONE_NEWNS = 0x00020000  # include/uapi/linux/sched.h


class Mounts:
    """Mounts in a namespace of our own, which the kernel takes away with this process, however that ends."""

    def __init__(self, tree: Tree, programs: Programs, *, check: bool) -> None:
        self._tree, self._programs, self._check = tree, programs, check
        self._apart = False
        self._mounted: dict[str, str] = {}

    def partition(self, uuid: str) -> str:
        """The folder where the file system of that UUID is, mounted by others or by us; in check mode to be read.

        Raises HostdevError: boot_partition_unmounted.
        """
        if uuid not in self._mounted:
            self._mounted[uuid] = self._standing(uuid) or self._mount(uuid)
        return self._mounted[uuid]

    @contextlib.contextmanager
    def over(self, folder: str, place: str) -> t.Iterator[None]:
        """Have a folder at another place as well for the time of the block, as programs expect it there."""
        self._enter_namespace()
        self._programs.demand("mount", "--bind", folder, place, seconds=60)
        try:
            yield
        finally:
            self._programs.run("umount", place, seconds=60)

    def _standing(self, uuid: str) -> str | None:
        """Where others have mounted it: the same file system can't be mounted in another mode at once."""
        number = self._tree.block_number(f"/dev/disk/by-uuid/{uuid}")
        for line in self._tree.lines("/proc/self/mountinfo"):
            fields = line.split(" ")
            if number is not None and len(fields) > 5 and fields[2] == number and fields[3] == "/":
                return fields[4]
        return None

    def _mount(self, uuid: str) -> str:
        self._enter_namespace()
        folder = f"{_FOLDER}/{uuid}"
        make_folder(self._tree.local(folder))
        mode = "ro" if self._check else "rw"
        ended = self._programs.run("mount", "-o", mode, f"/dev/disk/by-uuid/{uuid}", folder, seconds=60)
        if ended.status:
            raise HostdevError(
                "boot_partition_unmounted",
                subject=f"ESP {uuid}",
                found=f"it can't be mounted: {ended.err.strip() or ended.status}",
                wanted="the partitions of /etc/kernel/proxmox-boot-uuids",
                remedy="see proxmox-boot-tool status; proxmox-boot-tool clean forgets those that are gone",
            )
        return folder

    def _enter_namespace(self) -> None:
        if self._apart:
            return
        # Not above: few hosts keep their partitions unmounted.
        import ctypes

        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS):
            code = ctypes.get_errno()
            raise HostdevError(
                "boot_partition_unmounted",
                subject="the ESPs",
                found=f"no mount namespace for them: {os.strerror(code)}",
                wanted="root's rights",
                remedy="run the task as root, outside of containers",
            )
        self._programs.demand("mount", "--make-rprivate", "/", seconds=60)
        self._apart = True
