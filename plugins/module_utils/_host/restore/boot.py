# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing VFs and bindings back as the host starts, before anything of it uses the devices.

There is no journal: the record says what shall be, each step is done from whatever there is, and after a power cut
the next start does the same again. A journal that an earlier run left is settled once libvirt runs.
"""

from __future__ import annotations

import contextlib
import signal
import time
import typing as t
from dataclasses import replace

from ..._model.claims.by_hand import keeping_places
from ..._model.claims.cards.found_again import Finder, followed, is_nowhere, moved_in_all
from ..._model.claims.cards.identity import pf_not_told
from ..._model.decision.reconciling import held_back, missing, no_pf, reconciled, vfs_wish
from ..._model.errors import HostdevError
from ..._model.host.device import host_driven
from ..._model.host.inventory import Inventory
from ..._model.persistence.rules import disk_places, strangers
from ..._model.persistence.wanted import persistent_claims, persistent_functions, persistent_vfs
from ..._model.snapshot import Snapshot
from ..change.outcome import Failure
from ..change.snapshot import read_snapshot, with_vf_states
from ..change.steps.asked_again import AskedAgain
from ..change.steps.executors import Executors, nothing
from ..change.vfs import VfsRun
from ..reading.definitions import kept_by_libvirt
from ..reading.host_facts import machine_id, read_host
from ..reading.pci.functions import read_devices
from ..record.lock import LOCK, locked
from ..sysfs import Tree
from .disks import settle
from .host import restored_host
from .identifying import Identifying
from .journal import note, tell
from .rules_followed import have_rules_follow
from .standing_record import StandingRecord

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Claim
    from ..._model.claims.made_vfs import MadeVfs
    from ..._model.host.device import PciDevice
    from ..._model.plan.plan import Change, Plan
    from ..._model.record.record import Record
    from ..change.host import ChangingHost

DRIVER_SECONDS = 30.0
"""How long a driver is waited for: one that loads firmware takes some, and a disk until it is ready."""

DEVICE_SECONDS = 5.0
"""How long a device is waited for that is not there: the kernel has found all long before."""

_PAUSE = 0.1
# While udev renames the PF's interface nobody finds it by either name; and somebody else may be making VFs.
_FOR_THE_MOMENT = ("vf_setting_failed", "vfs_failed", "vfs_not_as_set", "vfs_hang")


class StoppedError(Exception):
    """Systemd ends the unit, whose time is up."""


def boot(facts: str) -> int:
    """Bring all back, tell what could not be, and return 1 then."""
    tree = Tree()
    restore = Restore(restored_host(tree), StandingRecord(facts))
    with told_when_time_is_up():
        restore.run()
    tell(restore.failed, restore.warnings, restore.done)
    note(tree, read_host(tree).boot_id, restore.failed)
    return 1 if restore.failed else 0


@contextlib.contextmanager
def told_when_time_is_up() -> t.Iterator[None]:
    """Have StoppedError raised, once, when systemd ends the unit."""

    def stopped(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is left to do is short
        raise StoppedError

    former = signal.signal(signal.SIGTERM, stopped)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


class Restore:
    """One restore; `done`, `warnings` and `failed` tell what came of it. Times are in seconds."""

    def __init__(
        self,
        host: ChangingHost,
        file: StandingRecord,
        *,
        driver_seconds: float = DRIVER_SECONDS,
        device_seconds: float = DEVICE_SECONDS,
        lock_path: str = LOCK,
    ) -> None:
        self._host = host
        self._file = file
        self._driver_seconds = driver_seconds
        self._device_seconds = device_seconds
        self._lock_path = lock_path
        self._moved: dict[str, str] = {}
        self._strangers: list[str] = []
        self.done: list[str] = []
        self.warnings: list[str] = []
        self.failed: list[Failure] = []

    def run(self) -> None:
        """Never raises: a record that can't be read is a failure like any other, and nothing is bound."""
        tree = self._host.tree
        try:
            with locked(tree.local(self._lock_path), seconds=60, doing="restore at boot"):
                record = self._file.read(machine_id(tree))
                places = disk_places(record.tracker)
                # A PF may be where the record still has a device that is elsewhere by now.
                self._follow(record, self._inventory())
                try:
                    self._make_vfs(record)
                    self._bind(record)
                finally:
                    snapshot = read_snapshot(self._host, record.tracker)
                    others = strangers(places, record.tracker, snapshot.inventory)
                    self._strangers = [device.path for device in others]
                    self._let_strangers_go(snapshot)
                stale = have_rules_follow(tree, record.tracker) if self._moved else None
                self.warnings.extend([] if stale is None else [stale])
        except HostdevError as error:
            self.failed.append(Failure(self._file.path, None, error))
        except StoppedError:
            self.failed.append(Failure(self._file.path, None, _out_of_time()))
        except Exception as error:  # a defect of ours, or a host unlike any we know: say so, and leave the note
            told = HostdevError("unexpected", subject=f"Unexpected {type(error).__name__}", found=str(error))
            self.failed.append(Failure(self._file.path, None, told))
        settle(tree, self._strangers)
        self._tell_of_record()
        self.done.extend(f"{was} is at {now} now" for was, now in self._moved.items() if not is_nowhere(now))

    def _tell_of_record(self) -> None:
        """What could not be written is a failure where it would be news: where devices are by now."""
        self.warnings.extend(self._file.notes)
        error = self._file.unwritten
        if error is not None and self._moved:
            self.failed.append(Failure(self._file.path, None, error))
        elif error is not None:
            self.warnings.append(error.message)

    def _inventory(self) -> Inventory:
        """The devices, without who uses them: that costs more, and is asked where it matters."""
        return Inventory(read_host(self._host.tree), read_devices(self._host.tree))

    def _make_vfs(self, record: Record) -> None:
        """Make the VFs of each PF, once its own driver has it."""
        if record.vfs_journal:
            # Of an earlier start of the host: what was begun then is gone, and what is on record comes back.
            run = VfsRun(self._host, self._file, lambda _tracker: record.pools)
            self.warnings.extend(run.recover(record, read_host(self._host.tree).boot_id))
        end = time.monotonic() + self._driver_seconds
        for made in persistent_vfs(record.tracker):
            try:
                self._make_vfs_of(made, record, end)
            except HostdevError as error:
                self.failed.append(Failure(made.address, None, error))

    def _make_vfs_of(self, made: MadeVfs, record: Record, end: float) -> None:
        while True:
            inventory = self._inventory()
            address = made.pf_in(inventory)
            device = None if address is None else inventory.devices[address]
            if device is not None and self._is_ready(made, device, end):
                break
            if time.monotonic() >= end or (device is None and self._waited_for_devices(end)):
                break
            time.sleep(_PAUSE)
        if device is None or not made.is_of(device):
            raise no_pf(made, device)
        run = VfsRun(self._host, self._file, lambda _tracker: record.pools)
        for attempt in range(3):
            try:
                snapshot = read_snapshot(self._host, record.tracker)
                decisions = run.decide(snapshot, vfs_wish(made, device.address))
                self.warnings.extend(run.carry_out(decisions, record))
                break
            except HostdevError as error:
                if attempt == 2 or error.code not in _FOR_THE_MOMENT:
                    raise
                time.sleep(1.0)
        for decision in decisions:
            self.warnings.extend(decision.warnings)
            self.done.append(f"{decision.pf.address} has {decision.target.number} VFs")

    def _is_ready(self, made: MadeVfs, device: PciDevice, end: float) -> bool:
        """Whether its driver has a PF. That is seen a moment before it shows the card's serial, as a disk is asked."""
        if not device.driver or (device.class_id.startswith("0200") and not device.interfaces):
            return False
        return self._waited_for_devices(end) or not made.is_untold(device)

    def _waited_for_devices(self, end: float) -> bool:
        return time.monotonic() >= end - self._driver_seconds + self._device_seconds

    def _bind(self, record: Record) -> None:
        inventory = self._await_devices(record)
        self._follow(record, inventory)
        identifying = Identifying(self._host, self._driver_seconds)
        held = [one for claim in persistent_claims(record.tracker) for one in claim.holdings.values()]
        identifying.identify(Finder(inventory), held)
        self.warnings.extend(identifying.warnings)
        self._follow(record, self._inventory())
        snapshot = read_snapshot(self._host, record.tracker)
        finder = Finder(snapshot.inventory)
        for claim in persistent_claims(snapshot.tracker):
            self._bring_back(snapshot, finder, claim)

    def _follow(self, record: Record, inventory: Inventory) -> None:
        """Have the record name devices by the addresses that they have now.

        An unfinished journal names those that they had: then that waits until it is settled.
        """
        there = followed(record.tracker, inventory)
        if not there.moves or record.journal is not None:
            return
        record.tracker = keeping_places(record.tracker, there, kept_by_libvirt(self._host.tree))
        self._moved = moved_in_all(self._moved, there.moves)
        self._file.write(record)

    def _await_devices(self, record: Record) -> Inventory:
        """The host once all held devices are there, or as it is when none is waited for any more.

        A function without a driver has our rule's override once udev has come to it: whoever binds it before that has
        the rule write over what was bound. A VF is told by its PF's serial, once that shows it.
        """
        end = time.monotonic() + self._device_seconds
        held = [one for claim in persistent_claims(record.tracker) for one in claim.holdings.values()]
        ruled = {one.address for one in persistent_functions(record.tracker)}
        while True:
            inventory = self._inventory()
            finder = Finder(inventory)
            found = [(one, finder.device(finder.address_of(one) or "")) for one in held]
            if time.monotonic() >= end or all(
                device is not None
                and (one.address not in ruled or device.driver or device.driver_override)
                and not pf_not_told(device, one)
                for one, device in found
            ):
                return inventory
            time.sleep(_PAUSE)

    def _bring_back(self, snapshot: Snapshot, finder: Finder, claim: Claim) -> None:
        for address, error in missing(finder, claim).items():
            self.failed.append(Failure(address, claim.owner, error))
        there = {address: held for address, held in claim.holdings.items() if finder.at_home(held)}
        try:
            plans = [self._plan(snapshot, replace(claim, holdings=there))]
        except HostdevError:
            plans = []
        singly = [] if plans else [replace(claim, holdings={address: held}) for address, held in there.items()]
        for single in singly:
            with self._noting(next(iter(single.holdings)), claim):
                plans.append(self._plan(snapshot, single))
        for plan in plans:
            self._do(snapshot, plan, claim)
        self.done.extend(
            f"{address} is back for {claim.owner}"
            for address in there
            if address not in {failure.address for failure in self.failed}
        )

    def _plan(self, snapshot: Snapshot, claim: Claim) -> Plan:
        def states(of: Snapshot, change: Change) -> Snapshot:
            return with_vf_states(self._host, of, change)

        return reconciled(snapshot, claim, states)

    def _do(self, snapshot: Snapshot, plan: Plan, claim: Claim) -> None:
        """All steps that can be done: a device that can't be bound keeps none of the others."""
        executors = Executors(self._host, 0)
        bound = [step.address for step in plan.steps if step.changes_driver and step.address is not None]
        again = AskedAgain(plan, self._host, bound)
        refused = self._asked_of_vfs(snapshot, again, bound)
        for step in plan.steps:
            with self._noting(step.address or "", claim):
                if step.address in refused and refused[step.address] is not None:
                    raise t.cast("HostdevError", refused[step.address])
                executors.apply(step, nothing if step.address in refused else again.about(step))

    def _asked_of_vfs(
        self, snapshot: Snapshot, again: AskedAgain, bound: t.Collection[str]
    ) -> dict[str, HostdevError | None]:
        """Why VFs that a driver of the host has must not be taken from it, None where they may be.

        They were made a moment ago, and are asked about at once: who uses one costs as much as who uses all.
        """
        devices = snapshot.inventory.devices
        vfs = [address for address in bound if devices[address].physical_function and host_driven(devices[address])]
        return again.each(vfs)

    @contextlib.contextmanager
    def _noting(self, address: str, claim: Claim) -> t.Iterator[None]:
        try:
            yield
        except HostdevError as error:
            self.failed.append(Failure(address, claim.owner, error))

    def _let_strangers_go(self, snapshot: Snapshot) -> None:
        for step in held_back(snapshot):
            try:
                Executors(self._host, 0).apply(step)
                self.done.append(f"{step.address} is no device of the record, and goes to the host's drivers")
            except HostdevError as error:
                self.failed.append(Failure(step.address, None, error))


def _out_of_time() -> HostdevError:
    return HostdevError(
        "not_restored",
        subject="The restore of devices",
        found="it was stopped before it was through",
        wanted="all devices on record within the time that its unit has",
        remedy="see the journal for which device took so long, mend that, then run the playbook kvm.hostdev.reconcile",
    )
