# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing the record and its copy, each replaced as a whole, never executable."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile

from ..._model.errors import HostdevError
from ..._model.record.schema import Record, parse_record
from ..folders import make_folder
from .record_reader import COPY_NAME, FILE_NAME, RecordReader

__all__ = ["COPY_NAME", "FILE_NAME", "RecordFile"]

_PREFIX, _SUFFIX = ".hostdev.", ".tmp"
_TEMPORARY = re.compile(r"\.hostdev\.[a-z0-9_]{8}\.tmp")  # as tempfile makes them


class RecordFile(RecordReader):
    """The file `hostdev.fact` in the facts folder `folder`, to be read and written."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder, parse_record)
        self.notes: list[str] = []
        """What whoever writes should tell the user about: a copy that could not be made."""

    def mend(self) -> None:
        """Take from a record that was read what makes it executable, and remove what killed runs left beside it.

        Only under the lock: another run's temporary file looks the same. Raises HostdevError: record_untrusted,
        record_unwritable.
        """
        try:
            folder = self._open_folder()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            for name in filter(_TEMPORARY.fullmatch, os.listdir(folder)):
                with contextlib.suppress(OSError):  # it is in nobody's way
                    os.unlink(name, dir_fd=folder)
            if self.executable() is not None:
                file = self._open(self.path, folder)
                try:
                    os.fchmod(file, 0o644)
                finally:
                    os.close(file)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            os.close(folder)

    def write(self, record: Record) -> None:
        """Replace the file as a whole, then its copy; after a crash at any point the old or the new one is there.

        A copy that can't be written is no reason to stop: it is told in `notes`. Raises HostdevError with code
        record_unwritable or record_untrusted.
        """
        data = record.as_bytes()
        try:
            make_folder(self._folder)
            folder = self._open_folder()
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            try:
                self._replace(self.path, data, folder)
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                self._replace(self.copy_path, data, folder)
            except OSError as error:
                self._note(
                    f"{self.copy_path}, the copy of the record, is out of date: it can't be written: {error.strerror}"
                )
        finally:
            os.close(folder)

    def _replace(self, path: str, data: bytes, folder: int) -> None:
        handle, temporary = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                # Readable for a fact gathering without root, whatever the umask; executable for nobody.
                os.fchmod(file.fileno(), 0o644)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        os.fsync(folder)

    def _unwritable(self, error: OSError) -> HostdevError:
        return HostdevError(
            "record_unwritable",
            subject=self.path,
            found=str(error),
            wanted="a folder that root can write to",
            remedy="free space or make it writable, or set facts_path",
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
