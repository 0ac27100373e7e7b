# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing to sysfs in a process of its own, since a driver's remove may block for ever: the one place that does."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import signal
import time
import typing as t

from ..hung_writes import hung_write_at, note_hung_write, where
from ..process import keep_open

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


class SysfsWriter:
    """Writes text to files below the tree's root.

    Each write has two processes. The writer may end up in state D, which nobody can end, and so has nothing of ours but
    its file. Its supervisor keeps what else was open, the lock among it: while a write is under way no other run
    begins, even if this one is killed, and once the deadline is over a device that hangs keeps nobody from others.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        # By address, a pipe that ends with the writer that was left behind there.
        self._hung: dict[str, int] = {}

    def __call__(self, path: str, text: str, seconds: float) -> None:
        """Write, for `seconds` at most. Raises OSError with the kernel's errno, TimeoutError naming the process."""
        address = _ADDRESS.search(path) or _ADDRESS.search(text)
        subject = path if address is None else address.group()
        self._await_hung_write(subject, seconds)
        local = self._tree.local(path)  # not in the child, which an error would let go on as if it were its parent
        said_in, said_out = os.pipe()
        alive_in, alive_out = os.pipe()
        supervisor = os.fork()
        if supervisor == 0:
            os.close(said_in)
            os.close(alive_in)
            _supervise(local, text.encode(), seconds, said_out, alive_out)
        os.close(said_out)
        os.close(alive_out)
        said = b""
        while part := os.read(said_in, 100):
            said += part
        os.close(said_in)
        os.waitpid(supervisor, 0)
        process, _space, code = said.decode().partition(" ")
        if code == "timeout":
            self._hung[subject] = alive_in
            note_hung_write(self._tree, subject, int(process), path)
            raise TimeoutError(f"process {process} has been writing to {path} for {seconds:g} s{where(int(process))}")
        os.close(alive_in)
        status = int(code or errno.EIO)
        if status:
            raise OSError(status, os.strerror(status), path)

    def _await_hung_write(self, subject: str, seconds: float) -> None:
        """What was not in time may still come true; until then nothing else can be done to the same device."""
        hung = hung_write_at(self._tree, subject)
        alive = self._hung.pop(subject, None)
        if alive is None:
            # An earlier run's: it had its time.
            came_back, waited = hung is None, "since an earlier run"
        else:
            came_back = bool(select.select([alive], [], [], seconds)[0])
            waited = f"after {seconds:g} s more"
        if not came_back:
            if alive is not None:
                self._hung[subject] = alive
            name, doing = ("a process", "writing to sysfs") if hung is None else (f"process {hung.process}", hung.doing)
            state = "" if hung is None else where(hung.process)
            raise TimeoutError(f"{name} is still {doing} {waited}{state}")
        if alive is not None:
            os.close(alive)


def _supervise(path: str, text: bytes, seconds: float, said: int, alive: int) -> t.NoReturn:
    """Be the supervisor: say the writer's number, and its errno or "timeout"."""
    code = str(errno.EIO)
    writer = 0
    try:
        writer = os.fork()
        if writer == 0:
            _write(path, text, alive)
        os.close(alive)
        code = _await(writer, seconds)
    finally:
        # Nobody listens any more when the run was killed.
        with contextlib.suppress(OSError):
            os.write(said, f"{writer} {code}".encode())
        os._exit(0)


def _write(path: str, text: bytes, alive: int) -> t.NoReturn:
    """Be the writer: exit with the errno."""
    code = 255
    try:
        keep_open(alive)
        handle = os.open(path, os.O_WRONLY)
        os.write(handle, text)
        code = 0
    except OSError as error:
        code = error.errno or 255
    finally:
        os._exit(code)


def _await(writer: int, seconds: float) -> str:
    end = time.monotonic() + seconds
    pause = 0.0001
    while True:
        done, status = os.waitpid(writer, os.WNOHANG)
        if done:
            return str(os.WEXITSTATUS(status) if os.WIFEXITED(status) else errno.EIO)
        if time.monotonic() >= end:
            # In state D it won't die; it is left to the kernel, and named in the error.
            os.kill(writer, signal.SIGKILL)
            return "timeout"
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
