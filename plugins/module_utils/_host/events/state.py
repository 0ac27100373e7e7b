# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what a host is to tell: its differences from the record, what is new or gone. Changes nothing."""

from __future__ import annotations

import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.events.message import State
from ..._model.events.seen import look
from ..._model.record.record import Record
from ..._model.report.drift import drift
from ..._model.snapshot import Snapshot
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

    Connected = tuple[t.Optional[Domains], str]
    """Libvirt's domains, or None and why libvirt is not there."""


def read_state(tree: Tree, facts: str, connected: Connected, before: Seen | None, now: str) -> State:
    """The host as it is at `now` (UTC). `facts` is the folder of the record, `before` what was seen the last time.

    Raises HostdevError where libvirt does not answer.
    """
    domains, libvirt_reason = connected
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
        look(before, snapshot.inventory.devices.values(), now),
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
