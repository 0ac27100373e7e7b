# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making VFs and setting them, so that nothing is half done: all PFs of a task, or none."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ..._model.claims.cards.found_again import nowhere
from ..._model.claims.made_vfs import VfsJournal
from ..._model.decision.vfs.decision import Pf, VfsDecision
from ..._model.decision.vfs.in_use import check_idle, check_not_changing
from ..._model.decision.vfs.interfaces import WithoutInterface, refuse_asked
from ..._model.decision.vfs.pfs import choose_pfs, made_of
from ..._model.decision.vfs.vfs import decide_vfs
from ..._model.errors import HostdevError
from ..._model.plan.vfs_diff import vfs_diff
from ..._model.snapshot import Snapshot
from ..._model.sriov.state import PfState
from ..reading.definitions import KEPT_BY_LIBVIRT
from ..reading.pci.functions import read_device
from .unmanaged_vfs import files_diff, keep_off

if t.TYPE_CHECKING:
    from ..._model.claims.made_vfs import MadeVfs
    from ..._model.claims.tracker import Tracker
    from ..._model.host.device import PciDevice
    from ..._model.record.record import Record
    from ..._model.sriov.wish import VfsWish
    from ..record.record_file import RecordFile
    from .host import ChangingHost
    from .outcome import Outcome

    Ends = tuple[t.Optional[MadeVfs], t.Optional[MadeVfs]]
    Pools = t.Callable[[Tracker], list[dict[str, t.Any]]]

_LIBVIRTS = ("mac", "vlan", "qos", "vlan_protocol")


