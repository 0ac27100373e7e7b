# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts module's work, up to where it is known which Python it goes on with."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from .._host.reading.host_facts import machine_id
from .._host.record.record_reader import RecordReader
from .._host.sysfs import Tree
from .._model.errors import HostdevError, one_line
from .._model.record.record import Record
from .._model.report.subset import parse_subset
from .libvirt import connect, find_binding

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from .._model.claims.unfinished import UnfinishedRun
    from .._model.decision.limits.untold import Untold

# What is known without libvirt.
_OF_SYSFS = frozenset({"claims", "iommu_groups"})


def facts(module: AnsibleModule) -> dict[str, t.Any]:
    """The facts module's work; never changes the host."""
    options = module.params
    required = options["libvirt"] == "required"
    asked = required or (options["libvirt"] == "auto" and bool(parse_subset(options["gather_subset"]) - _OF_SYSFS))
    if asked:
        find_binding(module)
    from .._host.system import System
    from .gathering import gather, parse_wish

    libvirt, reason = None, "not asked for (libvirt: none)"
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if options["recording"] is not None:
        from .rehearsal import recorded_host

        recorded = recorded_host(options["recording"], _parse)
        system, file, begun = recorded.system, recorded.record, recorded.recorded_at
        wish = parse_wish(options, begun)
        if asked:
            libvirt, reason = recorded.connect(required=required)
    else:
        wish = parse_wish(options, begun)
        system, file = System(Tree(), environ=os.environ), RecordReader(options["facts_path"], _parse)
        if asked:
            libvirt, reason = connect(options["uri"], required=required)
    with _telling(module) as (notes, untold):
        record = _read_record(module, file, system.tree, notes)
        if untold is not None:
            untold.note(record)
        gathered, warnings = gather(system, libvirt, reason, record, wish, begun)
        notes += warnings
    if "host" in gathered:
        gathered["host"]["gathered_at"] = begun
    from .._model.report.words import gathered_told

    return {"changed": False, "msg": gathered_told(gathered), "ansible_facts": {"hostdev": gathered}}


@contextlib.contextmanager
def _telling(module: AnsibleModule) -> t.Iterator[tuple[list[str], Untold | None]]:
    """Warns of the notes when the block ends, and tells an error, both as the tenant is told; None keeps no names."""
    notes: list[str] = []
    others = None
    if module.params["tenant"] is not None:
        from .._model.decision.limits.untold import untold

        others = untold(module.params["tenant"], None)
    try:
        yield notes, others
    except HostdevError as error:
        if others is None:
            raise
        raise others.error(error) from None  # with its cause a traceback would tell the names
    finally:
        for note in notes if others is None else others.warnings(notes):
            module.warn(one_line(note))


def _read_record(module: AnsibleModule, file: RecordReader, tree: Tree, notes: list[str]) -> Record:
    """The record; one that can't be read is a warning here, so that facts still show the host.

    For a tenant it is an error: what is its own is then not known.
    """
    mode = file.executable()
    if mode is not None:
        notes.append(
            f"{file.path} is executable (mode {mode}), so that fact gathering runs it and fails; the next claim or "
            "release makes it 0644"
        )
    try:
        record = file.read(machine_id(tree))
    except HostdevError as error:
        if module.params["tenant"] is not None:
            raise
        notes.append(error.message)
        return Record()
    unfinished = [f"change of the VFs of {journal.address}" for journal in record.vfs_journal]
    if record.journal is not None:
        unfinished.append(f"{record.journal.operation} of {record.journal.owner}")
    for what in unfinished:
        from .._host.record.lock_holder import lock_holder
        from .._host.record.lock_path import LOCK
        from .._model.requests.limits.labels import EVERY_TENANT

        holder = None if module.params["recording"] is not None else lock_holder(tree.local(LOCK))
        if holder is not None:
            by = f" ({holder})" if module.params["tenant"] in (None, EVERY_TENANT) else ""
            notes.append(f"a {what} is under way{by}: devices may change while they are looked at")
        else:
            notes.append(f"an interrupted {what} is on record; the next claim or release settles it")
    return record


def _parse(data: bytes) -> Record:
    from .._model.record.reading import read_record

    return read_record(data, _unfinished_run)


def _unfinished_run() -> type[UnfinishedRun]:
    from .._model.claims.unfinished import UnfinishedRun

    return UnfinishedRun
