# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking free devices for what requests lack."""

from __future__ import annotations

import contextlib
import typing as t

from ..availability.states import DeviceStates, TransitionError
from ..errors import HostdevError
from .group_closure import group_members
from .matching import claim_some
from .refused.refusals import not_enough, refusal

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.uses import DomainUse
    from ..requests.request import Request
    from .choice import Selection
    from .refused.remedies import Refusal


def take(chosen: Selection, requests: t.Iterable[Request], missing: t.Mapping[str, int]) -> None:
    """Let each request be served by as many devices more as it is missing. Raises HostdevError where there are none.

    Those that name their device come first: no other device would do.
    """
    states = _states(chosen)
    for request in sorted(requests, key=lambda request: request.address is None):
        if missing[request.name] > 0:
            for address in _take(chosen, states, request, missing[request.name]):
                chosen.serving[address] = request.name


def _states(chosen: Selection) -> DeviceStates:
    """The states of all permitted devices, with what others hold, and what this owner keeps."""
    states = DeviceStates(chosen.allow_list, chosen.inventory.devices.values())
    held = [(address, claim.owner.key) for claim in chosen.tracker for address in claim.holdings]
    others = [(address, key) for address, key in held if key != chosen.owner.key]
    for address, key in [*others, *((address, chosen.owner.key) for address in chosen.serving)]:
        device = chosen.inventory.devices.get(address)
        if device is not None:
            # A PF and its VF on record together are both refused all the same, see _taken_by.
            with contextlib.suppress(TransitionError):
                states.adopt(device, key)
    return states


def _take(chosen: Selection, states: DeviceStates, request: Request, missing: int) -> list[str]:
    """Claim free devices for what the request still lacks."""
    if request.address is not None and request.address not in chosen.inventory.devices:
        from .making_vfs import unmade_at

        vfs = unmade_at(chosen, request.address)
        raise HostdevError(
            "no_such_device",
            subject=f"{request.address}, asked for by request {request.name}",
            found="there is no such PCI function on this host",
            wanted="the address of one that is",
            remedy=(f"if it is a VF that is not made, {vfs}; else " if vfs else "")
            + "see the addresses with kvm.hostdev.pci_facts; after a move of cards ask by specs instead",
        )
    refused: dict[str, Refusal] = {}
    taken: list[str] = []
    # A device that the owner's domain has already comes first, one without group mates before others.
    for worst in _RANKS if _has_any(chosen) else _RANKS[1:]:

        def admits(device: PciDevice, _request: Request, worst: int = worst) -> bool:
            if device.address in refused or _rank(chosen, device.address) > worst:
                return False
            why = refusal(chosen, device)
            if why is not None:
                refused[device.address] = why
            return why is None

        taken += claim_some(states, chosen.owner.key, request, missing - len(taken), chosen.guest, admits)
    if len(taken) < missing:
        raise not_enough(chosen, request, missing, taken)
    return taken


_RANKS = (0, 1, 2)


def _has_any(chosen: Selection) -> bool:
    """Whether the owner's domain has any device at all: else nothing is of the first rank, and none is looked at."""
    uuid = chosen.consent.owner_uuid
    return any(_has(uuid, uses) for uses in chosen.inventory.domain_uses.values())


def _has(uuid: str | None, uses: t.Iterable[DomainUse]) -> bool:
    return any(use.uuid == uuid and use.has_function for use in uses)


def _rank(chosen: Selection, address: str) -> int:
    uuid = chosen.consent.owner_uuid
    if _has(uuid, chosen.inventory.domain_uses.get(address, ())):
        return 0
    return 1 if set(group_members(chosen.inventory, {address})) <= chosen.serving.keys() | chosen.held else 2
