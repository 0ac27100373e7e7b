# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing a host back to its record, one PF and one owner at a time: what one of them lacks keeps no other."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._model.claims.by_hand import keeping_places
from ..._model.claims.cards.found_again import Finder, followed, moved_in_all
from ..._model.claims.unmade_vf import pfs_of_unmade
from ..._model.decision.foretold import foretold
from ..._model.decision.reconciling import (
    defined_functions,
    followed_plan,
    held_back,
    missing,
    no_pf,
    parted,
    places_by_hand,
    reconciled,
    vfs_wish,
)
from ..._model.errors import HostdevError
from ..._model.persistence.wanted import persistent_vfs
from ..reading.definitions import kept_by_libvirt
from .outcome import Failure
from .snapshot import with_vf_states
from .steps.executors import Executors
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

    CarryOut = t.Callable[[Plan, Snapshot], None]


class Reconciling:
    """The parts of one run; what can't be done goes to the outcome's `failed`."""

    def __init__(
        self,
        host: ChangingHost,
        file: RecordFile,
        record: Record,
        outcome: Outcome,
        *,
        check_mode: bool,
    ) -> None:
        self._host = host
        self._file = file
        self._record = record
        self._outcome = outcome
        self._check_mode = check_mode
        self._behind: dict[str, HostdevError] = {}
        """Why definitions have not followed, by owners: what is added to one would be there twice."""
        self._made: set[str] = set()
        """PFs that in check mode would get VFs."""

    def run(self, vfs: VfsRun, read: t.Callable[[], Snapshot], carry_out: CarryOut, *, persistent: bool) -> None:
        """Do all of it; `read` reads the host anew, and `carry_out` does a plan."""
        # A PF may be where the record, or a domain, still has a device that is elsewhere by now.
        snapshot = self._follow_all(read(), carry_out, persistent=persistent)
        self.make_vfs(snapshot, vfs, persistent=persistent)
        if not self._check_mode:  # VFs are found once they are made
            snapshot = self._follow_all(read(), carry_out, persistent=persistent)
        for claim in list(snapshot.tracker):
            wanted = claim.persist or not persistent
            if wanted and self._bring_back(snapshot, claim, read, carry_out) and not self._check_mode:
                snapshot = read()
        self._let_go(snapshot)
        for address, claim, error in parted(snapshot):
            if claim.persist or not persistent:
                self._outcome.failed.append(Failure(address, claim.owner, error))
        self._outcome.warnings.extend(places_by_hand(snapshot))

    def make_vfs(self, snapshot: Snapshot, run: VfsRun, *, persistent: bool) -> None:
        """Make the VFs on record again, and set them."""
        tracker = snapshot.tracker
        for made in persistent_vfs(tracker) if persistent else list(tracker.made_vfs.values()):
            address = made.pf_in(snapshot.inventory)
            try:
                device = None if address is None else snapshot.inventory.devices[address]
                if device is None or not made.is_of(device):
                    raise no_pf(made, device)
                decisions = run.decide(snapshot, vfs_wish(made, device.address))
                files = run.files(decisions, self._record)
                if self._check_mode:
                    self._made.update(one.pf.address for one in decisions if one.changes)
                else:
                    self._outcome.warnings.extend(run.carry_out(decisions, self._record))
                    # By now the record may have other PFs by other addresses as well.
                    snapshot = replace(snapshot, tracker=self._record.tracker.copy())
                note(decisions, files, self._outcome)
            except HostdevError as error:
                self._outcome.failed.append(Failure(address or made.address, None, error))

    def _follow_all(self, snapshot: Snapshot, carry_out: CarryOut, *, persistent: bool) -> Snapshot:
        """Have the record and definitions name devices by the addresses that they have now. Raises HostdevError.

        All of them do before any device is taken: none is for one domain while another one has it by its old address.
        """
        snapshot = self._follow(snapshot)
        for claim in snapshot.tracker:
            if (claim.persist or not persistent) and self._record.journal is None:
                snapshot = self._follow_definition(snapshot, claim, carry_out)
        return snapshot

    def _follow(self, snapshot: Snapshot) -> Snapshot:
        there = followed(self._record.tracker, snapshot.inventory)
        if not there.moves:
            return snapshot
        self._outcome.moved = moved_in_all(self._outcome.moved, there.moves)
        known = snapshot.domains
        defined = kept_by_libvirt(self._host.tree) if known is None else defined_functions(known)
        tracker = keeping_places(self._record.tracker, there, defined)
        if not self._check_mode:
            self._record.tracker = tracker
            self._file.write(self._record)
        return replace(snapshot, tracker=tracker.copy())

    def _let_go(self, snapshot: Snapshot) -> None:
        """Let the host's drivers have what was kept from them at boot, and is on record of nobody."""
        for step in held_back(snapshot):
            try:
                if not self._check_mode:
                    Executors(self._host, 0).apply(step)
                self._outcome.let_go.append(step)
            except HostdevError as error:
                self._outcome.failed.append(Failure(step.address, None, error))

    def _bring_back(
        self, snapshot: Snapshot, claim: Claim, read: t.Callable[[], Snapshot], carry_out: CarryOut
    ) -> bool:
        """Bring an owner's devices back: all at once, or each by itself where one of them stops that.

        Returns whether anything was changed, or begun, so that another snapshot is due.
        """
        claim = snapshot.tracker.claim_of(claim.owner)
        there = self._there(snapshot, claim)
        behind = self._behind.get(claim.owner.key)
        if behind is not None:
            self._note(behind, next(iter(claim.holdings)), claim)
        if behind is not None or self._record.journal is not None:
            return False  # what could not be undone is settled before anything else is begun
        whole = replace(claim, holdings={address: claim.holdings[address] for address in there})
        parts = [replace(claim, holdings={address: held}, node_devices={}) for address, held in whole.holdings.items()]
        parts += [replace(claim, holdings={})] if claim.node_devices else []
        try:
            return self._carry_out(snapshot, whole, carry_out)
        except HostdevError as error:
            if len(parts) < 2 or self._record.journal is not None:
                self._note(error, next(iter(there), str(claim.owner)), claim)
                return True
        for part in parts:
            if self._record.journal is not None:
                break
            try:
                self._carry_out(snapshot if self._check_mode else read(), part, carry_out)
            except HostdevError as error:
                self._note(error, next(iter(part.holdings), str(claim.owner)), claim)
        return True

    def _there(self, snapshot: Snapshot, claim: Claim) -> list[str]:
        """The addresses of what is on the host of a claim; the others are noted."""
        finder = Finder(snapshot.inventory)
        lacking = missing(finder, claim)
        for address, error in lacking.items():
            pfs = pfs_of_unmade(snapshot.inventory, claim.holdings[address])
            if self._made.isdisjoint(pf.address for pf in pfs):
                self._outcome.failed.append(Failure(address, claim.owner, error))
        return [address for address in claim.holdings if address not in lacking]

    def _carry_out(self, snapshot: Snapshot, part: Claim, carry_out: CarryOut) -> bool:
        """Do what brings a part of a claim back; it has the rest before and after as well."""

        def states(of: Snapshot, change: Change) -> Snapshot:
            return with_vf_states(self._host, of, change)

        claim = snapshot.tracker.claim_of(part.owner)
        plan = replace(reconciled(snapshot, part, states), before=claim, after=claim)
        carry_out(plan, snapshot)
        return plan.changed

    def _follow_definition(self, snapshot: Snapshot, claim: Claim, carry_out: CarryOut) -> Snapshot:
        """Have the definition of the owner's domain follow devices that have moved."""
        plan = followed_plan(snapshot, claim)
        if plan is None:
            return snapshot
        try:
            carry_out(plan, snapshot)
        except HostdevError as error:
            self._behind[claim.owner.key] = error
            return snapshot
        self._behind.pop(claim.owner.key, None)
        return foretold(snapshot, plan)

    def _note(self, error: HostdevError, address: str, claim: Claim) -> None:
        subject = error.subject if error.subject in claim.holdings else address
        self._outcome.failed.append(Failure(subject, claim.owner, error))