class VfsRun:
    """Brings the PFs of a wish to what it asks for, with the record in step."""

    def __init__(self, host: ChangingHost, file: RecordFile, pools: Pools) -> None:
        """`pools` counts the free devices once all is done."""
        if host.pfs is None:
            raise ValueError("a system without physical functions has no VFs to make")
        self._host = host
        self._pfs = host.pfs
        self._file = file
        self._pools = pools
        self._now: dict[str, str | None] = {}
        """Where PFs on record are now, by the address that the record has."""

    def decide(self, snapshot: Snapshot, wish: VfsWish) -> list[VfsDecision]:
        """What is to be done, PF by PF. Raises HostdevError."""
        devices = choose_pfs(snapshot, wish)
        for device in devices:
            check_not_changing(snapshot, device)
        made_vfs = snapshot.tracker.made_vfs.values()
        self._now = {made.address: made.pf_in(snapshot.inventory) for made in made_vfs}
        decisions = [
            decide_vfs(snapshot, wish, self.pf(snapshot, device, wish, made), made)
            for device, made in ((device, made_of(snapshot, device)) for device in devices)
        ]
        return [*decisions, *self._gone(snapshot, wish)] if wish.absent else decisions

    def _gone(self, snapshot: Snapshot, wish: VfsWish) -> t.Iterator[VfsDecision]:
        """PFs on record that are no longer on the host, where the wish names their address: they are forgotten."""
        from ..._model.host.device import PciDevice

        for made in snapshot.tracker.made_vfs.values():
            named = any(spec.address is not None and spec.address.names(made.address) for spec in wish.specs)
            if named and made.pf_in(snapshot.inventory) is None:
                device = PciDevice(made.address, "", "", "", "", "")
                told = f"{made.address} is no longer on the host: it is taken off the record"
                yield VfsDecision(Pf(device, PfState(0), 0, {}), PfState(0), made, None, (told,))

    def pf(
        self, snapshot: Snapshot, device: PciDevice, wish: VfsWish, made: MadeVfs | None, *, eswitch: bool = False
    ) -> Pf:
        """A PF as it is, with who else makes its VFs unless they are to be absent. Raises HostdevError.

        Its e-switch is asked for where the wish or the record has its mode, or `eswitch` says so.
        """
        eswitch = eswitch or wish.eswitch is not None or (made is not None and made.original.eswitch is not None)
        present = self._pfs.state(device.address, eswitch=eswitch)
        theirs = {vf: names for vf, names in self._theirs(snapshot, device) if names}
        pf = Pf(device, present, device.total_vfs, theirs)
        if wish.absent:
            return pf
        others = self._host.vf_makers(device)
        max_vfs = self._host.tree.exists(f"/sys/module/{device.driver}/parameters/max_vfs")
        # Several are those of its VFs in an e-switch as well.
        own = device.interfaces if len(device.interfaces) == 1 else ()
        addresses = [self._host.tree.text(f"{device.path}/net/{name}/address") or "" for name in own]
        return replace(pf, makers=others.makers, unread=others.unread, max_vfs=max_vfs, addresses=addresses)

    def _theirs(self, snapshot: Snapshot, device: PciDevice) -> t.Iterator[tuple[int, set[str]]]:
        """By VF the settings that are libvirt's while a guest has it, and those that a claim has set."""
        kept = set(self._host.tree.names(KEPT_BY_LIBVIRT))
        for number, vf in enumerate(device.virtual_functions):
            names: set[str] = set()
            uses = snapshot.inventory.domain_uses.get(vf, ())
            if any(use.live and use.via == "interface" for use in uses) or any(
                f"{interface}_vf{number}" in kept for interface in device.interfaces
            ):
                names.update(_LIBVIRTS)
            holder = snapshot.tracker.holder(vf)
            if holder is not None:
                names.update(holder.holdings[vf].vf_settings)
            yield number, names

    def files(self, decisions: t.Iterable[VfsDecision], record: Record) -> list[dict[str, str]]:
        """The diff of the files that go with the VFs."""
        ends = {decision.pf.address: (decision.before, decision.after) for decision in decisions}
        made = self._ended(record.tracker.made_vfs, ends)
        return files_diff(self._host.tree, made.values())

    def carry_out(self, decisions: t.Sequence[VfsDecision], record: Record) -> list[str]:
        """Do all, or nothing; returns warnings.

        Raises HostdevError after what was done is undone, as far as that can be.
        """
        changing = [decision for decision in decisions if decision.changed]
        told: list[str] = []
        if not changing:
            # Somebody may have removed the files meanwhile, or edited them.
            keep_off(self._host.tree, self._ended(record.tracker.made_vfs, {}).values())
            return told
        record.vfs_journal = [
            VfsJournal(one.pf.address, record.boot_id, one.way_back, one.before, one.after) for one in changing
        ]
        begins = any(decision.changes for decision in changing)
        if begins:
            self._file.write(record)
        begun: list[VfsDecision] = []
        try:
            if begins:
                coming = [one.after for one in changing if one.after is not None]
                keep_off(self._host.tree, [*record.tracker.made_vfs.values(), *coming])
            for decision in changing:
                begun.append(decision)
                if decision.changes:
                    told.extend(self._drive(decision, record))
            self._close(record, {one.pf.address: (one.before, one.after) for one in changing})
        except HostdevError as error:
            raise self._undo(begun, record, error) from error
        return told

    def _drive(self, decision: VfsDecision, record: Record) -> list[str]:
        """Do it; returns what is to be said of VFs that got no interface. Raises HostdevError."""
        pf = decision.pf.address
        left = self._pfs.drive(pf, decision.target, decision.administered, lambda: self._ask(pf, record))
        if not left:
            return []
        device = read_device(self._host.tree, pf)
        vfs = () if device is None else device.virtual_functions
        without = [
            WithoutInterface(pf, vf, None if vf >= len(vfs) else read_device(self._host.tree, vfs[vf])) for vf in left
        ]
        refuse_asked(without, decision.mtu_asked)
        return [one.warning(again=decision.after is not None) for one in without]

    def _ask(self, pf: str, record: Record) -> None:
        """Ask again who uses the VFs, right before they are removed. Raises HostdevError."""
        device = read_device(self._host.tree, pf)
        if device is not None:
            inventory = self._host.inventory_of([pf, *device.virtual_functions])
            check_idle(Snapshot(inventory, record.tracker), device, "by now")

    def _undo(self, begun: t.Sequence[VfsDecision], record: Record, error: HostdevError) -> HostdevError:
        """Lead all back to what it was; the error comes back with what could not be, which stays in the journal."""
        failed: dict[str, HostdevError] = {}
        kept: dict[str, Ends] = {}
        for decision in reversed(begun):
            pf = decision.pf.address
            if error.code == "vfs_hang" and error.subject == pf:
                # What hangs goes on once it is let: the record has what it was before all that, for a way back.
                kept[pf] = (decision.before, decision.after or decision.before)
                continue
            undone = self._lead_back(pf, decision.way_back, record)
            if undone is not None:
                failed[pf] = undone
        try:
            self._close(record, kept, left=failed)
        except HostdevError as record_error:
            failed["record"] = record_error
        if not failed:
            return error
        told = " ".join(undone.message for undone in failed.values())
        return error.but(
            found=f"{error.found}; undoing it failed as well: {told}",
            remedy=f"{error.remedy}; then run the task again, which goes on with the undo",
        )

    def _lead_back(self, pf: str, was: PfState, record: Record) -> HostdevError | None:
        try:
            known = {vf: dict.fromkeys(settings) for vf, settings in was.vfs.items()}
            self._pfs.drive(pf, was, known, lambda: self._ask(pf, record))
        except HostdevError as error:
            return error
        return None

    def _close(self, record: Record, ends: t.Mapping[str, Ends], *, left: t.Collection[str] = ()) -> None:
        """Write what is on record of each PF in the end. Raises HostdevError with the record as it was."""
        tracker = record.tracker
        was = tracker.made_vfs, record.vfs_journal, record.pools
        tracker.made_vfs = self._ended(tracker.made_vfs, ends)
        record.vfs_journal = [entry for entry in record.vfs_journal if entry.address in left]
        # As where a claim is closed: what can't be counted is no reason to undo what is done.
        with contextlib.suppress(HostdevError):
            record.pools = self._pools(tracker)
        try:
            self._file.write(record)
        except HostdevError:
            tracker.made_vfs, record.vfs_journal, record.pools = was
            raise
        with contextlib.suppress(HostdevError):  # they could be written before, and do no harm
            keep_off(self._host.tree, tracker.made_vfs.values())

    def _ended(self, made_vfs: t.Mapping[str, MadeVfs], ends: t.Mapping[str, Ends]) -> dict[str, MadeVfs]:
        """The entries in the end. Cards may have changed places: none takes the entry of another that moved on.

        Nor that of one which is gone, and whose address it has.
        """
        ended = {before.address for before, _after in ends.values() if before is not None}
        kept = {address: made for address, made in made_vfs.items() if address not in ended}
        gone = [address for address in kept if address in self._now and self._now[address] is None]
        there = [
            replace(made, address=self._now.get(address) or address)
            for address, made in kept.items()
            if address not in gone
        ]
        after = [after for _before, after in ends.values() if after is not None]
        found = {made.address: made for made in [*there, *after]}
        for address in gone:
            free = nowhere(address, found) if address in found else address
            found[free] = replace(kept[address], address=free)
        return found

    def recover(self, record: Record, boot_id: str) -> list[str]:
        """Undo what an interrupted run began, and say so. VFs that somebody uses by now stay, and are on record."""
        told = []
        ends: dict[str, Ends] = {}
        for journal in reversed(record.vfs_journal):
            pf = journal.address
            if boot_id != journal.boot_id:
                told.append(f"a change of the VFs of {pf} was interrupted; the host was rebooted since")
                continue
            made, device = journal.after or journal.before, read_device(self._host.tree, pf)
            if device is None or (made is not None and not made.may_be(device)):
                told.append(f"a change of the VFs of {pf} was interrupted, and that card is not there any more")
                continue
            error = self._lead_back(pf, journal.was, record)
            if error is None:
                told.append(f"undid an interrupted change of the VFs of {pf}")
            else:
                ends[pf] = (journal.before, journal.after or journal.before)
                told.append(f"an interrupted change of the VFs of {pf} is left as it is: {error.message}")
        self._close(record, ends)
        return told


def note(decisions: t.Iterable[VfsDecision], files: t.Sequence[dict[str, str]], outcome: Outcome) -> None:
    """Add decisions, and the diff of files, to what came of a run."""
    outcome.diff.extend(files)
    outcome.kept_off.extend(files)
    for decision in decisions:
        outcome.vfs.append(decision)
        outcome.warnings.extend(decision.warnings)
        if decision.changes:
            outcome.diff.append(vfs_diff(decision.pf.address, decision.changes))
