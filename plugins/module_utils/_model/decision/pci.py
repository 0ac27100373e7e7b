# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""PCI functions as a kind of devices, see kinds.Kind. The rules of a plan are imported where something differs."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..address import address_order
from ..claims.cards.identity import as_claimed, held_device, may_be_another
from ..errors import few, of_all
from ..plan.glance import at_rest
from ..plan.plan import CLAIM, Change, Steps
from ..selection.nearness import affinity_warnings, policy_warnings

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..guest.domain import Domain
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from ..plan.plan import Plan
    from ..requests.wish import ReleaseWish
    from ..selection.choice import Asked
    from ..snapshot import Snapshot


class PciFunctions:
    """PCI functions: what is chosen and given back by IOMMU group, bound, and attached."""

    def held(self, claim: Claim) -> t.Mapping[str, Holding]:
        return claim.holdings

    def select(self, snapshot: Snapshot, asked: Asked, after: Claim) -> Claim:
        from ..selection.select import select

        chosen = select(snapshot, asked)
        if any(request.guest.network is not None for request in chosen.requests.values()):
            from .networks import check_networks

            check_networks(snapshot.inventory, chosen)
        taken = replace(after, requests=chosen.requests, holdings=chosen.holdings)
        known = after.holdings
        if all(a in known and known[a].stood_before == held.stood_before for a, held in chosen.holdings.items()):
            return taken
        from ..plan.domain.leaving import with_what_stood

        return with_what_stood(after, taken, snapshot.domain_of(asked.owner))

    def warnings_of_choice(self, snapshot: Snapshot, asked: Asked, change: Change) -> list[str]:
        domain, devices = snapshot.domain_of(asked.owner), snapshot.inventory.devices
        new = [devices[address] for address in change.after.holdings if address not in change.before.holdings]
        return [
            *_idle(snapshot, asked),
            *_no_mates(snapshot.inventory, asked, change.after),
            *policy_warnings(asked.wish.requests, asked.guest, asked.owner),
            *affinity_warnings(new, asked.guest),
            *(_machine_warnings(domain, new) if asked.places and new else ()),
        ]

    def keep(self, snapshot: Snapshot, wish: ReleaseWish, before: Claim, after: Claim) -> Claim:
        from ..selection.give_back import give_back

        kept = give_back(snapshot.inventory, before, names=wish.names, addresses=wish.addresses)
        return replace(after, requests={**after.requests, **kept.requests}, holdings=kept.holdings)

    def steps(self, snapshot: Snapshot, change: Change) -> Steps:
        if at_rest(snapshot, change):
            return Steps((), ())
        from ..plan.planner import function_steps

        return function_steps(snapshot, change)

    def warnings_of_claim(self, snapshot: Snapshot, plan: Plan) -> list[str]:
        domain, devices = snapshot.domain_of(plan.after.owner), snapshot.inventory.devices
        still = at_rest(snapshot, Change(CLAIM, plan.before, plan.after)) and not plan.steps
        late = [] if domain is None or still else _late(snapshot, domain, plan)
        new = [address for address in plan.after.holdings if address not in plan.before.holdings]
        keep = [address for address in new if address in devices and devices[address].reset_methods == ()]
        told = "no reset method: {} what one guest left in {} for the next"
        no_reset = of_all(keep, f"has {told.format('it keeps', 'it')}", f"have {told.format('they keep', 'them')}")
        return [*late, *_unmended(snapshot, domain, plan), *no_reset]

    def warnings_of_release(self, snapshot: Snapshot, wish: ReleaseWish, plan: Plan) -> list[str]:
        from ..plan.domain.leaving import stays_in_guest
        from ..plan.planner import used_where_it_is

        before, after, owner = plan.before.holdings, plan.after.holdings, plan.before.owner
        gone = [
            address
            for address, held in before.items()
            if address not in after and held_device(snapshot.inventory, held) is None
        ]
        used = [
            f"{address} stays with {device.driver}: the host uses it ({_uses(snapshot.inventory, address)})"
            for address in before.keys() - after.keys()
            if (device := held_device(snapshot.inventory, before[address])) is not None
            and used_where_it_is(snapshot.inventory, device)
            and device.binding != before[address].original
        ]
        domain = snapshot.domain_of(owner)
        stay = [address for address in before if address not in after and stays_in_guest(domain, plan.before, address)]
        members = [address for address in wish.addresses if address in after and before[address].request is None]
        mates = [
            address for address, held in after.items() if held.request is None and before[address].request is not None
        ]
        where, came = f"in the running domain {owner.label} and bound: the domain had", "only came along with"
        return [
            *of_all(
                gone,
                f"is only taken from the record: the device of {owner} is no longer there",
                f"are only taken from the record: the devices of {owner} are no longer there",
            ),
            *sorted(used),
            *of_all(stay, f"stays {where} it before it was claimed", f"stay {where} them before they were claimed"),
            *of_all(
                members,
                f"{came} its IOMMU group: release the devices that are in it for a request",
                f"{came} their IOMMU groups: release the devices that are in them for a request",
            ),
            *of_all(
                mates,
                f"stays bound as a group member: a mate in its IOMMU group stays with {owner}",
                f"stay bound as group members: a mate in the IOMMU group of each stays with {owner}",
            ),
        ]


