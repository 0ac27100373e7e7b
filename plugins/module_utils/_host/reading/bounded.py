# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of sysfs whose reader the kernel may keep waiting for ever: read by a child that nobody has to wait for.

Not by a thread: one that hangs in state D keeps its process from ending, and Ansible waits for that.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import typing as t

from ..process import keep_open, process_stat, reap

if t.TYPE_CHECKING:
    from ..sysfs import Tree

PATIENCE = 2.0
"""Seconds that one file may take; usually it is less than a ten-thousandth of that."""

_GLANCE = 0.5
_MOMENT = 0.1
_LIMIT = 4096
_NUMBER = 4


class Answers(t.NamedTuple):
    """`data` has what is in each file, None for one that is not there; `hung` the process that hangs in each other."""

    data: dict[str, bytes | None]
    hung: dict[str, int]


def read_bounded(tree: Tree, paths: t.Sequence[str]) -> Answers:
    """Read all files, and wait for none of them much longer than PATIENCE.

    Raises ChildProcessError where the child is killed.
    """
    if not tree.may_hang:
        data = {path: tree.data(path, _LIMIT) for path in paths}
        return Answers({path: None if text is None else text.replace(b"\0", b"") for path, text in data.items()}, {})
    hung: dict[str, int] = {}
    while True:
        remaining = [path for path in paths if path not in hung]
        if not remaining:
            return Answers({}, hung)
        child = _Child([tree.local(path) for path in remaining])
        answers = child.answers()
        if answers is not None:
            return Answers(dict(zip(remaining, answers)), hung)
        hung[remaining[child.at - 1]] = child.process


class _Child:
    """Reads the files one after another, and says in memory that it shares which one it is at, counted from 1."""

    def __init__(self, files: t.Sequence[str]) -> None:
        self._number = len(files)
        self._shared = mmap.mmap(-1, _NUMBER)
        self._said, said = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            _read_all(files, self._shared, said)
        os.close(said)

    @property
    def at(self) -> int:
        return int.from_bytes(self._shared[:_NUMBER], "little")

    def answers(self) -> list[bytes | None] | None:
        """The contents of all files; None once it hangs in one of them."""
        said: list[bytes] = []
        try:
            while self._has_more():
                part = os.read(self._said, 1 << 16)
                if not part:
                    os.waitpid(self.process, 0)
                    answers = b"".join(said).split(b"\0")[:-1]
                    if len(answers) != self._number:
                        raise ChildProcessError(f"process {self.process}, which reads sysfs, has ended early")
                    return [answer[1:] if answer else None for answer in answers]
                said.append(part)
        finally:
            os.close(self._said)
        reap(self.process, _MOMENT, kill=True)  # in state D it won't die; it has nothing of ours open
        return None

    def _has_more(self) -> bool:
        """Wait until it says something; false once it hangs, and does not only wait for a processor."""
        at, waited = 0, 0.0
        while not select.select([self._said], [], [], _GLANCE)[0]:
            state = process_stat(self.process)
            waited = waited + _GLANCE if self.at == at and state is not None and state[0] != "R" else 0.0
            at = self.at
            if waited >= PATIENCE:
                return False
        return True


def _read_all(files: t.Iterable[str], shared: mmap.mmap, said: int) -> t.NoReturn:
    """Be the child: say each file's content, without zeros, after a plus; nothing of one that can't be read."""
    try:
        keep_open(said)
        answers = []
        for at, file in enumerate(files, 1):
            shared[:_NUMBER] = at.to_bytes(_NUMBER, "little")
            answers.append(_read(file) + b"\0")
        with open(said, "wb") as output:
            output.write(b"".join(answers))
    finally:
        os._exit(0)


def _read(file: str) -> bytes:
    with contextlib.suppress(OSError):
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return b"+" + os.read(handle, _LIMIT).replace(b"\0", b"")
        finally:
            os.close(handle)
    return b""
