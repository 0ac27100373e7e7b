# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvirt's question before a domain starts: whether its devices are those that it has on record.

It must not ask libvirt, which waits for the answer (https://libvirt.org/hooks.html).
"""

from __future__ import annotations

import sys
import typing as t
import xml.etree.ElementTree as ET

from ..._model.claims.cards.found_again import described, is_it, is_nowhere
from ..._model.errors import HostdevError, one_line
from ..._model.guards.again import check_unused
from ..._model.guest.domain import parse_layout
from ..._model.host.device import host_driven
from ..._model.persistence.hook import REFUSED
from ..change.host import ChangingHost
from ..reading.host_facts import machine_id
from ..reading.pci.functions import read_identified
from ..sysfs import Tree
from .standing_record import StandingRecord

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Claim, Holding, Owner
    from ..._model.claims.tracker import Tracker


def hook(facts: str, words: t.Sequence[str], xml: str) -> int:
    """The exit status: REFUSED has libvirt's hook refuse the start, and the log has why.

    Only a start is ever refused: of a daemon that is started again a running guest would die.
    """
    if list(words[1:3]) != ["prepare", "begin"]:
        return 0
    tree = Tree()
    try:
        tracker = StandingRecord(facts).read(machine_id(tree)).tracker
    except HostdevError as error:
        # The record may have any of them for somebody else, or another card at the address.
        given = list(_assigned(xml))
        if given:
            sys.stderr.write(
                f"kvm.hostdev: {words[0]} is not started with {', '.join(given)}: {one_line(error.message)}\n"
            )
        return REFUSED if given else 0
    refusals = list(why_not(tree, tracker, xml))
    for reason in refusals:
        sys.stderr.write(f"kvm.hostdev: {words[0]} is not started: {one_line(reason)}\n")
    return REFUSED if refusals else 0


def _assigned(xml: str) -> t.Iterable[str]:
    try:
        return parse_layout(xml).assigned
    except ET.ParseError:
        return ()


def why_not(tree: Tree, tracker: Tracker, xml: str) -> t.Iterator[str]:
    """Why the domain of this XML may not start; what is not on record is no matter of ours."""
    try:
        layout = parse_layout(xml)
    except ET.ParseError:
        return
    uuid = (layout.root.findtext("uuid") or "").strip().lower()
    own = [held for claim in tracker if claim.owner.id == uuid for held in claim.holdings.values()]
    moved = {held.moved_from: held for held in own if held.moved_from is not None}
    others = {
        held.moved_from: (claim.owner, held) for claim in tracker for held in claim.holdings.values() if held.moved_from
    }
    for address in layout.assigned:
        holder = tracker.holder(address)
        if address in moved:
            yield _moved(moved[address])
        elif holder is None and address in others:
            yield _moved_of(*others[address])
        elif holder is not None and holder.owner.kind == "domain" and holder.owner.id != uuid:
            yield (
                f"{address} is held by {holder.owner}: release it there first, or with orphans: true where that domain "
                "exists no more"
            )
        elif holder is not None:
            yield from _why_not(tree, holder, holder.holdings[address])


def _moved(held: Holding) -> str:
    if is_nowhere(held.address):
        return f"its device {held.moved_from} ({described(held.identity)}) is not on the host"
    return (
        f"its device at {held.moved_from} is at {held.address} now, and its definition has not followed: "
        "kvm-hostdev-domains.service does that, or kvm.hostdev.reconcile"
    )


def _moved_of(owner: Owner, held: Holding) -> str:
    """Of a definition that has another one's device by hand, so that nothing has it follow."""
    at = "is not on the host" if is_nowhere(held.address) else f"is at {held.address} now"
    return (
        f"its definition has {held.moved_from}, where the device of {owner} was, which {at}: change the address there "
        "(virsh edit), or claim what is at the one that it has"
    )


def _why_not(tree: Tree, claim: Claim, held: Holding) -> t.Iterator[str]:
    address = held.address
    device = read_identified(tree, address)
    claimed = described(held.identity)
    # Of a free owner a definition has it by hand.
    free = claim.owner.kind == "name"
    if device is None:
        yield f"{f'the device of {claim.owner}' if free else 'its device'} {address} ({claimed}) is not on the host"
    elif not is_it(device, held):
        yield (
            f"at {address} there is another device, {described(device.identity)}, and not the one that "
            f"{claim.owner if free else 'it'} has on record, {claimed}"
        )
    elif host_driven(device):
        try:
            check_unused(ChangingHost(tree).inventory_of([address], ask_libvirt=False), address)
        except HostdevError as error:
            # What was accepted of it when it was claimed is so at each start.
            if any(
                found["override"] is None or found["code"] not in claim.allow for found in error.details["blockers"]
            ):
                yield error.message
