# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving a PF back as it was before we came."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...sriov.state import PfState
from .decision import VfsDecision, set_already
from .in_use import check_made_again, check_unused, uses_of_vfs
from .interfaces import mtu_left

if t.TYPE_CHECKING:
    from ...claims.made_vfs import MadeVfs
    from ...snapshot import Snapshot
    from ...sriov.wish import VfsWish
    from .decision import Pf


def given_back(snapshot: Snapshot, wish: VfsWish, pf: Pf, made: MadeVfs | None) -> VfsDecision:
    """All as it was before we came; VFs of others stay, and those that are gone since stay gone."""
    present = pf.present
    if made is None:
        there = f"{pf.address} has {present.number} VFs that this collection did not make: they are left as they are"
        return VfsDecision(pf, PfState(present.number), None, None, (there,) if present.number else ())
    check_made_again(snapshot, pf.device, made, 0)
    original, told = _can_be_put_back(pf, made)
    if original.up is False and present.up and snapshot.inventory.host_uses.get(pf.address):
        original = replace(original, up=None)
        told.append(f"{pf.address} was down, and stays up: the host uses it by now")
    if present.number != made.wanted.number:
        told.append(f"{pf.address} has {present.number} VFs by now, not the {made.wanted.number} that were made")
        if uses_of_vfs(snapshot, pf.device):
            told.append(f"VFs of {pf.address} are in use: its interface stays as it is")
            original = replace(original, up=None, mtu=None, eswitch=None)
        target = replace(original, number=present.number, vfs={})
        check_unused(snapshot, pf, target, wish)
        return VfsDecision(pf, target, made, None, tuple(told))
    if original.number == present.number:
        # What we never set is not put back.
        names = {vf: list(settings) for vf, settings in made.wanted.vfs.items()}
    else:
        names = {vf: [*set_already(original, None, vf), "mac", "spoof_check"] for vf in range(original.number)}
    vfs = {vf: {name: value for name, value in original.vfs.get(vf, {}).items() if name in names[vf]} for vf in names}
    target = replace(original, vfs={vf: settings for vf, settings in vfs.items() if settings})
    target, without = mtu_left(snapshot, pf, target)
    check_unused(snapshot, pf, target, wish)
    return VfsDecision(pf, target, made, None, (*told, *(one.warning(again=False) for one in without)))


def _can_be_put_back(pf: Pf, made: MadeVfs) -> tuple[PfState, list[str]]:
    """What there was, without what we never changed, and what the PF has none of now."""
    original, told = made.original, []
    if made.wanted.mtu is None:
        original = replace(original, mtu=None)
    if pf.present.up is None and original.up is not None:
        told.append(f"{pf.address} has no network interface on the host: nothing of that is put back")
    missing = {name: None for name in ("autoprobe", "up", "mtu", "eswitch") if getattr(pf.present, name) is None}
    return replace(original, **t.cast("dict[str, t.Any]", missing)), told
