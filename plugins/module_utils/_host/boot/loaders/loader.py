# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all boot loaders have in common: places for arguments, and files that are generated from them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ...._model.boot.formats.bls_entry import is_of_a_kernel, machine_of, without_count
from ...._model.boot.formats.formats import ENTRY
from ...._model.boot.planning import Place

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from ...sysfs import Tree
    from ..mounts import Mounts
    from ..own_files import OwnFiles
    from ..programs import Programs

KERNEL_CMDLINE = "/etc/kernel/cmdline"


@dataclass(frozen=True)
class BootHost:
    """All that a loader touches: the host's files, its programs, and partitions that are mounted for a while."""

    tree: Tree
    files: OwnFiles
    programs: Programs
    mounts: Mounts


class Goal(t.NamedTuple):
    """What the lines of the next boot must have, what they must have no more, and the words that they may lose.

    They may lose nothing else that is generated anew: a value that somebody else set is not to be overwritten.
    """

    present: tuple[str, ...]
    gone: tuple[str, ...]
    may_go: frozenset[str] = frozenset()


class Loader:
    """A boot loader whose places are files that are edited, and that generates nothing."""

    name = ""
    note = ""
    """What the user should know of each change."""

    def __init__(self, host: BootHost) -> None:
        self.host = host
        self.notes: list[str] = []
        """What the user should know beside the result."""

    def places(self) -> list[Place]:
        """Where arguments are, in the order of writing: a cut after any of them leaves a host that boots."""
        raise NotImplementedError

    def read(self, path: str) -> bytes | None:
        return self.host.files.read(path)

    def write(self, place: Place, data: bytes | None) -> None:
        """Have that in a place, or nothing with None."""
        if data is None:
            self.host.files.remove(place.path)
        else:
            self.host.files.write(place.path, data)

    def check(self, _changes: t.Sequence[FileChange]) -> None:
        """Raises HostdevError where the changes can't be made, before the first one is."""

    def is_stale(self, _goal: Goal) -> bool:
        """Whether what is generated is not what the places say."""
        return False

    def generated(self) -> list[str]:
        """What `generate` makes."""
        return []

    def generate(self, _goal: Goal, _changes: t.Sequence[FileChange]) -> None:
        """Make what is generated of the places anew. Raises HostdevError, OSError."""

    def tidy(self) -> None:
        """Remove what a run that was cut off has left, beside what it left beside the places."""


def entry_places(
    host: BootHost, folder: str, inherits: tuple[str, ...], *, key: str = "", default: str | None = None
) -> list[Place]:
    """The entries of this host's kernels in a folder, the one that boots by default last.

    That is the one that `default` names, else the newest: the name that comes last in the order of versions.
    """
    names = _own_entries(host, folder)
    names.sort(key=lambda name: (without_count(name) == f"{default}.conf", _version_key(name)))
    return [
        Place(f"{folder}/{name}", ENTRY, key=f"{key or folder}/{without_count(name)}", inherits=inherits)
        for name in names
    ]


def _own_entries(host: BootHost, folder: str) -> list[str]:
    """Without those of another system on the same partition; all, where none is known to be of this one."""
    machines: dict[str, str | None] = {}
    for name in host.tree.names(folder):
        if name.endswith(".conf") and not name.startswith("."):
            data = host.files.read(f"{folder}/{name}") or b""
            if is_of_a_kernel(data):
                machines[name] = machine_of(data)
    own = host.tree.text("/etc/machine-id")
    ours = [name for name, machine in machines.items() if machine in (own, None)]
    return ours or list(machines)


def _version_key(name: str) -> list[tuple[int, int, str]]:
    parts: list[tuple[int, int, str]] = []
    number = word = ""
    for letter in f"{name}\0":
        if letter.isdigit():
            if word:
                parts.append((0, 0, word))
                word = ""
            number += letter
        else:
            if number:
                parts.append((1, int(number), ""))
                number = ""
            word += letter
    return parts