def _uses(inventory: Inventory, address: str) -> str:
    from ..guards.function import use_blockers

    reasons = use_blockers(address, inventory.host_uses.get(address, ()))
    return "; ".join(f"{reason.code}: {reason.detail}" for reason in reasons)


def _machine_warnings(domain: Domain | None, new: t.Sequence[PciDevice]) -> list[str]:
    from ..guest.machine import machine_warnings

    return machine_warnings(domain, new)


def _unmended(snapshot: Snapshot, domain: Domain | None, plan: Plan) -> t.Iterator[str]:
    """What facts would show as drift, and no claim mends."""
    inventory, owner = snapshot.inventory, plan.after.owner
    for address in plan.after.holdings:
        device = inventory.devices.get(address)
        if device is not None and not device.responding:
            yield f"{address} does not answer: its config space reads all ones"
        elif device is not None and snapshot.restarted and may_be_another(device, plan.after.holdings[address]):
            yield (
                f"{address} was bound to {device.driver} before its serial could be read since the host started: if "
                "the machine was opened, see that it is still the same device (release it, then claim it again)"
            )
        for use in inventory.domain_uses.get(address, ()):
            if use.live and use.uuid != owner.id:
                yield f"{address} is held by {owner}, and domain {use.domain} is running with it"
    layouts = () if domain is None else (domain.config, domain.live)
    named = {address: None for layout in layouts if layout is not None for address in layout.assigned}
    for address in named:
        known = snapshot.tracker.holder(address) is not None or address in snapshot.tracker.set_aside
        if address not in plan.after.holdings and not known:
            yield f"{address} is with {owner}, and not on record: claim it by its address, or take it out of the domain"
    for aside in snapshot.tracker.set_aside.values():
        if aside.owner.key == owner.key:
            yield f"{aside.address}, which was claimed for {owner}, is {aside.told()}"


def _late(snapshot: Snapshot, domain: Domain, plan: Plan) -> list[str]:
    """Warnings of what a domain that runs gets at its next start only."""
    from ..plan.domain.attaching import waiting
    from ..plan.domain.root_ports import ports_waiting

    return [*waiting(snapshot.inventory, domain, plan.after), *ports_waiting(domain, plan)]


def _no_mates(inventory: Inventory, asked: Asked, claim: Claim) -> list[str]:
    """A warning of consent to devices that are in no IOMMU group of what is held."""
    held = inventory.devices.keys() & claim.holdings.keys()
    mates = {mate.address for address in held for mate in inventory.group_mates(address)}
    others = sorted(asked.wish.terms.members - mates - claim.holdings.keys(), key=address_order)
    return [f"group_members: {few(others)} is no group mate of what is claimed, and stays as it is"] if others else []


def _idle(snapshot: Snapshot, asked: Asked) -> list[str]:
    """A warning of entries of the allow list that count for nothing; a held device counts as what it was."""
    held = {address: holding for claim in snapshot.tracker for address, holding in claim.holdings.items()}
    inventory = snapshot.inventory
    devices = (as_claimed(device, held.get(address)) for address, device in inventory.devices.items())
    idle = asked.wish.allow_list.resolved(inventory, held).idle(devices)
    return [few(idle, separator="; ")] if idle else []
