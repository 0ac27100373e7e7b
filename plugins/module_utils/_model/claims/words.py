# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an owner holds, in words: `gpu = 0000:3b:00.0, 0000:3c:00.0 (10de:20b2)`."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..address import address_order
from ..errors import few

if t.TYPE_CHECKING:
    from .claim import Claim, Holding, Owner
    from .usb_scsi import NodeHolding

    Held = t.Union[Holding, NodeHolding]

MOST = 4
"""How many devices are named of which the same is said."""

BESIDE = "; "
"""What stands between two things of one owner."""


def short(name: str) -> str:
    """The name as a line tells it that tells more: of one with more than 64 letters both ends.

    libvirt and inventories take names of thousands of letters. What is for programs has them whole.
    """
    return name if len(name) <= 64 else f"{name[:40]}...{name[-21:]}"


def told_apart(owners: t.Iterable[Owner]) -> dict[str, str]:
    """What a line calls each owner, by its key: its label, and where several have the same one kind and id as well."""
    each = {owner.key: owner for owner in owners}
    brief = {key: replace(owner, label=short(owner.label)) for key, owner in each.items()}
    labels = [owner.label for owner in brief.values()]
    told = {key: str(owner) if labels.count(owner.label) > 1 else owner.label for key, owner in brief.items()}
    said = [*told.values()]  # long free names may begin and end alike
    return {key: str(each[key]) if said.count(name) > 1 else name for key, name in told.items()}


def requests_told(claim: Claim) -> list[str]:
    """Each request with the devices that serve it, then what came along."""
    held: list[Held] = [*claim.holdings.values(), *claim.node_devices.values()]
    return grouped((device, "") for device in held)


def grouped(devices: t.Iterable[tuple[Held, str]]) -> list[str]:
    """The devices of one request of which the same is said, in one text; what came along for none at the end."""
    groups: dict[tuple[bool, str, str, str], list[str]] = {}
    for held, said in devices:
        key = (held.request is None, held.request or "group member", ids_of(held), said)
        groups.setdefault(key, []).append(name_of(held))
    return [
        f"{short(request)} = {devices_told(names, ids)}{said and f', {said}'}"
        for (_mate, request, ids, said), names in sorted(groups.items(), key=lambda group: group[0][0])
    ]


def devices_told(names: t.Iterable[str], ids: str) -> str:
    """`0000:3b:00.0, 0000:3c:00.0 (10de:20b2)`, and of many how many more."""
    return f"{few(sorted(names, key=address_order), most=MOST)} ({ids})"


def name_of(held: Held) -> str:
    """A function's address, or the name that libvirt has for a USB or SCSI device."""
    name = getattr(held, "address", None)
    return short(name or t.cast("NodeHolding", held).name)


def ids_of(held: Held) -> str:
    """Both ids as lspci and lsusb print them; of a SCSI device vendor and model."""
    identity = held.identity
    if "vendor_id" in identity:
        return f"{identity['vendor_id']}:{identity['product_id']}"
    return short(" ".join(filter(None, (identity.get("vendor"), identity.get("model"))))) or "SCSI"
