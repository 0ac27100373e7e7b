# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The book of what was done to the kernel's arguments: by it everything is taken out again, without being told what.

It is written before the first file is edited, with what each is to become, and removed last. So a file is what it was,
what an edit was to make of it, or, where others changed it since, what the edit's words can be taken out of.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass

from ..errors import HostdevError
from .editing import Edit

SCHEMA = 1


class Version(t.NamedTuple):
    """What a file was to become: the digest of that, and the edit that makes it."""

    digest: str
    edit: Edit


@dataclass(frozen=True)
class FileRecord:
    """One file: what was in it before us (None where there was none), and what we made of it, the latest first."""

    path: str
    form: str
    before: bytes | None
    versions: tuple[Version, ...] = ()

    def is_ours(self, data: bytes) -> bool:
        """Whether that is what we made of it, and nobody changed it since."""
        return digest(data) in {version.digest for version in self.versions}


@dataclass(frozen=True)
class Book:
    """The arguments that are ours, the files that have or had them, and the folders that we made.

    It is `unfinished` while a run is under way: after one that was cut, what is generated of the files may be missing.
    """

    loader: str
    arguments: tuple[str, ...] = ()
    files: tuple[FileRecord, ...] = ()
    folders: tuple[str, ...] = ()
    unfinished: bool = False

    def file(self, path: str) -> FileRecord | None:
        return next((record for record in self.files if record.path == path), None)

    def as_bytes(self) -> bytes:
        document = {
            "schema": SCHEMA,
            "about": "what kvm.hostdev.kernel_arguments has done; state=absent undoes it by this",
            "loader": self.loader,
            "arguments": list(self.arguments),
            "folders": list(self.folders),
            "files": [
                {
                    "path": record.path,
                    "format": record.form,
                    "before": None if record.before is None else _text(record.before),
                    "versions": [
                        {
                            "sha256": version.digest,
                            "added": list(version.edit.added),
                            "replaced": [list(pair) for pair in version.edit.replaced],
                            "inserted": _text(version.edit.inserted),
                        }
                        for version in record.versions
                    ],
                }
                for record in self.files
            ],
            **({"unfinished": True} if self.unfinished else {}),
        }
        return json.dumps(document, indent=1).encode("ascii") + b"\n"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def parse_book(data: bytes, path: str) -> Book:
    """Raises HostdevError: book_unreadable."""
    try:
        document = json.loads(data)
        if document["schema"] != SCHEMA:
            raise _unreadable(path, f"it has schema {document['schema']!r}, which this release does not know")
        return Book(
            loader=_string(document["loader"]),
            arguments=tuple(map(_string, document["arguments"])),
            folders=tuple(map(_string, document["folders"])),
            files=tuple(
                FileRecord(
                    path=_string(entry["path"]),
                    form=_string(entry["format"]),
                    before=None if entry["before"] is None else _data(entry["before"]),
                    versions=tuple(
                        Version(
                            _string(version["sha256"]),
                            Edit(
                                tuple(map(_string, version["added"])),
                                tuple((_string(old), _string(new)) for old, new in version["replaced"]),
                                _data(version["inserted"]),
                            ),
                        )
                        for version in entry["versions"]
                    ),
                )
                for entry in document["files"]
            ),
            unfinished=document.get("unfinished") is True,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(path, f"it can't be read: {type(error).__name__}: {error}") from error


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _text(data: bytes) -> str:
    """Whatever bytes a file has, in a JSON text (PEP 383)."""
    return data.decode("utf-8", "surrogateescape")


def _data(value: object) -> bytes:
    return _string(value).encode("utf-8", "surrogateescape")


def _unreadable(path: str, found: str) -> HostdevError:
    return HostdevError(
        "book_unreadable",
        subject=path,
        found=found,
        wanted="the book that this module wrote",
        remedy="put it back from a backup; without one, take our arguments out by hand and remove the file",
    )
