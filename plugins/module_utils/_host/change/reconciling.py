# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing a host back to its record, one PF and one owner at a time: what one of them lacks keeps no other."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ..._model.claims.found_again import Finder, followed
from ..._model.claims.unmade_vf import pfs_of_unmade
from ..._model.decision.reconciling import missing, no_pf, reconciled, vfs_wish
from ..._model.errors import HostdevError
from ..._model.persistence.wanted import persistent_vfs
from .outcome import Failure
from .snapshot import with_vf_states
from .vfs import note

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Claim
    from ..._model.plan.plan import Change, Plan
    from ..._model.record.record import Record
    from ..._model.snapshot import Snapshot
    from ..record.record_file import RecordFile
    from .host import ChangingHost
    from .outcome import Outcome
    from .vfs import VfsRun


class Reconciling:
    """The parts of one run; what can't be done goes to the outcome's `failed`."""

    def __init__(
        self, host: ChangingHost, file: RecordFile, record: Record, outcome: Outcome, *, check_mode: bool
    ) -> None:
        self._host = host
        self._file = file
        self._record = record
        self._outcome = outcome
        self._check_mode = check_mode
        self._made: set[str] = set()
        """PFs that in check mode would get VFs."""

    def make_vfs(self, snapshot: Snapshot, run: VfsRun, *, persistent: bool) -> None:
        """Make the VFs on record again, and set them."""
        tracker = snapshot.tracker
        for made in persistent_vfs(tracker) if persistent else list(tracker.made_vfs.values()):
            address = made.pf_in(snapshot.inventory)
            try:
                if address is None:
                    raise no_pf(made.address)
                decisions = run.decide(snapshot, vfs_wish(made, address))
                files = run.files(decisions, self._record)
                if not self._check_mode:
                    run.carry_out(decisions, self._record)
                note(decisions, files, self._outcome)
                self._made.update(one.pf.address for one in decisions if one.changes)
            except HostdevError as error:
                self._outcome.failed.append(Failure(address or made.address, None, error))

    def follow(self, snapshot: Snapshot) -> Snapshot:
        """Have the record name devices by the addresses that they have now. Raises HostdevError."""
        there = followed(self._record.tracker, snapshot.inventory)
        if not there.moves:
            return snapshot
        self._outcome.moved.update(there.moves)
        if not self._check_mode:
            self._record.tracker = there.tracker
            self._file.write(self._record)
        return replace(snapshot, tracker=there.tracker.copy())

    def plans(self, snapshot: Snapshot, claim: Claim) -> t.Iterator[Plan]:
        """What brings an owner's devices back: all at once, or each by itself where one of them stops that."""
        finder = Finder(snapshot.inventory)
        for address, error in missing(finder, claim).items():
            pfs = pfs_of_unmade(snapshot.inventory, claim.holdings[address])
            if self._made.isdisjoint(pf.address for pf in pfs):
                self._outcome.failed.append(Failure(address, claim.owner, error))
        there = {address: held for address, held in claim.holdings.items() if finder.at_home(held)}
        plan = self._plan(snapshot, claim, there)
        if isinstance(plan, HostdevError) and len(there) > 1:
            for address, held in there.items():
                single = self._plan(snapshot, claim, {address: held})
                if isinstance(single, HostdevError):
                    self._outcome.failed.append(Failure(address, claim.owner, single))
                else:
                    yield single
        elif isinstance(plan, HostdevError):
            self._outcome.failed.append(Failure(next(iter(there), str(claim.owner)), claim.owner, plan))
        else:
            yield plan

    def _plan(self, snapshot: Snapshot, claim: Claim, there: t.Mapping[str, t.Any]) -> Plan | HostdevError:
        """The plan for these of a claim's devices. The claim has the others before and after as well."""

        def states(of: Snapshot, change: Change) -> Snapshot:
            return with_vf_states(self._host, of, change)

        try:
            plan = reconciled(snapshot, replace(claim, holdings=there), states)
        except HostdevError as error:
            return error
        return replace(plan, before=claim, after=replace(claim, holdings={**claim.holdings, **plan.after.holdings}))

    @contextlib.contextmanager
    def noting(self, plan: Plan) -> t.Iterator[None]:
        """Note that a plan failed, which is undone then, and go on."""
        try:
            yield
        except HostdevError as error:
            subject = error.subject if error.subject in plan.after.holdings else next(iter(plan.after.holdings), "")
            self._outcome.failed.append(Failure(subject, plan.after.owner, error))
