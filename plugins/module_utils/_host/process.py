# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes: whether one is still the one that it was (proc_pid_stat(5)), and children that may hang in the kernel."""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import struct
import time
import typing as t

_LENGTH = struct.Struct("=Q")
_PIECE = 1 << 20
_CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h


def started_at(process: int) -> str | None:
    """A process's start in ticks since boot; None for one that has ended."""
    state = process_stat(process)
    return None if state is None or state[0] in "ZX" else state[19]


def process_stat(process: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; processes are this machine's, whatever a tree's root."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            # The name, in parentheses, may hold anything; the state comes after its end.
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return fields if len(fields) > 19 else None  # none are left of one that ends just now


def keep_open(*handles: int) -> None:
    """Close all else in a child that may hang in the kernel: it must have nothing of ours but these.

    Not even the standard streams: Ansible waits until nobody has the module's output open any more.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    for number in map(int, os.listdir("/proc/self/fd")):
        if number not in (0, 1, 2, *handles):
            with contextlib.suppress(OSError):
                os.close(number)


def enter_network(namespace: int) -> None:
    """Have this thread in the network namespace of an open file (setns(2)). Raises OSError."""
    if hasattr(os, "setns"):  # Python 3.12
        os.setns(namespace, _CLONE_NEWNET)
        return
    # Not above: few hosts have a namespace that must be entered.
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Apart:
    """A child that makes calls one after another, and is left behind where the kernel never lets it come back.

    Not a thread: one that sleeps uninterruptibly (D) keeps its whole process from ending. What the calls return is made
    of numbers, texts, bytes, tuples, lists and mappings.
    """

    def __init__(self, *calls: t.Callable[[], t.Any]) -> None:
        """Raises OSError where there can be no child."""
        self._count = len(calls)
        self.left_behind = False
        self._said, said = os.pipe()
        try:
            self._child = os.fork()
        except OSError:
            os.close(self._said)
            os.close(said)
            raise
        if self._child == 0:
            _call(calls, said)
        os.close(said)

    def answers(self, seconds: float) -> list[t.Any]:
        """What the calls returned; None for one that raised, and for all that had no answer in time."""
        end = time.monotonic() + seconds
        pieces: list[bytes] = []
        ended = False
        while not ended and select.select([self._said], [], [], max(end - time.monotonic(), 0))[0]:
            pieces.append(os.read(self._said, _PIECE))
            ended = not pieces[-1]
        os.close(self._said)
        if not ended:
            self.left_behind = True
            os.kill(self._child, signal.SIGKILL)
        # One in state D won't die; whoever reaps our own remains reaps it.
        os.waitpid(self._child, 0 if ended else os.WNOHANG)
        answers = list(_answers(b"".join(pieces)))
        return answers + [None] * (self._count - len(answers))


def _answers(said: bytes) -> t.Iterator[t.Any]:
    """The answers that came whole."""
    place = _LENGTH.size
    while place <= len(said):
        (length,) = _LENGTH.unpack_from(said, place - _LENGTH.size)
        if place + length > len(said):
            return
        yield marshal.loads(said[place : place + length])
        place += length + _LENGTH.size


def _call(calls: t.Iterable[t.Callable[[], t.Any]], said: int) -> t.NoReturn:
    """Be the child."""
    try:
        keep_open(said)
        with open(said, "wb") as channel:
            for call in calls:
                try:
                    answer = call()
                except (OSError, LookupError, ValueError, struct.error):
                    answer = None
                data = marshal.dumps(answer)
                channel.write(_LENGTH.pack(len(data)) + data)
                channel.flush()
    finally:
        os._exit(0)


def reap(child: int, seconds: float, *, kill: bool) -> None:
    """Wait for the end of a child, but not longer than that; `kill` says whether it has to be told to."""
    if kill:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    end, pause = time.monotonic() + seconds, 0.001
    while not os.waitpid(child, os.WNOHANG)[0] and time.monotonic() < end:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
