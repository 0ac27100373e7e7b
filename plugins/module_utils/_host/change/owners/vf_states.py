# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What PFs have of the VFs of several owners, who are decided on together before anything is done."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...._model.decision.vfs.concerned import vfs_concerned

if t.TYPE_CHECKING:
    from ...._model.host.vf_state import VfState
    from ...._model.plan.plan import Change
    from ...._model.snapshot import Snapshot
    from ..host import ChangingHost


class VfStates:
    """Reads as with_vf_states does, and asks no PF again for what it told.

    A PF tells of all of its VFs at once, and some drivers ask their firmware for each.
    """

    def __init__(self, host: ChangingHost) -> None:
        self._host = host
        self._told: dict[str, VfState] = {}

    def __call__(self, snapshot: Snapshot, change: Change) -> Snapshot:
        """The snapshot with what a change is about. Raises HostdevError where a PF can't tell."""
        addresses = vfs_concerned(change)
        if not addresses or self._host.vf_settings is None:
            return snapshot
        asked = [address for address in addresses if address not in self._told]
        self._told.update(self._host.vf_settings.states(snapshot.inventory, asked))
        states = {address: self._told[address] for address in addresses if address in self._told}
        return replace(snapshot, vf_states=states)
