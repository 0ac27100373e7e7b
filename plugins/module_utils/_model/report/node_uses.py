# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which domains have a USB or SCSI device."""

from __future__ import annotations

import typing as t

from ..host.uses import DISK, DomainUse

if t.TYPE_CHECKING:
    from ..guest.domain import Domain, DomainLayout
    from ..guest.sources import DomainSources
    from ..host.nodes.node_device import NodeDevice

_Sources = t.Callable[[t.Iterable["tuple[Domain, DomainLayout | None]"]], "DomainSources"]


def node_uses(
    domains: t.Iterable[Domain], sources: _Sources, itself: NodeDevice | None, below: t.Sequence[NodeDevice]
) -> t.Iterator[DomainUse]:
    """The domains that have it by `hostdev`, or by `disk` what lies below it; `sources` tells what a domain takes."""
    for domain in domains:
        config, live = sources([(domain, domain.config)]), sources([(domain, domain.live)])
        in_config, in_live = (any(map(taken.take, below)) for taken in (config, live))
        if in_config or in_live:
            whole = itself is not None and (config.take(itself) or live.take(itself))
            via = "hostdev" if whole else DISK
            yield DomainUse(domain.name, domain.uuid, via, domain.live is not None, in_config, in_live)
