# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as it will be once a plan is carried out, so that what comes after it is decided before anything is done."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..guest.domain import PLACES
from ..guest.domain_uses import uses_by_address
from ..host.device import named_vfio
from ..plan.domain.leaving import layout_after
from ..plan.steps import DriverStep, of_kind

if t.TYPE_CHECKING:
    from ..guest.domain import Domain
    from ..plan.plan import Plan
    from ..snapshot import Snapshot


def foretold(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """The snapshot once the plan is done, but for what others choose, and what the host uses by then."""
    tracker = snapshot.tracker.copy()
    tracker.put(plan.after)
    bound = {step.address: step.after for step in of_kind(plan.steps, DriverStep)}
    devices = {}
    for address in bound.keys() | plan.before.holdings.keys():
        device, held = snapshot.inventory.devices.get(address), plan.before.holdings.get(address)
        if device is not None and held is not None:
            # What only its own driver tells is known of it.
            device = device._replace(serial=device.serial or held.identity.get("serial"))
        if device is not None and address in bound:
            driver, override = bound[address].driver, bound[address].override
            device = device._replace(driver=driver, driver_override=override, vfio=named_vfio(driver or ""))
        if device is not None:
            devices[address] = device
    before = snapshot.domain_of(plan.after.owner)
    domain = None if before is None else _after(before, plan)
    if domain is before:
        inventory = snapshot.inventory.with_changes(devices, {}) if devices else snapshot.inventory
        return replace(snapshot, inventory=inventory, tracker=tracker)
    uses, known = uses_by_address([t.cast("Domain", domain)]), snapshot.inventory.domain_uses
    now = {
        step.address: [
            *(use for use in known.get(step.address, ()) if use.uuid != plan.after.owner.id),
            *uses.get(step.address, ()),
        ]
        for step in plan.steps
        if step.address is not None
    }
    domains = tuple(t.cast("Domain", domain) if other is before else other for other in snapshot.domains or ())
    return replace(
        snapshot,
        inventory=snapshot.inventory.with_changes(devices, now),
        domains=domains,
        named=domain if snapshot.named is before else snapshot.named,
        tracker=tracker,
    )


def _after(domain: Domain, plan: Plan) -> Domain:
    """The domain with what the plan's steps make of its two XMLs; itself where they touch none."""
    places = {step.place for step in plan.steps}
    if places.isdisjoint(PLACES):
        return domain
    config, live = (
        None if (layout := domain.layout(place)) is None else layout_after(layout, plan.steps, place)
        for place in PLACES
    )
    return replace(domain, config=config, live=live)
