# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a grub.cfg that grub-mkconfig has made starts this host's kernels with."""

from __future__ import annotations

import re
import typing as t

from ..arguments import kernels_own, words
from ..huge_pages import numbers_by_size

# Not 30_os-prober, whose kernels are other systems', nor 20_linux_xen, whose lines are Xen's.
_BEGIN = re.compile(rb"### BEGIN (?:\S*/)?\d+_linux(?:_zfs|_proxmox)? ###")
_END = re.compile(rb"### END \S+ ###")
_ENTRY = re.compile(rb"[ \t]*menuentry[ \t]")
_LINUX = re.compile(rb"[ \t]*linux(?:16|efi)?[ \t]+(\S+)(?:[ \t]+(.*))?")
_RECOVERY = frozenset({"single", "recovery", "rescue", "emergency", "systemd.unit=rescue.target"})
# What grub-mkconfig finds out by itself: another value is no loss.
_FOUND_OUT = ("root=", "rootflags=")
_BLSCFG = re.compile(rb"^[ \t]*blscfg\b", re.MULTILINE)


class LinuxLine(t.NamedTuple):
    """One line that starts a kernel."""

    kernel: str
    arguments: list[str]
    recovery: bool
    for_init: list[str]
    """What follows a lone --, with that."""


def linux_lines(data: bytes) -> list[LinuxLine]:
    """The lines of the host's own kernels; without the marks of grub-mkconfig, all that start a kernel."""
    marked = _BEGIN.search(data) is not None
    inside, recovery = not marked, False
    lines: list[LinuxLine] = []
    for line in data.replace(b"\r", b"").split(b"\n"):
        if marked and _BEGIN.match(line):
            inside = True
        elif marked and _END.match(line):
            inside = False
        elif _ENTRY.match(line):
            recovery = b"-recovery-" in line or b"(recovery mode)" in line
        elif inside and (found := _LINUX.match(line)):
            line_words = words(found.group(2) or b"")
            own = kernels_own(line_words)
            kernel = found.group(1).decode("utf-8", "replace")
            recovers = recovery or not _RECOVERY.isdisjoint(own)
            lines.append(LinuxLine(kernel, own, recovers, line_words[len(own) :]))
    return lines


def lost_word(old: bytes, new: bytes, may_go: t.Collection[str]) -> tuple[str, str] | None:
    """A kernel and a word that it is started with by the old file and no more by the new one, beside those named.

    An old file that is cut off says nothing; one that is written by hand does.
    """
    if _BEGIN.search(old) and not is_whole(old):
        return None
    lines = [line for line in linux_lines(new) if not line.recovery]
    for line in linux_lines(old):
        now = [word for other in lines if other.kernel == line.kernel for word in (*other.arguments, *other.for_init)]
        for word in (*line.arguments, *line.for_init) if now and not line.recovery else ():
            name = word.partition("=")[0] + "="
            found_out = name in _FOUND_OUT and any(other.startswith(name) for other in now)
            if word not in now and word not in may_go and not found_out and word not in ("ro", "rw"):
                return line.kernel, word
        lost = _lost_pages(line, lines, may_go)
        if lost is not None:
            return line.kernel, lost
    return None


def _lost_pages(line: LinuxLine, lines: t.Iterable[LinuxLine], may_go: t.Collection[str]) -> str | None:
    """A number of pages that is no more what it was, or none at all, since a size stands before it now."""
    if line.recovery:
        return None
    for size, number in numbers_by_size(line.arguments).items():
        now = [numbers_by_size(other.arguments) for other in lines if other.kernel == line.kernel]
        if f"hugepages={number}" not in may_go and any(numbers.get(size) != number for numbers in now):
            return f"hugepages={number}{' of the default size' if size is None else ''}"
    return None


def has_blscfg(data: bytes) -> bool:
    """Whether it reads the entries of the Boot Loader Specification."""
    return _BLSCFG.search(data) is not None


def is_whole(data: bytes) -> bool:
    """Whether each part that begins also ends, so that nothing is cut off."""
    begun = re.findall(rb"^### BEGIN (\S+) ###", data, re.MULTILINE)
    ended = re.findall(rb"^### END (\S+) ###", data, re.MULTILINE)
    return bool(begun) and begun == ended and data.endswith(b"\n")
