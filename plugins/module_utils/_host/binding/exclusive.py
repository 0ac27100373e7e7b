# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole disks opened exclusively: the kernel refuses that while anybody has a disk or a partition of it for himself.

Mounts, swap, md, dm, bcache, ZFS, DRBD and exports all claim a block device for themselves (block/bdev.c,
bd_prepare_to_claim), whatever it is called and in whatever namespace. While we have it nobody else can begin to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.guards.blocker import blocker
from ..process import keep_open, reap
from ..reading.pci.functions import pci_addresses
from ..usage.storage.uses import block_locations

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_REAP_SECONDS = 2.0
_PAUSES = (0.05, 0.1, 0.2, 0.4)
_FORBIDDEN = "this process may not open /dev/{}, as in a container: whether anybody has the disk can't be told"
_REFUSALS = {
    errno.EBUSY: "the kernel refuses to open /dev/{} exclusively (EBUSY): somebody has it, or a partition of it, for "
    "itself",
    errno.ETIMEDOUT: "the kernel does not come back from opening /dev/{}",
    # The controller of devices of a cgroup says EPERM (security/device_cgroup.c, kernel/bpf/cgroup.c).
    errno.EPERM: _FORBIDDEN,
    errno.EACCES: _FORBIDDEN,
}
_UNCONFINED = "run the task on the host itself as root, or let the container open its disks (DeviceAllow=block-* r)"
_OPEN = os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC


class ExclusiveOpen:
    """Opens the disks of functions. An open may wait in the kernel for an error of the disk: a child does it.

    `seconds` is the deadline for each.
    """

    def __init__(self, tree: Tree, *, seconds: float = 10.0) -> None:
        self._tree = tree
        self._seconds = seconds

    @contextlib.contextmanager
    def disks_of(self, address: str) -> t.Iterator[None]:
        """Have all disks of the function to ourselves. Raises HostdevError with code device_in_use."""
        with self._all_opened(address, whole_disks(self._tree, address)):
            yield

    @contextlib.contextmanager
    def disks_within(self, name: str, path: str) -> t.Iterator[None]:
        """The same of the disks at or below a path in sysfs, those of a USB or SCSI device of this name."""
        within = (disk for disk in _not_of_others(self._tree) if self._lies_within(disk, path))
        with self._all_opened(name, within):
            yield

    def _lies_within(self, disk: str, path: str) -> bool:
        return f"{self._tree.real(f'/sys/class/block/{disk}')}/".startswith(f"{path}/")

    @contextlib.contextmanager
    def _all_opened(self, subject: str, disks: t.Iterable[str]) -> t.Iterator[None]:
        with contextlib.ExitStack() as stack:
            for disk in disks:
                code = stack.enter_context(self._opened(disk))
                if code in _REFUSALS:
                    raise _refused(subject, disk, code)
            yield

    @contextlib.contextmanager
    def _opened(self, disk: str) -> t.Iterator[int]:
        """The errno of the open, 0 while the disk is open; a disk that has no node, or no medium, is nobody's."""
        path = self._tree.local(f"/dev/{disk.replace('!', '/')}")
        said_in, said_out = os.pipe()
        go_in, go_out = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(said_in)
            os.close(go_out)
            _open_and_wait(path, self._tree.text(f"/sys/class/block/{disk}/dev") or "", said_out, go_in)
        os.close(said_out)
        os.close(go_in)
        try:
            ready = select.select([said_in], [], [], self._seconds)[0]
            answer = os.read(said_in, 16).decode() if ready else str(errno.ETIMEDOUT)
            yield int(answer or errno.EIO)
        finally:
            os.close(said_in)
            os.close(go_out)  # the child ends
            reap(child, _REAP_SECONDS, kill=not ready)  # in state D it won't die; it has nothing of ours open


def _open_and_wait(path: str, number: str, said: int, go: int) -> t.NoReturn:
    """Be the child: say the errno, and keep the disk open until the other end of `go` is closed."""
    code = 0
    try:
        keep_open(said, go)
        if is_node(path, number):
            _open_patiently(path)
    except OSError as error:
        code = error.errno or errno.EIO
    finally:
        with contextlib.suppress(OSError):
            os.write(said, str(code).encode())
            os.read(go, 1)
        os._exit(0)


def _open_patiently(path: str) -> None:
    """Raises OSError. Who only looks at a disk, as mdadm does, has it for a moment."""
    for pause in (*_PAUSES, None):
        try:
            os.open(path, _OPEN)
            return
        except OSError as error:
            if error.errno != errno.EBUSY or pause is None:
                raise
        time.sleep(pause)


def is_node(path: str, number: str) -> bool:
    """Whether the node in /dev is the disk's: another one tells nothing."""
    state = os.stat(path)
    device = f"{os.major(state.st_rdev)}:{os.minor(state.st_rdev)}"
    return stat.S_ISBLK(state.st_mode) and device == number


def whole_disks(tree: Tree, address: str) -> list[str]:
    """The disks that lie on a function, by their names in /sys/class/block, without those made of other disks.

    Those on functions below it, as an Intel VMD has them, go with it.
    """
    return [
        name
        for name in _not_of_others(tree)
        if any(address in pci_addresses(path) for path, _function in block_locations(tree, name))
    ]


def _not_of_others(tree: Tree) -> t.Iterator[str]:
    """The disks that are no part of a disk, and not made of others."""
    for name in tree.names("/sys/class/block"):
        folder = f"/sys/class/block/{name}"
        if not (tree.exists(f"{folder}/partition") or tree.any_in(f"{folder}/slaves") or tree.exists(f"{folder}/loop")):
            yield name


def _refused(address: str, disk: str, code: int) -> HostdevError:
    detail = _REFUSALS[code].format(disk)
    reason = blocker("kernel_holder", address, detail)
    return HostdevError(
        "device_in_use",
        subject=address,
        found=f"{reason.code}: {detail}",
        wanted="a disk that nothing on the host has",
        remedy=_UNCONFINED if code in (errno.EPERM, errno.EACCES) else reason.remedy,
        details={"blockers": [reason.as_dict()]},
    )
