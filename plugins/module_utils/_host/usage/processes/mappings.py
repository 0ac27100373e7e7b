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
import typing as t

from .open_files import OpenFile, device_file

if t.TYPE_CHECKING:
    from ...sysfs import Tree

PATIENCE = 1.0
"""Seconds that the mappings of one process may take; usually it is less than a thousandth of that."""

# A shared mapping of a file: what is mapped privately is copied on writing, of which registers make no sense. Few
# processes have one, and looking for its mark alone is quicker than to look at each line.
_MARKS = (b"-s ", b"xs ")
_SHARED = re.compile(rb"([0-9a-f]+-[0-9a-f]+) [r-][w-][x-]s \S+ \S+ [1-9]\d* +(/.*)")


class _Reader(threading.Thread):
    """Reads the mappings of processes one by one, until it is `abandoned`; `process` is the one that it is at."""

    def __init__(self, tree: Tree, processes: t.Iterator[str]) -> None:
        super().__init__(daemon=True)
        self._tree, self._processes = tree, processes
        self.process = ""
        self.mapped: dict[str, list[OpenFile]] = {}
        self.abandoned = False

    def run(self) -> None:
        for process in self._processes:
            self.process = process
            files = _mapped_files(self._tree, process)
            if self.abandoned:
                return
            if files:
                self.mapped[process] = files


def mapped_files(tree: Tree, processes: t.Iterable[str]) -> dict[str, list[OpenFile]]:
    """The device nodes and the files below /sys that processes have mapped, by process; one that is stuck has none.

    Processes are given as `with_files` does.
    """
    mapped: dict[str, list[OpenFile]] = {}
    remaining = iter(list(processes))
    while True:
        reader = _Reader(tree, remaining)
        reader.start()
        at = None
        while reader.is_alive() and reader.process != at:
            at = reader.process
            reader.join(PATIENCE)
        reader.abandoned = reader.is_alive()
        mapped.update(reader.mapped)
        if not reader.abandoned:
            return mapped


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
