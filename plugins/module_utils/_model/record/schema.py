# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record's form: its schema, the way from older ones to it, and reading it without trusting what is in it."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from .. import forms
from ..availability import pools
from ..claims.claim import Claim, Waiting
from ..claims.tracker import Tracker
from ..errors import HostdevError
from ..forms import DocumentError
from ..plan.plan import Journal
from .document import read_document

SCHEMA = 1

Migration = t.Callable[[dict[str, t.Any]], dict[str, t.Any]]
MIGRATIONS: t.Mapping[int, Migration] = {}
"""From a schema to what makes its documents ones of the next schema."""

_T = t.TypeVar("_T")

_FORM = forms.mapping(
    {
        "schema": forms.number(SCHEMA),
        "boot_id": forms.text,
        "claims": forms.listed(Claim.FORM),
        "journal": forms.nullable(Journal.FORM),
        "needs_cleaning": forms.listed(Waiting.FORM, unique="address"),
        "pools": forms.listed(pools.FORM),
    }
)


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

    def as_bytes(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n").encode("ascii")


def parse_record(data: bytes, migrations: t.Mapping[int, Migration] | None = None) -> Record:
    """The record in a file's content, brought to this schema first where it is of an older one.

    Raises HostdevError with code record_unreadable, whatever the content is. Its subject is the path inside the
    document, `record` for all of it.
    """
    try:
        return _record(_migrated(read_document(data), MIGRATIONS if migrations is None else migrations))
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


def _record(data: dict[str, t.Any]) -> Record:
    _FORM(data, "")
    journal = data["journal"]
    found = Record(
        Tracker((), [Waiting.from_dict(one) for one in data["needs_cleaning"]]),
        None if journal is None else Journal.from_dict(journal),
        data["boot_id"],
        data["pools"],
    )
    owners: set[str] = set()
    for index, one in enumerate(data["claims"]):
        path = f"claims[{index}]"
        claim = Claim.from_dict(one, path)
        if claim.owner.key in owners:
            raise DocumentError(f"{path}.owner", f"found a second claim of {claim.owner}", "one claim for each owner")
        owners.add(claim.owner.key)
        try:
            found.tracker.put(claim)
        except ValueError as error:
            raise DocumentError(f"{path}.devices", str(error), "one owner for each device") from error
    for index, one in enumerate(data["needs_cleaning"]):
        holder = found.tracker.holder(one["address"])
        if holder is not None:
            path = f"needs_cleaning[{index}].address"
            raise DocumentError(path, f"found {one['address']}, held by {holder.owner}", "a device that nobody holds")
    return found


def _read(read: t.Callable[[dict[str, t.Any]], _T], data: dict[str, t.Any], path: str) -> _T:
    """What a migration makes of a document; one that it can't take is told with the path."""
    try:
        return read(data)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DocumentError(path, f"{type(error).__name__}: {error}", "the form of a record") from error
