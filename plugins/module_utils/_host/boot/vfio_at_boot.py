# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Having vfio loaded at boot, and no more: files of ours, the initramfs, and what is left to do after a cut.

What is under way stands in a note, which is written before anything else and taken away after all else: the next run
finds there that the initramfs is to be made anew, and which folders it made.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, replace

from ..._model.boot.vfio_files import (
    MARK,
    MODPROBE,
    OF_INITRAMFS,
    PATHS,
    File,
    enters_initramfs,
)
from .ours import check_ours

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .initramfs import Initramfs
    from .own_files import OwnFiles

_OURS = "/etc/kvm.hostdev"
NOTE = f"{_OURS}/vfio-modules"
_REBUILD, _FOLDER = "initramfs", "folder "


@dataclass(frozen=True)
class Note:
    """Whether the initramfs is still to be made anew, and the folders that were made for our files."""

    rebuild: bool = False
    folders: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: bytes | None) -> Note:
        lines = (data or b"").decode("utf-8", "replace").splitlines()
        return cls(
            _REBUILD in lines, tuple(line[len(_FOLDER) :] for line in lines if line.startswith(f"{_FOLDER}/etc/"))
        )

    @property
    def data(self) -> bytes:
        lines = [f"{_FOLDER}{path}" for path in self.folders] + ([_REBUILD] if self.rebuild else [])
        return "".join(f"{line}\n" for line in ("# What kvm.hostdev.vfio_modules has under way.", *lines)).encode()


class VfioAtBoot:
    """Our files of a host as they are and as they are to be; with `check` no program is run."""

    def __init__(self, tree: Tree, files: OwnFiles, *, check: bool) -> None:
        self._tree, self._files, self._check = tree, files, check
        self.before = {path: data for path in PATHS if (data := files.read(path)) is not None}
        self.note = Note.parse(files.read(NOTE))

    @property
    def had_initramfs(self) -> bool:
        """Whether an initramfs may have what our files had put there."""
        return self.note.rebuild or any(path in OF_INITRAMFS for path in self.before)

    def check_ours(self) -> None:
        """Raises HostdevError for a file of somebody else, with code foreign_file."""
        check_ours(self.before, MARK)

    def apply(self, wanted: t.Mapping[str, File], initramfs: Initramfs | None, releases: t.Sequence[str]) -> bool:
        """Have the files, and return whether an initramfs was made anew, or would be.

        `initramfs` is None where there is none that needs it, or that we know. Raises HostdevError, OSError.
        """
        changed = [path for path in PATHS if self.before.get(path) != (wanted[path].data if path in wanted else None)]
        rebuild = self.note.rebuild or enters_initramfs(changed, [*self.before], [*wanted])
        made = [
            folder
            for path in changed
            if path in wanted
            for folder in self._files.missing_folders(path)
            if folder not in self.note.folders
        ]
        note = Note(rebuild, (*self.note.folders, *dict.fromkeys(made)))
        if changed or rebuild:
            self._write_note(note)
        for path in PATHS:
            if path in wanted:
                self._files.tidy(path)
                self._files.write(path, wanted[path].data, mode=wanted[path].mode)
            else:
                self._files.remove(path)
        if rebuild and initramfs is not None and not self._check:
            initramfs.rebuild(releases)
            for path in OF_INITRAMFS:
                if path in wanted:
                    self._files.refresh(path)  # what was made of it now is read at the next boot
        if not wanted:
            for folder in reversed(note.folders):
                self._files.remove_folder(folder)
            note = Note()
        self._write_note(replace(note, rebuild=False))
        return rebuild and initramfs is not None

    def since_boot(self) -> bool:
        """Whether what acts at boot alone was written after the host was booted."""
        booted = next((line.split()[1] for line in self._tree.lines("/proc/stat") if line.startswith("btime ")), "0")
        for path in (MODPROBE, *OF_INITRAMFS):
            try:
                if os.stat(self._tree.local(path)).st_mtime > int(booted):
                    return True
            except FileNotFoundError:
                continue
        return False

    def _write_note(self, note: Note) -> None:
        if note == Note():
            self._files.remove(NOTE, told=False)
            self._files.remove_folder(_OURS)
        else:
            self._files.write(NOTE, note.data, told=False)
