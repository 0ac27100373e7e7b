# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts module's work, up to where it is known which Python it goes on with."""

from __future__ import annotations

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
    record = _read_record(module, file, system.tree)
    gathered, warnings = gather(system, libvirt, reason, record, wish, begun)
    for warning in warnings:
        module.warn(one_line(warning))
    if "host" in gathered:
        gathered["host"]["gathered_at"] = begun
    from .._model.report.words import gathered_told

    return {"changed": False, "msg": gathered_told(gathered), "ansible_facts": {"hostdev": gathered}}


def _read_record(module: AnsibleModule, file: RecordReader, tree: Tree) -> Record:
    """The record; one that can't be read is a warning here, so that facts still show the host.

    For a tenant it is an error: what is its own is then not known. A tenant is told no owner, which may be another's.
    """
    tenant = module.params["tenant"]
    named = tenant is None
    if not named:
        from .._model.requests.limits.labels import EVERY_TENANT

        named = tenant == EVERY_TENANT
    mode = file.executable()
    if mode is not None:
        module.warn(
            f"{file.path} is executable (mode {mode}), so that fact gathering runs it and fails; the next claim or "
            "release makes it 0644"
        )
    try:
        record = file.read(machine_id(tree))
    except HostdevError as error:
        if tenant is None:
            module.warn(error.message)
            return Record()
        if named or error.code != "record_unreadable":
            raise
        raise error.but(found="it can't be understood") from None  # what is wrong with a claim may name its owner
    unfinished = [f"change of the VFs of {journal.address}" for journal in record.vfs_journal]
    if record.journal is not None:
        unfinished.append(f"{record.journal.operation} of {record.journal.owner if named else 'a device'}")
    for what in unfinished:
        from .._host.record.lock_holder import lock_holder
        from .._host.record.lock_path import LOCK

        holder = None if module.params["recording"] is not None else lock_holder(tree.local(LOCK))
        if holder is not None:
            by = f" ({holder})" if named else ""
            module.warn(one_line(f"a {what} is under way{by}: devices may change while they are looked at"))
        else:
            module.warn(one_line(f"an interrupted {what} is on record; the next claim or release settles it"))
    return record


def _parse(data: bytes) -> Record:
    from .._model.record.reading import read_record

    return read_record(data, _unfinished_run)


def _unfinished_run() -> type[UnfinishedRun]:
    from .._model.claims.unfinished import UnfinishedRun

    return UnfinishedRun
