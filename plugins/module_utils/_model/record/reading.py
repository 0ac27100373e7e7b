# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record's form: its schema, the way from older ones to it, and reading it without trusting what is in it."""

from __future__ import annotations

import typing as t

from .. import forms
from ..availability import recorded_pools
from ..claims.claim import Claim, Waiting
from ..claims.tracker import Tracker
from ..errors import HostdevError
from ..forms import DocumentError
from .document import read_document
from .record import SCHEMA, Record

if t.TYPE_CHECKING:
    from ..claims.made_vfs import MadeVfs, VfsJournal
    from ..claims.set_aside import SetAside

Migration = t.Callable[[dict[str, t.Any]], dict[str, t.Any]]


def _from_1(data: dict[str, t.Any]) -> dict[str, t.Any]:
    """Schema 2 has more of each pool, and constraints and alternatives of requests, of which there were none.

    What a pool does not tell is unknown, until a change counts the pools anew.
    """
    return data


MIGRATIONS: t.Mapping[int, Migration] = {1: _from_1}
"""From a schema to what makes its documents ones of the next schema."""

_T = t.TypeVar("_T")

_FORMS: dict[str, forms.Check] = {
    "schema": forms.number(SCHEMA),
    "boot_id": forms.text,
    "claims": forms.listed(Claim.FORM),
    "pools": forms.listed(recorded_pools.FORM),
}
_NEEDS_CLEANING = forms.listed(Waiting.FORM, unique="address")


def _set_aside_form(value: object, path: str) -> None:
    from ..claims.set_aside import SetAside

    SetAside.FORM(value, path)


def _vfs_form(value: object, path: str) -> None:
    from ..claims.made_vfs import MadeVfs

    forms.listed(MadeVfs.FORM, unique="address")(value, path)


def _vfs_journal_form(value: object, path: str) -> None:
    from ..claims.made_vfs import VfsJournal

    forms.listed(VfsJournal.FORM, unique="address")(value, path)


class JournalReader(t.Protocol):
    """A class that a journal becomes, and its form. How much of a plan it knows is its own affair."""

    FORM: forms.Check

    def from_dict(self, data: t.Mapping[str, t.Any], path: str = "journal") -> t.Any: ...


def read_record(
    data: bytes, journals: t.Callable[[], JournalReader], migrations: t.Mapping[int, Migration] | None = None
) -> Record:
    """The record in a file's content; see schema.parse_record. `journals` gives what reads the journal in it."""
    try:
        return _record(_migrated(read_document(data), MIGRATIONS if migrations is None else migrations), journals)
    except DocumentError as error:
        raise HostdevError(
            "record_unreadable", subject=error.path or "record", found=error.found, wanted=error.wanted
        ) from error


def _migrated(value: object, migrations: t.Mapping[int, Migration]) -> dict[str, t.Any]:
    """The document in this schema. Raises DocumentError, or HostdevError of a newer one."""
    _schema(forms.part(value, "schema", ""), "schema")
    data = t.cast("dict[str, t.Any]", value)
    if data["schema"] > SCHEMA:
        raise HostdevError(
            "record_unreadable",
            subject="schema",
            found=f"its schema is {data['schema']}",
            wanted=f"schema {SCHEMA}",
            remedy="update the collection",
        )
    while data["schema"] < SCHEMA:
        schema = data["schema"]
        if schema not in migrations:
            raise DocumentError("schema", f"its schema is {schema}", f"schema {SCHEMA}")
        data = {**_read(migrations[schema], data, ""), "schema": schema + 1}
    return data


def _schema(value: object, path: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DocumentError(path, f"its schema is {value!r:.60}", f"schema {SCHEMA}")


def _record(data: dict[str, t.Any], journals: t.Callable[[], JournalReader]) -> Record:
    journal_form = forms.nullable(lambda value, path: journals().FORM(value, path))
    # Records of before these were written have none of them.
    later = {
        "needs_cleaning": _NEEDS_CLEANING,
        "set_aside": forms.listed(_set_aside_form),
        "machine_id": forms.text,
        "vfs": _vfs_form,
        "vfs_journal": _vfs_journal_form,
    }
    forms.mapping({**_FORMS, "journal": journal_form}, later)(data, "")
    needs_cleaning = data.get("needs_cleaning", [])
    journal = data["journal"]
    record = Record(
        Tracker(
            (),
            [Waiting.from_dict(waiting) for waiting in needs_cleaning],
            _asides(data.get("set_aside", [])),
            _made_vfs(data.get("vfs", [])),
        ),
        None if journal is None else journals().from_dict(journal),
        data["boot_id"],
        data["pools"],
        data.get("machine_id", ""),
        _vfs_journal(data.get("vfs_journal", [])),
    )
    owners: set[str] = set()
    for index, written in enumerate(data["claims"]):
        path = f"claims[{index}]"
        claim = Claim.from_dict(written, path)
        if claim.owner.key in owners:
            raise DocumentError(f"{path}.owner", f"found a second claim of {claim.owner}", "one claim for each owner")
        owners.add(claim.owner.key)
        try:
            record.tracker.put(claim)
        except ValueError as error:
            raise DocumentError(f"{path}.devices", str(error), "one owner for each device") from error
    if journal is not None:
        from ..claims.unfinished import check_journal

        check_journal(journal, record.tracker, "journal")
    for index, waiting in enumerate(needs_cleaning):
        holder = record.tracker.holder(waiting["address"])
        if holder is not None:
            path = f"needs_cleaning[{index}].address"
            raise DocumentError(
                path, f"found {waiting['address']}, held by {holder.owner}", "a device that nobody holds"
            )
    for index, aside in enumerate(record.tracker.set_aside.values()):
        holder = record.tracker.holder(aside.address)
        if holder is not None:
            path = f"set_aside[{index}].device.address"
            raise DocumentError(path, f"found {aside.address}, held by {holder.owner}", "a device that nobody holds")
    return record


def _asides(entries: t.Sequence[t.Mapping[str, t.Any]]) -> list[SetAside]:
    """The devices set aside. Raises DocumentError for one that is there twice."""
    if not entries:
        return []
    from ..claims.set_aside import SetAside

    asides = [SetAside.from_dict(entry) for entry in entries]
    addresses = [aside.address for aside in asides]
    for index, address in enumerate(addresses):
        if address in addresses[:index]:
            raise DocumentError(f"set_aside[{index}].device.address", f"found {address} twice", "each device once")
    return asides


def _made_vfs(entries: t.Sequence[t.Mapping[str, t.Any]]) -> list[MadeVfs]:
    if not entries:
        return []
    from ..claims.made_vfs import MadeVfs

    return [MadeVfs.from_dict(entry) for entry in entries]


def _vfs_journal(entries: t.Sequence[t.Mapping[str, t.Any]]) -> list[VfsJournal]:
    if not entries:
        return []
    from ..claims.made_vfs import VfsJournal

    return [VfsJournal.from_dict(entry) for entry in entries]


def _read(read: t.Callable[[dict[str, t.Any]], _T], data: dict[str, t.Any], path: str) -> _T:
    """What a migration makes of a document; one that it can't take is told with the path."""
    try:
        return read(data)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DocumentError(path, f"{type(error).__name__}: {error}", "the form of a record") from error
