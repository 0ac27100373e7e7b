# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a tenant is told: errors and warnings name no owner and no domain but its own, and those that it named."""

from __future__ import annotations

import re
import typing as t

from ...claims.words import short
from ...errors import HostdevError
from ...requests.limits.labels import EVERY_TENANT, TENANT
from .tenants import ANOTHER

if t.TYPE_CHECKING:
    from ...claims.claim import Owner
    from ...guest.domain import Domain
    from ...record.schema import Record

_OWNER = {"kind", "id", "label"}
_BARE: dict[str, dict[str, t.Any]] = {
    "locked": {"found": "another run holds the lock"},  # by a run for an owner of whom nothing was read yet
    "record_unreadable": {"found": "it can't be understood"},  # what is wrong with a claim may name its owner
    "unknown_domain": {"found": "libvirt has no domain of that name or UUID", "remedy": "define it first"},
}
"""Errors that name others without a word before each, by their codes, and what is told in place of that."""


class Untold:
    """The names that a tenant is not told, by what was read of the host.

    A text has a name as `domain web1`, `domain web1 (UUID)` or `owner job1`, as owners and domains are told, as
    `web1/nic` in a constraint, behind a command of virsh, or as the UUID alone. A plain word stays, which may be a
    request's as well.
    """

    def __init__(self, tenant: str, asked: str | None) -> None:
        """`asked` is the name or UUID that the task gives."""
        self._tenant, self._asked = tenant, asked
        self._record: Record | None = None
        self._domains: dict[str, Domain] = {}

    def note(self, record: Record, domains: t.Iterable[Domain] = ()) -> None:
        """What has names that an error may tell."""
        self._record = record
        self._domains.update((domain.uuid, domain) for domain in domains)

    def error(self, error: HostdevError) -> HostdevError:
        """The error as the tenant is told it."""
        pattern = self._pattern()
        if error.code in _BARE:
            return error.but(**_BARE[error.code])
        parts = {name: _told(getattr(error, name), pattern) for name in ("subject", "found", "wanted", "remedy")}
        return HostdevError(error.code, **parts, details=_told(error.details, pattern))

    def warnings(self, warnings: t.Iterable[str]) -> list[str]:
        pattern = self._pattern()
        return [_told(warning, pattern) for warning in warnings]

    def _pattern(self) -> re.Pattern[str]:
        names: set[str] = set()
        ids: set[str] = set()
        for owner_id, label in self._others():
            names.update((label, short(label)))
            ids.add(owner_id)
        # The longest first: of two names that begin alike it is the one that is there.
        name = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)"
        uuid = "|".join(re.escape(owner_id) for owner_id in sorted(ids - names)) or "(?!)"
        words = rf"(?:(?:domain|owner) |(?P<virsh>virsh [a-z-]+ ))(?:{name})(?: \((?:{uuid})\))?(?![\w@-]|\.\w)"
        return re.compile(rf"{words}|(?<![\w@./-])(?:{name})(?=/\w)|{uuid}")

    def _others(self) -> t.Iterator[tuple[str, str]]:
        """Id and label of each owner and domain that is not the tenant's."""
        there = {f"domain:{uuid}": (uuid, domain.name) for uuid, domain in self._domains.items()}
        own: set[str] = set()
        if self._record is not None:
            own.update(claim.owner.key for claim in self._record.tracker if claim.labels.get(TENANT) == self._tenant)
            there.update((owner.key, (owner.id, owner.label)) for owner in _owners(self._record))
        for key, (owner_id, label) in there.items():
            if key not in own and self._asked not in (owner_id, label):
                yield owner_id, label


def untold(tenant: str, asked: str | None) -> Untold | None:
    """None for administrators, who are told everything."""
    return None if tenant == EVERY_TENANT else Untold(tenant, asked)


def _owners(record: Record) -> t.Iterator[Owner]:
    yield from (claim.owner for claim in record.tracker)
    yield from (aside.owner for aside in record.tracker.set_aside.values())
    yield from (waiting.owner for waiting in record.tracker.waiting.values())
    if record.journal is not None:
        yield record.journal.owner


def _told(value: t.Any, pattern: re.Pattern[str]) -> t.Any:
    """The same with other names in its texts, however deep; a mapping that is an owner becomes another one."""
    if isinstance(value, str):
        return pattern.sub(lambda match: (match["virsh"] or "") + ANOTHER.label, value)
    if isinstance(value, dict):
        if set(value) == _OWNER and pattern.search(f"domain {value['label']}"):
            return ANOTHER.as_dict()
        return {key: _told(inner, pattern) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_told(inner, pattern) for inner in value]
    return value
