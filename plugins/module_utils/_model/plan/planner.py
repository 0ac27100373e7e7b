# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a claim as it is and as it shall be to the steps between, given what the host and the domain look like now."""

from __future__ import annotations

import typing as t

from ..address import address_order
from ..claims.cards.identity import held_device
from ..errors import HostdevError
from ..guest.domain import LIVE
from ..host.device import NO_DRIVER, Binding, host_driven
from .domain.attaching import entering
from .domain.leaving import leaving, stays_in_guest
from .domain.root_ports import check_slots, root_ports_step
from .plan import CLAIM, Steps
from .steps import DriverStep, HostdevStep, Step
from .vf_settings import check_up, settings_steps

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Holding
    from ..guest.domain import Domain
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from ..snapshot import Snapshot
    from .plan import Change


def function_steps(snapshot: Snapshot, change: Change) -> Steps:
    """The steps of PCI functions: leave the domain; then bind, set VFs up, enter the domain (definition, then live),
    go back to the host.

    Only what differs from the present state becomes a step, so that a second run has none and a drifted host is
    mended by a claim; a release takes nothing from the host. Devices enter the places that their holdings name and
    are taken out of both, but for what stood there before the claim. A device that is gone, or in whose place there is
    another, is not touched. Raises HostdevError when the running domain has no place for a device.
    """
    inventory, before, after = snapshot.inventory, change.before, change.after
    domain = snapshot.domain_of(after.owner)
    leave: list[HostdevStep] = []
    back: list[HostdevStep] = []
    if domain is not None:
        requested, stay = _requested(before), _requested(after)
        leave, back = leaving(domain, before, requested - stay)
    staying = [
        after.holdings[address]
        for address in sorted(after.holdings, key=address_order)
        if held_device(inventory, after.holdings[address]) is not None
    ]
    steps: list[Step] = list(_binding(snapshot, after, staying)) if change.operation == CLAIM else []
    steps.extend(settings_steps(before, after, snapshot.vf_states))
    if domain is not None:
        enter = entering(inventory, domain, change, staying, [*leave, *back])
        check_up(enter, snapshot.vf_states)
        check_slots(inventory, domain, [step for step in enter if step.place == LIVE], leave)
        if change.free_root_ports is not None:
            ports = root_ports_step(inventory, domain, [*leave, *back], enter, change.free_root_ports)
            steps.extend([] if ports is None else [ports])
        steps.extend([*back, *enter])
    steps.extend(_giving_back(snapshot, change, domain))
    return Steps(leave, steps)


def _binding(snapshot: Snapshot, after: Claim, staying: t.Iterable[Holding]) -> t.Iterator[DriverStep]:
    for held in staying:
        device = snapshot.inventory.devices[held.address]
        driver = after.options(held.address).driver
        if not device.vfio or driver not in (None, device.driver):
            driver = driver or snapshot.vfio_driver(device)
            _check_unused(snapshot.inventory, held.address, None, f"to bind it to {driver}")
            yield DriverStep(held.address, device.binding, Binding(driver, driver))


def _giving_back(snapshot: Snapshot, change: Change, domain: Domain | None) -> t.Iterator[DriverStep]:
    inventory, before = snapshot.inventory, change.before
    for address in sorted(before.holdings, key=address_order):
        held = before.holdings[address]
        present = held_device(inventory, held)
        if address in change.after.holdings or present is None or stays_in_guest(domain, before, address):
            continue
        if used_where_it_is(inventory, present):
            yield from _unpinned(present, held)
            continue
        # What our rule kept from the host's drivers was so on behalf of a record, and is to be nobody's for good.
        to_host = change.to_host or held.original.override == NO_DRIVER
        if to_host:
            wanted = Binding(present.driver if host_driven(present) else snapshot.host_driver(present), None)
        elif held.adopted and (not present.vfio or present.driver == held.original.driver):
            # What was with a VFIO driver before is left so, but with its own where a request had named another.
            continue
        else:
            wanted = held.original
        if present.binding != wanted:
            _check_unused(inventory, address, domain, "to give it back to the host's driver")
            yield DriverStep(address, present.binding, wanted, to_host)


def _unpinned(present: PciDevice, held: Holding) -> t.Iterator[DriverStep]:
    """Leave the driver as it is, without the override that we set."""
    wanted = Binding(present.driver, held.original.override)
    if present.binding != wanted and not held.adopted:
        yield DriverStep(held.address, present.binding, wanted)


def used_where_it_is(inventory: Inventory, device: PciDevice) -> bool:
    """Whether the host uses a function by a driver that it gave it itself, say after a reboot: it is back already."""
    return host_driven(device) and bool(inventory.host_uses.get(device.address))


def _check_unused(inventory: Inventory, address: str, domain: Domain | None, purpose: str) -> None:
    """Refuse to take a device from under its user: the unbind would wait in the kernel until the user lets go."""
    users = [
        f"domain {use.domain} ({use.uuid}) is running with it"
        for use in inventory.domain_uses.get(address, ())
        if use.live and (domain is None or use.uuid != domain.uuid)
    ]
    users += [use.detail for use in inventory.host_uses.get(address, ()) if use.code == "held_by_process"]
    if users:
        raise HostdevError(
            "device_in_use",
            subject=address,
            found="; ".join(dict.fromkeys(users)),
            wanted=f"a device that nothing uses any more, {purpose}",
            remedy="detach it there or end the process, then run the task again",
        )


def _requested(claim: Claim) -> set[str]:
    return {address for address, held in claim.holdings.items() if held.request is not None}
