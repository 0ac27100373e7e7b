# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running guest has of devices that nobody holds for it any more, once a plan was finished or undone late.

A domain that was shut off as the plan was made may have been started since, from the definition of then: libvirt has
given it the devices, and bound them. The plan knows nothing of that.
"""

from __future__ import annotations

import typing as t

from ...address import address_order
from ...claims.cards.identity import identity_mismatch
from ...guest.domain import LIVE
from ..plan import RELEASE, Change
from ..steps import DriverStep, HostdevStep

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding
    from ...guest.domain import Domain
    from ..kinds.host_now import HostNow
    from ..steps import Step


def unheld_steps(before: Claim, after: Claim, now: HostNow) -> t.Iterator[Step]:
    """The steps that take from the owner's guest what it has of devices that serve no request of it in `after`.

    What it had before it was claimed stays. Each step is made when the one before it is done: libvirt may have given
    the device back to the host by itself. Raises HostdevError where libvirt does not answer.
    """
    requested = {address for address, held in after.holdings.items() if held.request is not None}
    left = [
        held
        for address, held in sorted(before.holdings.items(), key=lambda entry: address_order(entry[0]))
        if held.request is not None and address not in requested and LIVE not in held.stood_before
    ]
    nodes = before.node_devices.keys() - after.node_devices.keys()
    if before.owner.kind != "domain" or not now.has_libvirt or not (left or nodes):
        return
    domain = next((domain for domain in now.domains() if domain.uuid == before.owner.id), None)
    if domain is None or domain.live is None:
        return
    if nodes:
        yield from _nodes(domain, Change(RELEASE, before, after), now)
    for held in left:
        assigned = domain.live.assigned.get(held.address)
        if assigned is not None:
            yield HostdevStep(held.address, domain.name, domain.uuid, LIVE, assigned.xml, None)
            if held.address not in after.holdings:
                yield from _to_the_host(held, now)


def _to_the_host(held: Holding, now: HostNow) -> t.Iterator[Step]:
    device = now.function(held.address)
    if device is None or identity_mismatch(device, held) is not None or held.adopted:
        return
    if device.binding != held.original:
        yield DriverStep(held.address, device.binding, held.original)


def _nodes(domain: Domain, change: Change, now: HostNow) -> list[Step]:
    from .usb_scsi import nodes_leaving

    return [step for step in nodes_leaving(now.nodes(), domain, change) if step.place == LIVE]
