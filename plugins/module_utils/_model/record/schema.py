# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record's form: its schema, the way from older ones to it, and reading it without trusting what is in it."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ..claims.claim import Claim, Waiting
from ..claims.tracker import Tracker
from ..errors import HostdevError
from ..host.node_device import SCSI, USB
from ..plan.plan import Journal
from ..plan.steps import KINDS, DriverStep, HostdevStep, NodeStep
from . import document
from .document import DocumentError, each, flag, listed, mapping, name, nullable, number, one_of, scalar, text

SCHEMA = 1

Migration = t.Callable[[dict[str, t.Any]], dict[str, t.Any]]
MIGRATIONS: t.Mapping[int, Migration] = {}
"""From a schema to what makes its documents ones of the next schema."""

_T = t.TypeVar("_T")

_BINDING = mapping({"driver": nullable(name), "driver_override": nullable(name)})
_OWNER = mapping({"kind": one_of("domain", "name"), "id": text, "label": text})
_IDENTITY = each(nullable(text))
_REQUEST = mapping(
    {"name": text},
    {
        "count": number(1),
        "specs": listed(mapping({})),
        "address": name,
        "numa_policy": text,
        "usb": each(scalar),
        "scsi": each(scalar),
    },
)
_HOLDING = mapping(
    {
        "address": name,
        "request": nullable(text),
        "identity": _IDENTITY,
        "original": _BINDING,
        "adopted": flag,
        "attach": listed(text),
    },
    {"managed": nullable(flag), "one_time_use": flag},
)
_NODE_HOLDING = mapping(
    {
        "name": name,
        "capability": one_of(USB, SCSI),
        "request": text,
        "identity": _IDENTITY,
        "attach": listed(text),
    }
)
_CLAIM = mapping(
    {"owner": _OWNER, "requests": listed(_REQUEST), "devices": listed(_HOLDING)},
    {"node_devices": listed(_NODE_HOLDING)},
)
_WAITING = mapping({"address": name, "owner": _OWNER, "identity": _IDENTITY})
_HOSTDEV_STEP = mapping(
    {"address": name, "domain": text, "uuid": text, "place": text, "before": nullable(text), "after": nullable(text)}
)
_STEPS: t.Mapping[str, document.Check] = {
    DriverStep.kind: mapping({"address": name, "before": _BINDING, "after": _BINDING}),
    HostdevStep.kind: _HOSTDEV_STEP,
    NodeStep.kind: _HOSTDEV_STEP,
}


def _step(value: object, path: str) -> None:
    """A step of a kind that there is; of one that is not in the table its own reader sees to the rest."""
    mapping({"kind": one_of(*KINDS)})(value, path)
    if isinstance(value, dict) and value["kind"] in _STEPS:
        _STEPS[value["kind"]](value, path)


_JOURNAL = mapping(
    {
        "operation": one_of("claim", "release"),
        "boot_id": text,
        "steps": listed(_step),
        "claim_before": _CLAIM,
        "claim_after": _CLAIM,
        "begun": number(0),
    }
)
_RECORD = mapping(
    {"boot_id": text, "claims": listed(_CLAIM), "journal": nullable(_JOURNAL), "pools": listed(each(scalar))},
    {"needs_cleaning": listed(_WAITING)},
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
        return _record(_migrated(document.read_document(data), MIGRATIONS if migrations is None else migrations))
    except DocumentError as error:
        raise HostdevError(
            "record_unreadable", subject=error.path or "record", found=error.found, wanted=error.wanted
        ) from error


def _migrated(value: object, migrations: t.Mapping[int, Migration]) -> dict[str, t.Any]:
    """The document in this schema. Raises DocumentError, or HostdevError of a newer one."""
    mapping({"schema": _schema})(value, "")
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
    _RECORD(data, "")
    journal = data["journal"]
    found = Record(
        Tracker((), [_read(Waiting.from_dict, one, f"needs_cleaning[{index}]") for index, one in _waiting(data)]),
        None if journal is None else _journal(journal),
        data["boot_id"],
        list(data["pools"]),
    )
    owners: set[str] = set()
    for index, one in enumerate(data["claims"]):
        path = f"claims[{index}]"
        claim = _claim(one, path)
        if claim.owner.key in owners:
            raise DocumentError(f"{path}.owner", f"found a second claim of {claim.owner}", "one claim for each owner")
        owners.add(claim.owner.key)
        try:
            found.tracker.put(claim)
        except ValueError as error:
            raise DocumentError(f"{path}.devices", str(error), "one owner for each device") from error
    return found


def _waiting(data: dict[str, t.Any]) -> t.Iterable[tuple[int, dict[str, t.Any]]]:
    return enumerate(data.get("needs_cleaning", ()))


def _claim(data: dict[str, t.Any], path: str) -> Claim:
    for key, identifier in (("requests", "name"), ("devices", "address"), ("node_devices", "name")):
        seen: set[str] = set()
        for index, one in enumerate(data.get(key, ())):
            if one[identifier] in seen:
                raise DocumentError(
                    f"{path}.{key}[{index}].{identifier}", f"found {one[identifier]!r} again", "it once"
                )
            seen.add(one[identifier])
    return _read(Claim.from_dict, data, path)


def _journal(data: dict[str, t.Any]) -> Journal:
    for key in ("claim_before", "claim_after"):
        _claim(data[key], f"journal.{key}")
    journal = _read(Journal.from_dict, data, "journal")
    if journal.begun > len(journal.plan.steps):
        raise DocumentError("journal.begun", f"found {journal.begun}", f"at most its {len(journal.plan.steps)} steps")
    if journal.plan.before.owner.key != journal.plan.after.owner.key:
        raise DocumentError("journal.claim_after.owner", f"found {journal.plan.after.owner}", "the owner of before")
    return journal


def _read(read: t.Callable[[dict[str, t.Any]], _T], data: dict[str, t.Any], path: str) -> _T:
    """What a reader makes of a part. What the table of forms let through and it can't take is told with the path."""
    try:
        return read(data)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DocumentError(path, f"{type(error).__name__}: {error}", "the form of a record") from error
