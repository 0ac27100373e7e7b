# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What steps that are undone or finished late ask of the host: what they were for may be gone by then."""

from __future__ import annotations

import typing as t

from ...claims.cards.identity import identity_mismatch
from ...guest.domain import LIVE

if t.TYPE_CHECKING:
    from ...claims.claim import Holding, Owner
    from ...claims.usb_scsi import NodeHolding
    from ...guest.domain import Domain
    from ...host.device import PciDevice
    from ...host.nodes.node_device import NodeDevice


class HostNow(t.Protocol):
    """The host as it is now, read when it is asked for, and what the plan's owner holds or held of it."""

    @property
    def owner(self) -> Owner: ...

    @property
    def holdings(self) -> t.Mapping[str, Holding]: ...

    @property
    def node_holdings(self) -> t.Mapping[str, NodeHolding]: ...

    @property
    def has_libvirt(self) -> bool:
        """Whether there is a libvirt to be asked."""

    def function(self, address: str) -> PciDevice | None:
        """A PCI function, None when it is not on the host."""

    def nodes(self) -> t.Mapping[str, NodeDevice]:
        """The USB and SCSI devices."""

    def domains(self) -> t.Sequence[Domain]:
        """All domains, none without libvirt. Raises HostdevError where libvirt does not answer."""


def function_missing(now: HostNow, address: str) -> str | None:
    """Why the function that was held at an address is not there, None when it is."""
    device = now.function(address)
    if device is None:
        return f"{address} is no longer on the host"
    held = now.holdings.get(address)
    mismatch = None if held is None else identity_mismatch(device, held)
    return None if mismatch is None else f"another device is at {address} now ({mismatch})"


def place_missing(now: HostNow, uuid: str, name: str, place: str) -> str | None:
    """Why nothing can enter a place of a domain any more, None when it can."""
    domain = next((domain for domain in now.domains() if domain.uuid == uuid), None)
    if domain is None:
        return f"domain {name} is gone"
    if domain.layout(place) is None:
        return f"domain {name} " + ("does not run" if place == LIVE else "has no definition")
    return None
