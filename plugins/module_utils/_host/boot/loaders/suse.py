# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""SUSE with sdbootutil: grub2-bls and systemd-boot, their entries made from /etc/kernel/cmdline and files beside it.

Entries exist for each snapshot, and where a TPM unlocks the disk it measures them: only sdbootutil knows both. It makes
those of the running snapshot; an older one keeps what it was booted with. The folder beside the file it reads since
March 2026 (create_boot_options() in sdbootutil).
"""

from __future__ import annotations

import re
import typing as t

from ...._model.boot.arguments import in_force, place, words
from ...._model.boot.formats.formats import CMDLINE, ENTRY, FORMATS, OWN
from ...._model.boot.planning import Place
from ...._model.errors import HostdevError
from .loader import KERNEL_CMDLINE, Loader, entry_places

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from .loader import Goal

DROP_IN = "/etc/kernel/cmdline.d/kvm-hostdev.conf"
_ESPS = ("/boot/efi", "/efi", "/boot")
_SNAPSHOT = re.compile(r"/\.snapshots/\d+/snapshot\b")


class SuseEntries(Loader):
    """A file of ours that sdbootutil makes all entries anew from."""

    name = "suse_sdbootutil"

    def places(self) -> list[Place]:
        line = self.host.files.read(KERNEL_CMDLINE) or b""
        # Words of a file of ours would come behind a lone -- of that one, and so be init's.
        if not self._reads_folder() or FORMATS[CMDLINE].lines(line).rest:
            if self.host.files.read(KERNEL_CMDLINE) is None:
                raise HostdevError(
                    "boot_files",
                    subject=KERNEL_CMDLINE,
                    found="it is not there, and this sdbootutil makes entries of nothing else",
                    wanted="the arguments that entries are made with",
                    remedy=f"write {KERNEL_CMDLINE} with the arguments of this host",
                )
            return [Place(KERNEL_CMDLINE, CMDLINE)]
        places = []
        if self.host.files.read(KERNEL_CMDLINE) is not None:
            places.append(Place(KERNEL_CMDLINE, CMDLINE, insert=False))
        return [*places, Place(DROP_IN, OWN, own=lambda arguments: f"{' '.join(arguments)}\n".encode("ascii"))]

    def is_stale(self, goal: Goal) -> bool:
        return bool(self._wrong(goal))

    def generated(self) -> list[str]:
        return [entry.path for entry in self._entries()]

    def generate(self, goal: Goal, _changes: t.Sequence[FileChange]) -> None:
        self.host.programs.demand("sdbootutil", "update-all-entries", seconds=1800)
        wrong = self._wrong(goal)
        if wrong:
            raise HostdevError(
                "boot_files",
                subject="sdbootutil update-all-entries",
                found=f"it succeeded, and yet {wrong}",
                wanted="each entry with the arguments asked for",
                remedy=f"see what is in {KERNEL_CMDLINE} and /etc/kernel/cmdline.d, and the entries of sdbootutil",
            )
        if self.host.tree.exists("/etc/crypttab") and b"tpm2-" in (self.host.files.read("/etc/crypttab") or b""):
            self.host.programs.demand("sdbootutil", "update-predictions", seconds=1800)
            self.notes.append("the TPM's predictions were made anew, as it measures the kernel's arguments")

    def _reads_folder(self) -> bool:
        """The program is a script, and says no version."""
        script = self.host.programs.path("sdbootutil")
        return script is not None and b"etc/kernel/cmdline.d" in (self.host.files.read(script) or b"")

    def _entries(self) -> list[Place]:
        """Of the running snapshot, where there are snapshots: their entries name the folder of their root."""
        entries = [place for esp in _ESPS for place in entry_places(self.host, f"{esp}/loader/entries", ())]
        mounts = [line.split(" ") for line in self.host.tree.lines("/proc/self/mountinfo")]
        root = next((fields[3] for fields in mounts if len(fields) > 4 and fields[4] == "/"), "")
        snapshot = _SNAPSHOT.search(root)
        if snapshot is None:
            return entries
        name = snapshot.group().encode("utf-8")
        return [entry for entry in entries if name in (self.host.files.read(entry.path) or b"")]

    def _wrong(self, goal: Goal) -> str:
        entries = self._entries()
        if not entries:
            return "there is no entry of a kernel"
        for entry in entries:
            data = self.host.files.read(entry.path) or b""
            line = FORMATS[ENTRY].lines(data).words(data)
            for argument in goal.present:
                if not in_force(argument, line):
                    return f"{argument} is not in force in {entry.path}"
            for argument in goal.gone:
                if place(argument, line) is not None and place(argument, self._own_line()) is None:
                    return f"{argument} is still in {entry.path}"
        return ""

    def _own_line(self) -> list[str]:
        return words(self.host.files.read(KERNEL_CMDLINE) or b"")
