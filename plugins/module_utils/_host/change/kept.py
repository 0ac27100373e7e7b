# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run leaves on the host so that devices come back when that is started anew."""

from __future__ import annotations

import contextlib
import functools
import typing as t
from dataclasses import replace

from ..._model.errors import HostdevError
from ..._model.persistence.paths import MADE_FOLDERS, PROGRAM
from .outcome import Outcome

if t.TYPE_CHECKING:
    from ..._model.guest.domain import Domain
    from ..._model.record.record import Record
    from ..._model.requests.wish import ClaimWish
    from ..persistence.keeping import Keeper
    from .host import ChangingHost


class Kept:
    """Keeps on a host what its record needs; `make` makes what writes it, None where nothing is kept."""

    def __init__(self, host: ChangingHost, make: t.Callable[[], Keeper] | None, *, check_mode: bool) -> None:
        self._host = host
        self._make = make
        self._check_mode = check_mode

    @functools.cached_property
    def _keeper(self) -> Keeper | None:
        return None if self._make is None else self._make()

    @functools.cached_property
    def _autostarting(self) -> frozenset[str]:
        return frozenset() if self._host.domains is None else self._host.domains.autostarting()

    def persisting(self, wish: ClaimWish, domain: Domain | None, outcome: Outcome) -> ClaimWish:
        """The wish with whether the devices come back, where nobody says it: they do for a domain that autostarts.

        It would start without them else, or not at all. Raises HostdevError where they are to, and can't.
        """
        persist, whose = wish.persist, f"owner {wish.owner}" if domain is None else f"domain {domain.name}"
        if persist is None and domain is not None and domain.uuid in self._autostarting:
            persist = True
        if self._make is None:
            if persist and wish.persist is None:
                outcome.warnings.append(
                    f"{whose} starts with the host, and its devices do not come back then: nothing is "
                    "kept for that with a record in another folder than the default one"
                )
            return wish
        if persist and self._keeper is not None:
            try:
                self._keeper.prepare(check=True)
            except HostdevError as error:
                if wish.persist:
                    raise
                persist = None
                outcome.warnings.append(
                    f"the devices of {whose} do not come back when the host is started anew: {error.message}"
                )
        return replace(wish, persist=persist)

    @contextlib.contextmanager
    def around(self, record: Record, outcome: Outcome, *, prepare: bool) -> t.Iterator[None]:
        """Have on the host what brings devices back that are on record: what can fail before they are touched."""
        if prepare and self._keeper is not None:
            self._keeper.prepare(self._check_mode)
        try:
            yield
        except HostdevError:
            if prepare:
                self.keep(record, Outcome())
            raise
        self.keep(record, outcome)

    def keep(self, record: Record, outcome: Outcome) -> None:
        """Have what the record needs, and nothing else. What can't be written now is told; the next run writes it."""
        tracker = record.tracker
        if self._check_mode:
            tracker = tracker.copy()
            for plan in outcome.plans:
                tracker.put(plan.after)
            for decision in outcome.vfs:
                tracker.made_vfs.pop(decision.pf.address, None)
                if decision.after is not None:
                    tracker.made_vfs[decision.pf.address] = decision.after
            if outcome.adoption is not None:
                outcome.adoption.put_into(tracker)
        needed = any(claim.persist for claim in tracker) or any(made.persist for made in tracker.made_vfs.values())
        # The folders that were made are the last to go: a removal that was cut off is taken up again.
        left = any(self._host.tree.exists(path) for path in (PROGRAM, MADE_FOLDERS))
        if not (needed or left) or self._keeper is None:
            return
        try:
            outcome.kept = self._keeper.keep(tracker, self._check_mode)
        except HostdevError as error:
            outcome.warnings.append(f"devices do not come back when the host is started anew: {error.message}")
        outcome.warnings.extend(self._keeper.warnings)
        outcome.diff.extend(outcome.kept)
