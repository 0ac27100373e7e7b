# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the record: the tracker's facts file, and a copy of it as it was when it was last written whole.

Fact gathering reads the file as `ansible_facts.ansible_local.hostdev`. It must never be executable: fact gathering
would run it, and fail for the whole host. It reads files by the pattern `*.fact`, the copy is none.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.record.record import Record
from .trusted import UntrustedError, open_trusted, open_trusted_folder

FILE_NAME = "hostdev.fact"
COPY_NAME = f"{FILE_NAME}.last-good"

# The record of a host with ten thousand devices has less than 64 KiB; nothing of this size was written by us.
_LARGEST = 1 << 24
_EXECUTABLE = 0o111


class RecordReader:
    """The file `hostdev.fact` in the facts folder `folder`, to be read; `parse` understands its content."""

    def __init__(self, folder: str, parse: t.Callable[[bytes], Record]) -> None:
        self._folder = folder
        self._parse = parse
        self.path = os.path.join(folder, FILE_NAME)
        self.copy_path = os.path.join(folder, COPY_NAME)

    def read(self, machine: str = "") -> Record:
        """The record, an empty one where there never was one; `machine` is the id of this one, where it has any.

        Raises HostdevError and leaves the file as it is, since a claim must not be lost because one byte is:
        record_unreadable when it can't be read or understood, record_untrusted when somebody else can have written
        it, record_missing when it is gone and its copy is there, record_of_another_machine when it is that.
        """
        try:
            data = self._data(self.path)
            if data is None and os.path.lexists(self.copy_path):
                # Without the lock a host's first claim may have come in between, which writes both.
                data = self._data(self.path)
                if data is None:
                    raise self._missing()
        except OSError as error:
            raise self._unreadable(f"it can't be read: {error.strerror}", "a file that can be read") from error
        if data is None:
            return Record()
        try:
            record = self._parse(data)
        except HostdevError as error:
            if error.remedy:  # of a newer schema: its remedy is no older record
                raise error.but(subject=self.path) from error
            where = "" if error.subject == "record" else f"{error.subject}: "
            problem = f"it can't be understood: {where}{error.found}"
            raise self._unreadable(problem, error.wanted) from error
        if not record.is_of(machine):
            raise self._of_another_machine(record.machine_id, machine)
        return record

    def executable(self) -> str | None:
        """The mode of a record that is executable, None of one that is not or is not there."""
        try:
            mode = os.stat(self.path, follow_symlinks=False).st_mode
        except OSError:
            return None
        return f"{stat.S_IMODE(mode):04o}" if stat.S_ISREG(mode) and mode & _EXECUTABLE else None

    def _data(self, path: str) -> bytes | None:
        """A file's content, None when there is none. Raises OSError, HostdevError with code record_untrusted."""
        try:
            folder = self._open_folder()
        except FileNotFoundError:
            return None
        try:
            handle = self._open(path, folder)
        except FileNotFoundError:
            return None
        finally:
            os.close(folder)
        with os.fdopen(handle, "rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise OSError(errno.EFBIG, f"it has more than {_LARGEST >> 20} MiB", path)
        return data

    def _open_folder(self) -> int:
        try:
            return open_trusted_folder(self._folder)
        except UntrustedError as error:
            raise self._untrusted(error) from error

    def _open(self, path: str, folder: int) -> int:
        try:
            return open_trusted(path, os.O_RDONLY, folder=folder)
        except UntrustedError as error:
            raise self._untrusted(error) from error

    def _copy(self) -> str | None:
        """What is in the copy, in words; None when it is no good itself."""
        try:
            data = self._data(self.copy_path)
            if data is None:
                return None
            count = len(list(self._parse(data).tracker))
            written = time.localtime(os.stat(self.copy_path).st_mtime)
        except (OSError, HostdevError):
            return None
        return f"{count} claim{'' if count == 1 else 's'}, written {time.strftime('%Y-%m-%d %H:%M:%S', written)}"

    def _missing(self) -> HostdevError:
        from .record_errors import missing

        return missing(self.path, self.copy_path, self._copy())

    def _of_another_machine(self, found: str, here: str) -> HostdevError:
        from .record_errors import of_another_machine

        return of_another_machine(self.path, self.copy_path, found, here)

    def _unreadable(self, problem: str, wanted: str) -> HostdevError:
        from .record_errors import unreadable

        return unreadable(self.path, self.copy_path, self._copy(), found=problem, wanted=wanted)

    def _untrusted(self, error: UntrustedError) -> HostdevError:
        remedy = error.remedy or f"see who made it: ls -l {shlex.quote(error.path)}; it was left as it is"
        return HostdevError(
            "record_untrusted", subject=error.path, found=error.found, wanted=error.wanted, remedy=remedy
        )
