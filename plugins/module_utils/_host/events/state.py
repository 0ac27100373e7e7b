# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what a host is to tell: its differences from the record, and which devices are new or gone. Changes nothing.

The file of devices that were seen is the one that `remember` writes, and only where devices have come or gone.
"""

from __future__ import annotations

import json
import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.events.message import State
from ..._model.events.paths import SEEN
from ..._model.events.seen import look, read_seen
from ..._model.record.record import Record
from ..._model.report.drift import drift
from ..._model.snapshot import Snapshot
from ..boot.own_files import OwnFiles
from ..reading.host_facts import machine_id
from ..reading.restore_note import read_not_restored
from ..reading.usb_scsi import read_usb_and_scsi
from ..record.lock_holder import lock_holder
from ..record.lock_path import LOCK
from ..record.record_file import RecordFile
from ..system import System

if t.TYPE_CHECKING:
    from ..._model.events.seen import Seen
    from ..libvirt.domains import Domains
    from ..sysfs import Tree

_MOST = 1 << 22


def read_state(tree: Tree, facts: str, domains: Domains | None, libvirt_reason: str, now: str) -> State:
    """The host as it is at `now` (UTC). `facts` is the folder of the record, `domains` None where libvirt is not there.

    Raises HostdevError where libvirt does not answer.
    """
    record, trouble = _record(tree, facts)
    defined = None if domains is None else domains.all()
    inventory = System(tree).inventory(defined or ())
    nodes = read_usb_and_scsi(tree) if any(claim.node_devices for claim in record.tracker) else {}
    snapshot = Snapshot(
        inventory,
        record.tracker,
        None if defined is None else tuple(defined),
        nodes=nodes,
        not_restored=read_not_restored(tree, inventory.host.boot_id),
    )
    return State(
        inventory.host,
        record.tracker,
        [] if trouble else drift(snapshot),
        look(_seen(tree), snapshot.inventory.devices.values(), now),
        now,
        changing=lock_holder(tree.local(LOCK)) is not None,
        trouble=trouble,
        libvirt_reason=libvirt_reason,
    )


def clock() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _record(tree: Tree, facts: str) -> tuple[Record, str]:
    """The record, or an empty one and why it can't be read: that is told, and is no reason to tell nothing."""
    try:
        return RecordFile(tree.local(facts)).read(machine_id(tree)), ""
    except HostdevError as error:
        return Record(), error.message


def remember(tree: Tree, seen: Seen) -> HostdevError | None:
    """Have it in the file of devices that were seen. Returns why it is not: no reason to tell nothing of the host."""
    if seen == _seen(tree):
        return None
    try:
        OwnFiles(tree).write(SEEN, json.dumps(seen.as_dict(), indent=1).encode(), told=False)
    except OSError as error:
        return HostdevError(
            "not_posted",
            subject=SEEN,
            found=error.strerror or str(error),
            wanted="a file that root can write, to know new devices by; all else was posted",
            remedy="free space or make it writable; the timer tries again",
        )
    return None


def _seen(tree: Tree) -> Seen | None:
    """The devices that were there the last time; None of a file that is damaged, which is begun anew."""
    data = tree.data(SEEN, _MOST)
    try:
        return None if data is None else read_seen(json.loads(data))
    except (ValueError, RecursionError):
        return None
