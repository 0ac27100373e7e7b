# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a function is not free, and what to do about it."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .states import Device

_OF_GROUP = ("group_blocked", "group_incomplete")


class Reason(t.NamedTuple):
    """Why a function stays, and the step that leads on from there."""

    code: str
    detail: str
    remedy: str


def reasons(device: Device) -> tuple[Reason, ...]:
    """Its reasons, its own before those of its group; all group mates that only had to come along are one."""
    blockers = sorted(
        device.get("blockers") or (),
        key=lambda blocker: _OF_GROUP.index(blocker["code"]) if blocker["code"] in _OF_GROUP else -1,
    )
    found = dict.fromkeys(map(_reason, blockers))
    if found:
        return tuple(found)
    status = device.get("status")
    if status == "needs_cleaning":
        detail = "given back after one-time use"
        release = f"`addresses: [{device['address']}], cleaned: true`"
        remedy = f"clean it, then run `kvm.hostdev.pci_passthrough_release` with {release}"
        return (Reason(status, detail, remedy),)
    return (Reason(str(status or "not claimable"), "", ""),)


def _reason(blocker: t.Mapping[str, t.Any]) -> Reason:
    code, remedy = str(blocker["code"]), str(blocker.get("remedy") or "")
    if code == "group_incomplete":
        detail = "its IOMMU group leaves the host as a whole, see the groups below"
        return Reason(code, detail, "set `group_members: claim`; or put the card into a slot with a group of its own")
    return Reason(code, str(blocker.get("detail") or ""), remedy)
