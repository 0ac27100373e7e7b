# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mounts of every mount namespace, as the kernel lists them (proc_pid_mountinfo(5))."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ...sysfs import Tree

SYSTEM_MOUNTS = frozenset({"/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/etc", "/nix", "/ostree"})
"""What a running system can't do without: losing one of these ends it or the next boot."""


class Mount(t.NamedTuple):
    """A line of mountinfo: the file system's number, where it is mounted, its type, source and own options.

    `root` is what of the file system is mounted there, for a namespace its name.
    """

    number: str
    point: str
    kind: str
    source: str
    options: str
    root: str = "/"

    @property
    def named_options(self) -> dict[str, str]:
        """The options by their names; one without = has an empty value."""
        return dict(option.partition("=")[::2] for option in self.options.split(","))


def namespaces(tree: Tree) -> t.Iterator[tuple[str, list[str]]]:
    """For each mount namespace a process in it, with its name, and the lines of its mountinfo; first the host's own.

    The host's own is that of the first process, where this one may know it, else this one's: sudo may have made a
    namespace for it (pam_namespace). For the host's own the process is "".
    """
    own = "1" if tree.link_target("/proc/1/ns/mnt") else "self"
    first = tree.text(f"/proc/{own}/mountinfo") or ""
    yield "", first.split("\n")
    seen, texts = {tree.link_target(f"/proc/{own}/ns/mnt")}, {first}
    for process in sorted(filter(str.isdecimal, tree.names("/proc")), key=int):
        namespace = tree.link_target(f"/proc/{process}/ns/mnt")
        # Without root most can't be told; then each process is looked at.
        if namespace is not None and namespace in seen:
            continue
        text = tree.text(f"/proc/{process}/mountinfo")
        if not text:
            continue  # it has just ended
        if namespace is not None:
            seen.add(namespace)
        if text not in texts:
            texts.add(text)
            yield f"{process} ({tree.text(f'/proc/{process}/comm') or '?'})", text.split("\n")


def parse_mount(line: str) -> Mount | None:
    """What a line says, None of one that makes no sense."""
    # id parent major:minor root mount-point options ... - type source super-options
    before, separator, after = line.partition(" - ")
    parts, rest = before.split(), after.split()
    if not separator or len(parts) < 5 or len(rest) < 2:
        return None
    return Mount(parts[2], unescape(parts[4]), rest[0], unescape(rest[1]), "".join(rest[2:3]), unescape(parts[3]))


def holding(mounts: t.Sequence[Mount], file: str) -> Mount | None:
    """The mount that a file or folder lies in; of several at one place the last covers the others."""
    fitting = [mount for mount in mounts if f"{file}/".startswith(f"{mount.point.rstrip('/')}/")]
    longest = max((len(mount.point) for mount in fitting), default=0)
    return next((mount for mount in reversed(fitting) if len(mount.point) == longest), None)


def unescape(text: str) -> str:
    """The kernel writes white space and backslashes of a path as octal (fs/proc_namespace.c, mangle)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
