# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of devices that processes have mapped: a mapping outlives the descriptor that it was made with.

While a process is stuck in the kernel with the lock of its memory, whoever reads its mappings waits with it (fs/proc/
task_mmu.c, m_start; until 6.11 always). So they are read by a thread that nobody has to wait for.
"""

from __future__ import annotations

import os
import re
import threading
import time
import typing as t

from .open_files import OpenFile, device_file

if t.TYPE_CHECKING:
    from ...sysfs import Tree

PATIENCE = 1.0
"""Seconds that the mappings of one process may take; mostly it is a thousandth of that."""
_LOOKS = 20
"""Looks in that time: a thread that gets no processor is not stuck, and who looks gets none either."""

# A shared mapping of a file: what is mapped privately is copied on writing, of which registers make no sense. Few
# processes have one, and looking for its mark alone is quicker than to look at each line.
_MARKS = (b"-s ", b"xs ")
_SHARED = re.compile(rb"([0-9a-f]+-[0-9a-f]+) [r-][w-][x-]s \S+ \S+ [1-9]\d* +(/.*)")


class _Reader(threading.Thread):
    """Reads the mappings of processes one by one, until it is `abandoned`; `done` is the number that it is through."""

    def __init__(self, tree: Tree, processes: t.Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._tree, self._processes = tree, processes
        self.done = 0
        self.mapped: dict[str, list[OpenFile]] = {}
        self.abandoned = False
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            for process in self._processes:
                files = _mapped_files(self._tree, process)
                if files:
                    self.mapped[process] = files
                if self.abandoned:
                    return
                self.done += 1
        except Exception as error:
            self.error = error  # of the thread that waits: a process that is left out could hold a device

    def stuck(self) -> int | None:
        """The number of the process that keeps it waiting; None when it is through with all."""
        while self.is_alive():
            at = self.done
            for _look in range(_LOOKS):
                self.join(PATIENCE / _LOOKS)
                if self.done != at or not self.is_alive():
                    break
            else:
                self.abandoned = True
                return at
        if self.error is not None:
            raise self.error
        return None


def mapped_files(tree: Tree, processes: t.Iterable[str]) -> dict[str, list[OpenFile]]:
    """The device nodes and the files below /sys that processes have mapped, by process; one that is stuck has none.

    Processes are given as `with_files` does.
    """
    remaining = list(processes)
    readers = []
    while remaining:
        readers.append(_Reader(tree, remaining))
        readers[-1].start()
        at = readers[-1].stuck()
        remaining = [] if at is None else remaining[at + 1 :]
    # Those that were abandoned may have their answer soon.
    end = time.monotonic() + PATIENCE
    for reader in readers:
        reader.join(max(0, end - time.monotonic()))
    return {process: files for reader in readers for process, files in list(reader.mapped.items())}


def _mapped_files(tree: Tree, process: str) -> list[OpenFile]:
    spans: dict[str, str] = {}
    for span, path in _shared(tree.data(f"/proc/{process}/maps") or b""):
        # Unlike maps, map_files has no zeros in front (fs/proc/base.c, proc_map_files_readdir).
        spans.setdefault(os.fsdecode(path), "-".join(f"{int(bound, 16):x}" for bound in span.split(b"-")))
    # A thread's folder has none; its number leads to them all the same (fs/proc/base.c, tgid_base_stuff).
    number = process.rpartition("/")[2]
    files = (device_file(tree, f"/proc/{number}/map_files/{span}", path) for path, span in spans.items())
    return [file for file in files if file is not None]


def _shared(maps: bytes) -> t.Iterator[tuple[bytes, bytes]]:
    """The span and the path of each shared mapping (proc_pid_maps(5))."""
    for mark in _MARKS:
        place = maps.find(mark)
        while place >= 0:
            line = _SHARED.match(maps, maps.rfind(b"\n", 0, place) + 1)
            if line is not None:
                yield line[1], line[2]
            place = maps.find(mark, place + 1)
