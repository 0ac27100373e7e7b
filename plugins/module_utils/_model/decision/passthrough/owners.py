# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The owners that the data of a host names, and what errors call them."""

from __future__ import annotations

import contextlib
import typing as t

from ...claims.words import short, told_apart
from ...errors import HostdevError
from ...requests.specs.allow_list import AllowList

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Owner
    from ...selection.choice import Asked


def entry(index: int, whose: str | None) -> str:
    """An entry of the data: `claims[1] (db1)`."""
    return f"claims[{index}] ({short(whose or '')})"


@contextlib.contextmanager
def about(whose: str) -> t.Iterator[None]:
    """Let the subject of an error that is raised within begin with whose it is."""
    try:
        yield
    except HostdevError as error:
        raise error.but(subject=f"{whose}: {error.subject}") from error


class Owners:
    """Who asks, in the order of the data."""

    def __init__(self, asked: t.Sequence[Asked]) -> None:
        """Raises HostdevError where one of them is there twice: a domain has a name and a UUID."""
        self._asked = asked
        self._index: dict[str, int] = {}
        for index, one in enumerate(asked):
            first = self._index.setdefault(one.owner.key, index)
            if first != index:
                raise HostdevError(
                    "invalid_option",
                    subject=entry(index, one.owner.label),
                    found=f"{one.owner} is in claims[{first}] already",
                    wanted="each owner once",
                    remedy="put its requests together",
                )
        self.names = told_apart(one.owner for one in asked)

    @property
    def allow_list(self) -> AllowList:
        """The host's, which is the same for all of them."""
        return next((one.wish.allow_list for one in self._asked), AllowList(None))

    def __iter__(self) -> t.Iterator[Asked]:
        return iter(self._asked)

    def called(self, owner: Owner) -> str:
        """What errors call an owner: `claims[1] (db1)`, and one that the data does not name by its kind."""
        index = self._index.get(owner.key)
        return str(owner) if index is None else entry(index, owner.label)

    def asked(self, owner: Owner) -> Asked | None:
        """What an owner asks for, None for one that the data does not name."""
        index = self._index.get(owner.key)
        return None if index is None else self._asked[index]

    def unnamed(self, claim: Claim) -> set[str]:
        """The names of a claim's requests that are not in the data."""
        asked = self.asked(claim.owner)
        return claim.requests.keys() - (set() if asked is None else {request.name for request in asked.wish.requests})
