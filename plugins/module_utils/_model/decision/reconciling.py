# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot to what brings the host back to the record: nothing is chosen, and nothing new is taken."""

from __future__ import annotations

import typing as t

from ..claims.by_hand import without_places
from ..claims.cards.found_again import Finder, described, is_nowhere
from ..errors import HostdevError, few
from ..host.device import NO_DRIVER, Binding
from ..plan.domain.following import followed_claim, following
from ..plan.plan import CLAIM, Change, Plan
from ..plan.steps import DriverStep
from ..requests.specs.device_spec import parse_device_specs
from ..sriov.wish import VfsWish
from .kinds import make_plan

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..claims.made_vfs import MadeVfs
    from ..guest.domain import Domain
    from ..host.device import PciDevice
    from ..snapshot import Snapshot


def vfs_wish(made: MadeVfs, address: str) -> VfsWish:
    """What is on record of a PF, as a wish; the PF is at `address` now."""
    wanted = made.wanted
    return VfsWish(
        parse_device_specs([{"address": address}], "specs"),
        f"address {address}",
        number=wanted.number,
        vfs=wanted.vfs,
        autoprobe=bool(wanted.autoprobe),
        mtu=wanted.mtu,
        eswitch=wanted.eswitch,
        allow=made.allow,
        persist=made.persist,
    )


def followed_plan(snapshot: Snapshot, claim: Claim) -> Plan | None:
    """The plan by which the definition of the owner's domain follows devices that have moved; None without any.

    It takes no device, so that no device's trouble is in its way. Of a free owner it forgets the former places that no
    definition names any more.
    """
    domain = snapshot.domain_of(claim.owner)
    if all(held.moved_from is None for held in claim.holdings.values()):
        return None
    if claim.owner.kind == "name" and snapshot.domains is not None:
        told = without_places(claim, defined_functions(snapshot.domains))
        return None if told == claim else Plan(CLAIM, (), claim, told, claim.allow)
    if domain is None:
        return None
    finder = Finder(snapshot.inventory)
    there = {address for address, held in claim.holdings.items() if finder.at_home(held)}
    after = followed_claim(claim, there)
    return None if after == claim else Plan(CLAIM, tuple(following(domain, claim, there)), claim, after, claim.allow)


def defined_functions(domains: t.Iterable[Domain]) -> frozenset[str]:
    """The addresses of the host's functions that any definition has."""
    return frozenset(address for one in domains if one.config is not None for address in one.config.assigned)


def places_by_hand(snapshot: Snapshot) -> t.Iterator[str]:
    """What is to be said of definitions that have by hand the place where a free owner's device was."""
    free = [claim for claim in snapshot.tracker if claim.owner.kind == "name"]
    moved = [(claim.owner, held) for claim in free for held in claim.holdings.values() if held.moved_from is not None]
    for owner, held in moved:
        now = "gone" if is_nowhere(held.address) else f"at {held.address} now"
        for domain in snapshot.domains or ():
            if domain.config is not None and held.moved_from in domain.config.assigned:
                yield (
                    f"the definition of domain {domain.name} has {held.moved_from}, where the device of {owner} was, "
                    f"which is {now}: change the address there (virsh edit)"
                )


def reconciled(snapshot: Snapshot, claim: Claim, vf_states: t.Callable[[Snapshot, Change], Snapshot]) -> Plan:
    """The plan that brings one owner's devices, and its domain, back to what is on record. Raises HostdevError.

    `vf_states` gives the snapshot with what PFs have of the VFs that a change is about. A device that is not there is
    left out: see missing.
    """
    change = Change(CLAIM, claim, claim, allow=claim.allow)
    return make_plan(vf_states(snapshot, change), change)


def missing(finder: Finder, claim: Claim) -> dict[str, HostdevError]:
    """By its address on record, why a held device can't be brought back: it is gone, or there is another one."""
    return {
        address: _missing(finder, claim, held) for address, held in claim.holdings.items() if not finder.at_home(held)
    }


def _missing(finder: Finder, claim: Claim, held: Holding) -> HostdevError:
    stranger, elsewhere = finder.device(held.address), finder.address_of(held)
    remedy = f"put it back, or release {held.address} and claim another one"
    if elsewhere is not None:
        found = f"the device is at {elsewhere} now, and an interrupted run that is on record had it here"
        remedy = "run the playbook kvm.hostdev.reconcile, which settles that run first"
    elif stranger is None:
        found = "there is no such device on the host"
    else:
        found = f"there is another device by now: {described(stranger.identity)}"
    return HostdevError(
        "not_restored",
        subject=held.address,
        found=found,
        wanted=f"{described(held.identity)}, which {claim.owner} holds",
        remedy=remedy,
    )


def parted(snapshot: Snapshot) -> t.Iterator[tuple[str, Claim, HostdevError]]:
    """The constraints on record that devices do not meet any more: a device of each, whose it is, and the error.

    Nothing is chosen here, so that nothing mends them.
    """
    if not any(claim.constraints for claim in snapshot.tracker):
        return
    from ..relations.held import HeldTogether

    held = HeldTogether(snapshot.inventory, snapshot.tracker)
    for claim in snapshot.tracker:
        for constraint, addresses in held.broken(claim):
            error = HostdevError(
                "constraint_unmet",
                subject=f"{few(addresses)}, held by {claim.owner}",
                found="they are where they do not meet a constraint on record, since cards were moved, say",
                wanted=held.shown(claim, constraint).describe(),
                remedy="put the cards back, or claim the requests again with on_mismatch: replace",
            )
            yield addresses[0], claim, error


def no_pf(made: MadeVfs, stranger: PciDevice | None) -> HostdevError:
    """That a PF whose VFs are on record is gone; `stranger` is one of its model that has come to its address."""
    found = "the physical function whose VFs were made is not on the host"
    if stranger is not None:
        found += f", and at its address there is one of its model in another place: {described(stranger.identity)}"
    return HostdevError(
        "not_restored",
        subject=made.address,
        found=found,
        wanted=f"the card that is on record, {described(made.identity)}",
        remedy=f"put it back, or run kvm.hostdev.pci_sriov with address: {made.address} and state: absent",
    )


def held_back(snapshot: Snapshot) -> list[DriverStep]:
    """What lets functions go to the host's drivers that our rule kept from these, and that are on record of nobody."""
    finder = Finder(snapshot.inventory)
    held = {finder.address_of(one) for claim in snapshot.tracker for one in claim.holdings.values()}
    return [
        DriverStep(address, device.binding, Binding(snapshot.host_driver(device), None), by_kernel=True)
        for address, device in snapshot.inventory.devices.items()
        if device.driver_override == NO_DRIVER and device.driver is None and address not in held
    ]
