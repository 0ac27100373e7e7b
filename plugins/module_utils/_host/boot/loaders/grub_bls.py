# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB with entries of the Boot Loader Specification: RHEL, Fedora and their like, in four places.

grubby would be asked to write them, but loses blanks, arguments of the same name and, in some releases, a variable.
Entries first, those that do not boot by default before the one that does: each cut leaves old or new arguments. The
file of kernels to come is last, and so newer than /etc/default/grub: else kernel-install runs grub2-mkconfig
(20-grub.install), which overwrites the arguments of all entries on RHEL 8 to 9.2.
"""

from __future__ import annotations

import typing as t

from ...._model.boot.arguments import words
from ...._model.boot.formats.formats import CMDLINE, ENTRY, FORMATS, GRUB_DEFAULTS, GRUB_ENVIRONMENT
from ...._model.boot.formats.grub_environment import variable
from ...._model.boot.planning import Place
from ...._model.errors import HostdevError
from .grub_debian import DEFAULTS
from .loader import KERNEL_CMDLINE, Loader, entry_places

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from .loader import BootHost, Goal

ENTRIES = "/boot/loader/entries"
_ENVIRONMENT = "/boot/grub2/grubenv"
_VARIABLE = "$kernelopts"


class GrubBls(Loader):
    """Entries that name $kernelopts get theirs from GRUB's environment block, and are left as they are."""

    name = "grub_bls"

    def places(self) -> list[Place]:
        environment = self.host.files.read(_ENVIRONMENT)
        default = variable(environment, "saved_entry")
        entries = entry_places(self.host, ENTRIES, (KERNEL_CMDLINE, DEFAULTS, _ENVIRONMENT), default=default)
        named = [place for place in entries if _VARIABLE in self._words(place)]
        inline = [place for place in entries if place not in named]
        places = list(inline)
        if named:
            if variable(environment, "kernelopts") is None:
                raise HostdevError(
                    "boot_files",
                    subject=_ENVIRONMENT,
                    found=f"it has no variable kernelopts, which {named[0].path} names",
                    wanted="GRUB's environment block with the arguments of its entries",
                    remedy='set it with: grub2-editenv - set kernelopts="root=... ro ..."',
                )
            places = [*inline, Place(_ENVIRONMENT, GRUB_ENVIRONMENT)]
        if self.host.files.read(DEFAULTS) is not None:
            places.append(Place(DEFAULTS, GRUB_DEFAULTS))
        template = template_of_an_entry(self.host, inline[-1].name) if inline and not named else None
        if template is not None or self.host.files.read(KERNEL_CMDLINE) is not None:
            places.append(Place(KERNEL_CMDLINE, CMDLINE, template=template))
        self._note_tuned()
        return places

    def generate(self, _goal: Goal, changes: t.Sequence[FileChange]) -> None:
        """Nothing is; but the file of kernels to come must stay newer than the variables, also where it has all."""
        written = {change.place.path for change in changes if change.needed}
        if DEFAULTS in written and self.host.files.read(KERNEL_CMDLINE) is not None:
            self.host.files.refresh(KERNEL_CMDLINE)

    def _words(self, place: Place) -> list[str]:
        data = self.host.files.read(place.path) or b""
        return FORMATS[ENTRY].lines(data).words(data)

    def _note_tuned(self) -> None:
        tuned = self.host.files.read("/etc/tuned/bootcmdline") or b""
        if any(
            line.startswith(b"TUNED_BOOT_CMDLINE=") and line.split(b"=", 1)[1].strip(b" \"'\t")
            for line in tuned.splitlines()
        ):
            self.notes.append(
                "TuneD adds arguments of its own to the kernel's command line (/etc/tuned/bootcmdline); where it has "
                "one of those asked for here, it may take that out with its profile"
            )


def template_of_an_entry(host: BootHost, name: str) -> t.Callable[[t.Mapping[str, bytes | None]], bytes]:
    """Makes the content of a new /etc/kernel/cmdline of the entry's, by the places as they would be without us."""
    running = words(host.tree.data("/proc/cmdline") or b"")
    return lambda bases: _line_of_an_entry(name, bases[name], running)


def _line_of_an_entry(name: str, entry: bytes | None, running: list[str]) -> bytes:
    """The arguments of an entry that boots this host.

    Not of /proc/cmdline, which may be a rescue system's, or have what was typed in once. Without a word for the root in
    either of them it is found otherwise: by zfs=, or by its partition's type (systemd-gpt-auto-generator). Raises
    HostdevError: boot_files, where a kernel that is started so would not find its root.
    """
    data = entry or b""
    found = FORMATS[ENTRY].lines(data).all_words(data)
    line = [word for word in found if not word.startswith(("systemd.machine_id=", "$", "BOOT_IMAGE=", "initrd="))]
    if not _names_root(line) and _names_root(running):
        raise HostdevError(
            "boot_files",
            subject=name,
            found=f"there is no {KERNEL_CMDLINE}, and this entry, of which it would be made, has no root=, which the "
            "running kernel has",
            wanted="the arguments of a kernel that finds its root",
            remedy=f"write {KERNEL_CMDLINE} with the arguments that new kernels are to have",
        )
    return " ".join(line).encode("utf-8", "surrogateescape") + b"\n"


def _names_root(line: t.Iterable[str]) -> bool:
    return any(word.startswith(("root=", "roothash=", "usrhash=", "mount.usr=")) for word in line)
