# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The message that tells a host's state: what is so now, however often it was said, never what has just happened."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from ..claims.tracker import Tracker
    from ..host.host_facts import HostFacts
    from .seen import Seen
    from .settings import EventSettings

FORM = 1
"""The number of the message's form, which is another one where a key changes what it means or goes."""

_MOST = 200
_LISTS = ("drift", "set_aside", "lost", "new", "overdue")


@dataclass(frozen=True)
class State:
    """What was read of a host. `trouble` says why the record could not be read, `libvirt_reason` why libvirt could not.

    `changing` is whether a run is at work on the host, so that differences may be gone when it has ended. `drift` is as
    `report.drift.drift` has it.
    """

    host: HostFacts
    tracker: Tracker
    drift: t.Sequence[t.Mapping[str, t.Any]]
    seen: Seen
    now: str
    changing: bool = False
    trouble: str = ""
    libvirt_reason: str = ""


def message(state: State, settings: EventSettings) -> dict[str, t.Any]:
    """What is posted, small enough for any receiver: at most 200 entries of a list, and how many there are."""
    aside = [entry for entry in state.drift if entry["code"] == "set_aside"]
    lists: dict[str, list[t.Any]] = {
        "drift": [entry for entry in state.drift if entry["code"] != "set_aside"],
        "set_aside": aside,
        "lost": state.seen.lost(),
        "new": state.seen.new(state.now),
        "overdue": _overdue(state.tracker, state.now),
    }
    return {
        "kvm_hostdev": FORM,
        "host": settings.host,
        "sent_by": "unit",
        "sent_at": state.now,
        "every": settings.every,
        "silent": False,
        "changing": state.changing,
        "differs": bool(state.drift),
        "trouble": state.trouble,
        "boot_id": state.host.boot_id,
        "kernel": state.host.kernel_release,
        "iommu": state.host.iommu,
        "libvirt": not state.libvirt_reason,
        "libvirt_reason": state.libvirt_reason,
        **{name: lists[name][:_MOST] for name in _LISTS},
        "counts": {name: len(lists[name]) for name in _LISTS},
    }


def _overdue(tracker: Tracker, now: str) -> list[dict[str, t.Any]]:
    """Claims whose time is up, with the addresses and names of what they still hold."""
    due = [(claim.owner, claim.overdue(now)) for claim in tracker]
    return [{"owner": owner.as_dict(), "devices": list(names)} for owner, names in due if names]
