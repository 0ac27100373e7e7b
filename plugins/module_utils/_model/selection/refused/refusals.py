# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a device that fits a request is not to be had, and what a user is told when too few are."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...claims.cards.identity import waiting_device
from ...claims.settled import aside_device
from ...errors import HostdevError
from ...guards.group import blockers
from ...guards.record import OnRecord, record_blockers
from ...guards.registry import GUARDS, STAYS
from ...guards.request import request_blockers
from ...host.device import TYPE_PF, TYPE_VDPA
from ..group_closure import consent_to, group_members
from ..making_vfs import more_vfs
from ..nearness import too_far
from .remedies import RELEASE, NextStep, Refusal, acceptance, advice, blocked, listed

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...requests.request import Request
    from ..choice import Selection

_OWN_GROUP = "or put the card into a slot with a group of its own"
_UNASKED = {TYPE_PF: "is a PF", TYPE_VDPA: "carries a vDPA device"}


def refusal(chosen: Selection, device: PciDevice) -> Refusal | None:
    """Why a device that fits is not to be had: with whom it is, or what blocks it. Consent is asked for later."""
    taken = _taken_by(chosen, device)
    if taken is not None:
        return taken
    reasons = blockers(chosen.inventory, device.address, chosen.consent)
    if all(reason.code == "group_incomplete" for reason in reasons):
        return None
    mates = group_members(chosen.inventory, {*chosen.serving, device.address})
    return blocked(reasons, NextStep(device.address, f"{consent_to(mates)}, {_OWN_GROUP}"))


def _taken_by(chosen: Selection, device: PciDevice) -> Refusal | None:
    """Whom the device is with already, as far as that keeps it from a request of this owner."""
    address = device.address
    holder = chosen.tracker.holder(address)
    if holder is not None and holder.owner.key != chosen.owner.key:
        return Refusal(f"held by {holder.owner}", [NextStep(address, f"release it from {holder.owner} with {RELEASE}")])
    waiting = waiting_device(chosen.tracker, device)
    if waiting is not None:
        clean = f"once it is clean, say so with `cleaned: true` of {RELEASE}"
        return Refusal(
            f"needs_cleaning: {waiting.owner} had it last, and it is for one-time use", [NextStep(address, clean)]
        )
    aside = aside_device(chosen.inventory, chosen.tracker, address)
    if aside is not None:
        reasons = record_blockers(device, OnRecord(aside=aside))
        return blocked(reasons)
    if address in chosen.moved:
        return Refusal(f"moved: {chosen.moved[address]}", [NextStep(address, GUARDS["moved"].remedy)])
    if address in chosen.serving:
        name = chosen.serving[address]
        if name not in chosen.tracker.claim_of(chosen.owner).requests:
            step = NextStep(address, "take one of the two requests out, or let it ask for another device")
            return Refusal(f"request {name} of this task takes it", [step])
        return Refusal(f"serves request {name} of the same owner", [NextStep(address, f"release request {name} first")])
    return _relative_taken(chosen, device)


def _relative_taken(chosen: Selection, device: PciDevice) -> Refusal | None:
    """Whom the device's PF, or one of its VFs, is with."""
    for relative in [device.physical_function, *device.virtual_functions]:
        if relative is None:
            continue
        other = chosen.tracker.holder(relative)
        if other is not None or relative in chosen.serving:
            kind = "PF" if relative == device.physical_function else "VF"
            whose = str(other.owner) if other else "the same owner"
            release = NextStep(relative, f"release it from {whose} with {RELEASE}")
            return Refusal(f"its {kind} {relative} is held by {whose}", [release])
    if device.total_vfs <= device.num_vfs:
        return None
    from ...claims.unmade_vf import unmade_vfs

    unmade = unmade_vfs(chosen.inventory, chosen.tracker).get(device.address)
    if unmade is None:
        return None
    return Refusal(str(unmade), [NextStep(unmade.address, f"release it from {unmade.owner} with {RELEASE}")])


