# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift of VFs that this collection made: what the PF has now against what is on record."""

from __future__ import annotations

import typing as t

from .differences import difference

if t.TYPE_CHECKING:
    from ..claims.made_vfs import MadeVfs
    from ..snapshot import Snapshot
    from .differences import Difference


def vfs_drift(snapshot: Snapshot) -> list[Difference]:
    """One difference at most for each PF on record."""
    return [entry for made in snapshot.tracker.made_vfs.values() for entry in _of(snapshot, made)]


def _of(snapshot: Snapshot, made: MadeVfs) -> t.Iterator[Difference]:
    address = made.pf_in(snapshot.inventory)
    if address is None:
        yield difference("removed", made.address, None, "the physical function whose VFs were made is gone")
        return
    if address != made.address:
        yield difference("moved", made.address, None, f"the physical function is at {address} now")
    number, wanted = snapshot.inventory.devices[address].num_vfs, made.wanted.number
    if number != wanted:
        again = f"run kvm.hostdev.pci_sriov for {address} again"
        yield difference("vfs_differ", address, None, f"it has {number} VFs, {wanted} were made: {again}")
