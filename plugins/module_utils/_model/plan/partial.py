# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan whose guest does not let a device go: the device leaves the definition alone and stays held."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.claim import Claim
from ..errors import HostdevError
from ..guest.domain import LIVE
from .plan import Plan
from .steps import HostdevStep, NodeStep

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..host.inventory import Inventory
    from .plan import Plan
    from .steps import Step


def left_with_guest(plan: Plan, step: Step, inventory: Inventory) -> Plan:
    """The plan without this step of it, which takes a device from the running guest, and what it was for.

    Steps before it are done and stay; of those after it the device's own return to the host goes, its driver and what
    its PF has set for it, and that of its IOMMU group mates, which would take the whole group from the guest. The owner
    goes on holding the device for its request, attached live only, so that a later release gives back the rest.
    """
    index, after = plan.steps.index(step), _LEFT[step.kind](plan, step.address or "", inventory)
    staying = after.holdings.keys() - plan.after.holdings.keys()
    rest = [other for other in plan.steps[index + 1 :] if other.domain is not None or other.address not in staying]
    return replace(plan, steps=(*plan.steps[:index], *rest), after=after)


def _function_left(plan: Plan, address: str, inventory: Inventory) -> Claim:
    """What the owner holds then, with the mates in the IOMMU group, which stay bound."""
    before, after = plan.before, plan.after
    holdings = dict(after.holdings)
    holdings[address] = replace(before.holdings[address], attach=(LIVE,))
    for mate in inventory.group_mates(address) if address in inventory.devices else ():
        if mate.address in before.holdings and mate.address not in holdings:
            holdings[mate.address] = replace(before.holdings[mate.address], request=None, attach=())
    name = before.holdings[address].request or ""
    requests = dict(after.requests)
    if name in before.requests and (name not in requests or plan.operation == "release"):
        serving = sum(1 for held in holdings.values() if held.request == name)
        requests[name] = before.requests[name].with_count(serving)
    return replace(after, requests=requests, holdings=holdings)


def _node_left(plan: Plan, name: str, _inventory: Inventory) -> Claim:
    """Likewise of a USB or SCSI device that a release takes out: nothing else hangs on it."""
    held = replace(plan.before.node_devices[name], attach=(LIVE,))
    nodes = dict(sorted({**plan.after.node_devices, held.name: held}.items()))
    requests = {**plan.after.requests, held.request: plan.before.requests[held.request]}
    return replace(plan.after, requests=requests, node_devices=nodes)


_LEFT: t.Mapping[str, t.Callable[[Plan, str, Inventory], Claim]] = {
    HostdevStep.kind: _function_left,
    NodeStep.kind: _node_left,
}


def without_devices(claim: Claim, addresses: t.Collection[str]) -> Claim:
    """The claim without these devices, and without the requests that none of its devices serves any more."""
    nodes = {name: held for name, held in claim.node_devices.items() if name not in addresses}
    gone = [held for address, held in claim.holdings.items() if address in addresses]
    if not gone and len(nodes) == len(claim.node_devices):
        return claim
    holdings = {address: held for address, held in claim.holdings.items() if address not in addresses}
    requests = dict(claim.requests)
    for name in claim.node_devices.keys() - nodes.keys():
        requests.pop(claim.node_devices[name].request, None)
    for name in {held.request for held in gone if held.request is not None}:
        serving = sum(1 for held in holdings.values() if held.request == name)
        if serving:
            requests[name] = requests[name].with_count(serving)
        else:
            del requests[name]
    return replace(claim, requests=requests, holdings=holdings, node_devices=nodes)


def plan_without(plan: Plan, addresses: t.Collection[str]) -> Plan:
    """The plan without all that is about these devices."""
    return replace(
        plan,
        steps=tuple(step for step in plan.steps if step.address not in addresses),
        before=without_devices(plan.before, addresses),
        after=without_devices(plan.after, addresses),
    )


def with_left(later: Plan, planned: Plan, done: Plan) -> Plan:
    """A later plan of the same run, given what an eased one left with its owner beside what was planned.

    Raises HostdevError where the later one is to take such a device.
    """
    functions = done.after.holdings.keys() - planned.after.holdings.keys()
    nodes = done.after.node_devices.keys() - planned.after.node_devices.keys()
    wanted = [name for name in (*functions, *nodes) if name in {**later.after.holdings, **later.after.node_devices}]
    if wanted:
        raise HostdevError(
            "device_in_use",
            subject=wanted[0],
            found=f"the guest of {done.after.owner} did not let it go",
            wanted=f"to give it to {later.after.owner}",
            remedy="shut that guest down, or set on_detach_timeout to force, then run the task again",
        )
    if later.after.owner.key != done.after.owner.key or not (functions or nodes):
        return later
    left = done.after
    held = {**{name: left.holdings[name] for name in functions}, **later.after.holdings}
    node_devices = {**{name: left.node_devices[name] for name in nodes}, **later.after.node_devices}
    named = {one.request for one in held.values()} | {one.request for one in node_devices.values()}
    requests = {**{name: one for name, one in left.requests.items() if name in named}, **later.after.requests}
    after = replace(later.after, requests=requests, holdings=held, node_devices=node_devices)
    return replace(later, before=left, after=after)