def not_enough(chosen: Selection, request: Request, missing: int, taken: t.Collection[str]) -> HostdevError:
    """The error when of the devices still missing only those taken could be had."""
    refused = _all_refused(chosen, request, taken)
    details = {
        "blockers": [reason.as_dict() for refusal in refused.values() for reason in refusal.blockers],
        "refused": {address: refusal.text for address, refusal in refused.items()},
    }
    if request.address is not None:
        return _blocked_address(chosen, request, request.address, refused, details)
    steps = [step for refusal in refused.values() for step in refusal.steps if step.remedy != STAYS]
    some = missing - len(taken) < request.count
    none = "no other one fits" if taken else "none fits"
    from .nearly import nearly_fitting
    from .places import unknown_places

    astray = unknown_places(chosen.inventory, request.specs)
    nearly = nearly_fitting(chosen, request)
    remedies = [
        *(["name one that is there, by pcie_root or pcie_switches in the facts"] if astray else []),
        *advice(steps),
        more_vfs(chosen, request, missing - len(taken), lambda device: too_far(chosen.guest, request, device) is None),
        ("ask for less, or " if some else "") + "widen the request's specs or the device_spec",
        acceptance(refused.values()),
    ]
    return HostdevError(
        "not_enough_devices",
        subject=f"request {request.name}",
        found="; ".join([f"{len(taken)} free of {missing} still wanted; {listed(refused) or none}", *astray, *nearly]),
        wanted=request.describe(),
        remedy="; or ".join(filter(None, remedies)),
        details=details,
    )


def _blocked_address(
    chosen: Selection,
    request: Request,
    address: str,
    refused: t.Mapping[str, Refusal],
    details: dict[str, t.Any],
) -> HostdevError:
    """The error when the one device that is asked for is not to be had."""
    why = refused.get(address)
    if why is None:
        outside = request_blockers(chosen.inventory.devices[address], chosen.allow_list)
        details["blockers"] = [reason.as_dict() for reason in outside]
        steps = [NextStep(reason.address, reason.remedy) for reason in outside]
        why = Refusal("; ".join(f"{reason.code}: {reason.detail}" for reason in outside), steps, outside)
    remedies = [*advice(why.steps, subject=address)]
    if not any("ask for another device" in remedy for remedy in remedies):
        remedies.append("ask for another device")
    remedies.append(acceptance([why]))
    return HostdevError(
        "device_blocked",
        subject=f"{address}, asked for by request {request.name}",
        found=why.text,
        wanted="a device that nothing keeps with the host and that is free",
        remedy="; or ".join(filter(None, remedies)),
        details=details,
    )


def check_rebind(chosen: Selection, address: str) -> None:
    """A held device that went back to the host, say by a reboot, may be in use there again: look before it is taken."""
    consent = replace(chosen.consent, whole_group=True)
    reasons = blockers(chosen.inventory, address, consent)
    if reasons:
        why = blocked(reasons)
        raise HostdevError(
            "device_blocked",
            subject=address,
            found=why.text,
            wanted="a device that nothing keeps with the host",
            remedy="; or ".join([*advice(why.steps, subject=address), f"release it with {RELEASE}"]),
            details={"blockers": [reason.as_dict() for reason in reasons]},
        )


def _all_refused(chosen: Selection, request: Request, taken: t.Collection[str]) -> dict[str, Refusal]:
    """Why each device that fits the request, but those taken, is not to be had; last those that it does not ask for."""
    refused: dict[str, Refusal] = {}
    unasked: dict[str, Refusal] = {}
    for address, device in chosen.inventory.devices.items():
        if address in taken:
            continue
        if not request.wants(device, chosen.allow_list):
            missed = _unasked(chosen, request, device)
            if missed is not None:
                unasked[address] = missed
            continue
        why = refusal(chosen, device)
        far = too_far(chosen.guest, request, device) if why is None else None
        if far is not None:
            why = Refusal(far, [NextStep(address, "set the request's `numa_policy` to preferred")])
        if why is not None:
            refused[address] = why
    return {**refused, **unasked}


def _unasked(chosen: Selection, request: Request, device: PciDevice) -> Refusal | None:
    """Why a device that a spec fits is none of the request's: it is only taken when it is asked for, see asks_for."""
    tags = chosen.allow_list.tags_of(device)
    if tags is None or not any(
        spec.matches(device) and spec.demands(tags, device.device_type) for spec in request.specs
    ):
        return None
    kind = device.device_type
    text, key = "is managed by a SmartNIC", "remote_managed: true"
    if kind in _UNASKED and all(spec.device_type != kind for spec in request.specs):
        text, key = _UNASKED[kind], f"device_type: {kind}"
    add = NextStep(device.address, f"add `{key}` to the request's spec")
    also = refusal(chosen, device)
    text = f"it fits but {text}, which is only taken when it is asked for"
    return Refusal(text, [add]) if also is None else Refusal(f"{text}; {also.text}", [add, *also.steps])
