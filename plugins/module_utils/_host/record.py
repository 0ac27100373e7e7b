# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The record: the tracker's facts file, and the lock that every change is made under.

Fact gathering reads the file as `ansible_facts.ansible_local.hostdev`. It must never be executable: fact gathering
would run it, and fail for the whole host.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
import typing as t
from dataclasses import dataclass, field

from .._model.errors import HostdevError
from .._model.plan import Journal
from .._model.tracker import Claim, Tracker, Waiting

# Not in /run/lock: on Debian every user may write there, and so take the lock first.
LOCK = "/run/kvm.hostdev.lock"
SCHEMA = 1
FILE_NAME = "hostdev.fact"


@dataclass
class Record:
    """What the file holds: the tracker's claims, an unfinished journal, and pools for placement."""

    tracker: Tracker = field(default_factory=Tracker)
    journal: Journal | None = None
    boot_id: str = ""
    pools: list[dict[str, t.Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "schema": SCHEMA,
            "boot_id": self.boot_id,
            "claims": [claim.as_dict() for claim in self.tracker],
            "journal": None if self.journal is None else self.journal.as_dict(),
            "needs_cleaning": [one.as_dict() for _address, one in sorted(self.tracker.waiting.items())],
            "pools": self.pools,
        }


class RecordFile:
    """The file `hostdev.fact` in the facts folder `folder`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.path = os.path.join(folder, FILE_NAME)

    def read(self) -> Record:
        """The record, an empty one where there is no file yet.

        Raises HostdevError with code record_unreadable and leaves the file as it is when it can't be read or
        understood: a claim must not be lost because one byte is.
        """
        try:
            with open(self.path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return Record()
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(str(error)) from error
        try:
            data = json.loads(text)
            schema = data["schema"]
            if schema != SCHEMA:
                raise self._unreadable(f"its schema is {schema!r}", f"schema {SCHEMA}", "update the collection")
            journal = data["journal"]
            return Record(
                Tracker(
                    (Claim.from_dict(claim) for claim in data["claims"]),
                    (Waiting.from_dict(one) for one in data.get("needs_cleaning", ())),
                ),
                None if journal is None else Journal.from_dict(journal),
                str(data["boot_id"]),
                list(data["pools"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unreadable(f"it can't be understood: {type(error).__name__}: {error}") from error

    def write(self, record: Record) -> None:
        """Replace the file as a whole; after a crash at any point the old or the new one is there.

        Raises HostdevError with code record_unwritable.
        """
        text = json.dumps(record.as_dict(), indent=1, sort_keys=True) + "\n"
        temporary = None
        try:
            os.makedirs(self._folder, mode=0o755, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".hostdev.", suffix=".tmp", dir=self._folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                # Readable for a fact gathering without root, whatever the umask; executable for nobody.
                os.fchmod(file.fileno(), 0o644)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self.path)
            temporary = None
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise HostdevError(
                "record_unwritable",
                subject=self.path,
                found=str(error),
                wanted="a folder that root can write to",
                remedy="free space or make it writable, or set facts_path",
            ) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)

    def _unreadable(
        self, found: str, wanted: str = "", remedy: str = "mend it or restore it from a backup; it was left as it is"
    ) -> HostdevError:
        return HostdevError(
            "record_unreadable", subject=self.path, found=found, wanted=wanted or "the record as written", remedy=remedy
        )


@contextlib.contextmanager
def locked(path: str, *, seconds: float) -> t.Iterator[None]:
    """Hold the lock file for the time of the block; it stays when the block ends, only the lock goes.

    Raises HostdevError with code lock_timeout, naming the process that has it.
    """
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise HostdevError(
            "not_root" if os.geteuid() else "lock_failed",
            subject=path,
            found=str(error),
            wanted="to lock it",
            remedy="run the task as root (become: true)" if os.geteuid() else "see who made it",
        ) from error
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= end:
                    holder = _holder(handle)
                    raise HostdevError(
                        "lock_timeout",
                        subject=path,
                        found=f"another run holds the lock: {holder}",
                        wanted=f"the lock within {seconds:g} s",
                        remedy="wait for the other run to end, or see what keeps it",
                    ) from error
                time.sleep(0.1)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} since {time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def lock_holder(path: str) -> str | None:
    """Who holds the lock file now; None when nobody does, or when this user may not look."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(handle)
    finally:
        os.close(handle)
    return None


def _holder(handle: int) -> str:
    return os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "unknown"
