# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Once libvirt runs: definitions follow devices that have moved, and domains start that had to wait for them."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..._model.persistence.wanted import persistent_claims
from ..change.flow import Flow
from ..change.outcome import Failure
from ..libvirt.changes import DomainChanges
from ..reading.host_facts import machine_id, read_host
from ..record.record_file import RecordFile
from ..sysfs import Tree
from .host import restored_host
from .journal import note, tell
from .rules_followed import have_rules_follow
from .standing_record import StandingRecord

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Claim
    from ..change.host import ChangingHost

_URI = "qemu:///system"


def domains(facts: str) -> int:
    """Do it, tell what could not be done, and return 1 then."""
    tree = Tree()
    file = RecordFile(facts)
    try:
        claims = persistent_claims(StandingRecord(facts).read(machine_id(tree)).tracker)
        if not any(claim.owner.kind == "domain" for claim in claims):
            return 0
        work = Domains(restored_host(tree, _connect()), file)
        work.run()
    except HostdevError as error:
        tell([Failure(file.path, None, error)], (), ())
        return 1
    tell(work.failed, work.warnings, work.done)
    note(tree, read_host(tree).boot_id, work.failed)
    return 1 if work.failed else 0


def _connect() -> DomainChanges:
    """Libvirt. Raises HostdevError."""
    try:
        import libvirt
    except ImportError as error:
        raise _no_libvirt(f"its Python binding is missing ({error})", "install python3-libvirt") from error
    libvirt.registerErrorHandler(lambda _context, _error: None, None)

    def reopen() -> t.Any:
        return libvirt.open(_URI)

    try:
        return DomainChanges(reopen(), libvirt.libvirtError, reopen=reopen)
    except libvirt.libvirtError as error:
        raise _no_libvirt(str(error), "see whether libvirtd or virtqemud runs") from error


def _no_libvirt(found: str, remedy: str) -> HostdevError:
    return HostdevError("no_libvirt", subject=f"libvirt at {_URI}", found=found, wanted="a connection", remedy=remedy)


class Domains:
    """The work with libvirt; `done`, `warnings` and `failed` tell what came of it."""

    def __init__(self, host: ChangingHost, file: RecordFile) -> None:
        self._host = host
        self._file = file
        self.done: list[str] = []
        self.warnings: list[str] = []
        self.failed: list[Failure] = []

    def run(self) -> None:
        """Raises HostdevError where the record can't be read, or libvirt does not answer."""
        outcome = Flow(self._host, self._file, check_mode=False).reconcile(persistent=True)
        self.warnings, self.failed = outcome.warnings, outcome.failed
        self.done.extend(f"{was} is at {now} now" for was, now in outcome.moved.items())
        self.done.extend(str(step) for plan in outcome.plans for step in plan.steps)
        tracker = self._file.read(machine_id(self._host.tree)).tracker
        stale = have_rules_follow(self._host.tree, tracker) if outcome.moved else None
        self.warnings.extend([] if stale is None else [stale])
        for claim in persistent_claims(tracker):
            whole = all(failure.owner is None or failure.owner.key != claim.owner.key for failure in self.failed)
            if claim.owner.kind == "domain" and whole:
                self._start(claim)

    def _start(self, claim: Claim) -> None:
        """Start a domain that libvirt should have started with the host, and could not without its device."""
        libvirt = self._host.domains
        try:
            if libvirt is not None and libvirt.start_as_the_host_did(claim.owner.id):
                self.done.append(f"started {claim.owner}")
        except HostdevError as error:
            self.failed.append(Failure(next(iter(claim.holdings), ""), claim.owner, error))
