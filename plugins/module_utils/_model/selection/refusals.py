# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a device that fits a request is not to be had, and what a user is told when too few are."""

from __future__ import annotations

import typing as t

from ..claims.identity import waiting_device
from ..errors import HostdevError
from ..guards.blocker import Blocker
from ..guards.group import blockers
from ..requests.numa_policy import numa_tier

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.request import Request
    from .choice import Selection

_SHOWN = 20


def refusal(chosen: Selection, device: PciDevice) -> list[Blocker] | str | None:
    """Why a device that fits is not to be had: with whom it is, or what blocks it. Consent is asked for later."""
    why = _taken_by(chosen, device)
    if why is not None:
        return why
    reasons = blockers(chosen.inventory, device.address, chosen.consent)
    return reasons if any(reason.code != "group_incomplete" for reason in reasons) else None


def _taken_by(chosen: Selection, device: PciDevice) -> str | None:
    """Whom the device is with already, as far as that keeps it from a request of this owner."""
    holder = chosen.tracker.holder(device.address)
    if holder is not None and holder.owner.key != chosen.owner.key:
        return f"held by {holder.owner}"
    waiting = waiting_device(chosen.tracker, device)
    if waiting is not None:
        return f"needs_cleaning: {waiting.owner} had it last, and it is for one-time use"
    if device.address in chosen.moved:
        return f"moved: {chosen.moved[device.address]}"
    if device.address in chosen.serving:
        return f"serves request {chosen.serving[device.address]} of the same owner"
    for relative in [device.physical_function, *device.virtual_functions]:
        if relative is None:
            continue
        other = chosen.tracker.holder(relative)
        if other is not None or relative in chosen.serving:
            kind = "PF" if relative == device.physical_function else "VF"
            return f"its {kind} {relative} is held by {other.owner if other else 'the same owner'}"
    return None


def not_enough(chosen: Selection, request: Request, missing: int, taken: t.Collection[str]) -> HostdevError:
    """The error when of the devices still missing only those taken could be had."""
    refused = _all_refused(chosen, request, taken)
    described = {
        address: why if isinstance(why, str) else "; ".join(f"{one.code} ({one.address}: {one.detail})" for one in why)
        for address, why in refused.items()
    }
    details = {
        "blockers": [one.as_dict() for why in refused.values() if not isinstance(why, str) for one in why],
        "refused": described,
    }
    lines = [f"{address} is refused: {why}" for address, why in list(described.items())[:_SHOWN]]
    if len(described) > _SHOWN:
        lines.append(f"and {len(described) - _SHOWN} more")
    overrides = sorted(
        {
            one.override
            for why in refused.values()
            if not isinstance(why, str) and all(reason.override for reason in why)
            for one in why
            if one.override
        }
    )
    remedy = "free one of these, or " if described else ""
    remedy += (
        "ask for less, or widen the request's specs or the device_spec"
        if request.address is None
        else ("ask for another device")
    )
    if overrides:
        remedy += "; can be accepted with " + ", ".join(overrides)
    if request.address is not None:
        if not refused:
            outside = Blocker("not_in_device_spec", request.address, "the allow list does not permit it")
            details["blockers"] = [outside.as_dict()]
        return HostdevError(
            "device_blocked",
            subject=f"{request.address}, asked for by request {request.name}",
            found=described.get(request.address, "not_in_device_spec: the allow list does not permit it"),
            wanted="a device that nothing keeps with the host and that is free",
            remedy=remedy,
            details=details,
        )
    return HostdevError(
        "not_enough_devices",
        subject=f"request {request.name}",
        found=f"{len(taken)} free of {missing} still wanted" + ("; " + ". ".join(lines) if lines else "; none fits"),
        wanted=request.describe(),
        remedy=remedy,
        details=details,
    )


def _all_refused(chosen: Selection, request: Request, taken: t.Collection[str]) -> dict[str, list[Blocker] | str]:
    """Why each device that fits the request, but those taken, is not to be had."""
    found: dict[str, list[Blocker] | str] = {}
    for address, device in chosen.inventory.devices.items():
        if address in taken or not request.wants(device, chosen.allow_list):
            continue
        why = refusal(chosen, device)
        if why is None:
            why = too_far(chosen, request, device)
        if why is not None:
            found[address] = why
    return found


def too_far(chosen: Selection, request: Request, device: PciDevice) -> str | None:
    """Why the request's NUMA policy rules the device out, None when it doesn't."""
    if request.address is not None:
        return None
    guest = chosen.guest
    if numa_tier(request.numa_policy, guest.cells, guest.sockets, device.numa_node) is not None:
        return None
    node = "no known NUMA node" if device.numa_node is None else f"NUMA node {device.numa_node}"
    cells = ", ".join(map(str, sorted(guest.cells)))
    return f"it is on {node}, the owner is bound to {cells}, and the request's numa_policy is {request.numa_policy}"
