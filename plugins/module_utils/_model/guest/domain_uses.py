# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which domains use which function."""

from __future__ import annotations

import typing as t

from ..host.uses import MEDIATED, DomainUse

if t.TYPE_CHECKING:
    from .domain import Domain, DomainLayout


def uses_by_address(
    domains: t.Iterable[Domain], mdev_parents: t.Mapping[str, str] | None = None
) -> dict[str, list[DomainUse]]:
    """Which domains refer to each function, in their definition, live or both.

    `mdev_parents` are the functions of mediated devices by their UUIDs.
    """
    uses: dict[str, list[DomainUse]] = {}
    for domain in domains:
        config, live = (_vias(layout, mdev_parents or {}) for layout in (domain.config, domain.live))
        for address, via in {**config, **live}.items():
            uses.setdefault(address, []).append(
                DomainUse(
                    domain.name, domain.uuid, via, active=domain.active, config=address in config, live=address in live
                )
            )
    return uses


def _vias(layout: DomainLayout | None, mdev_parents: t.Mapping[str, str]) -> dict[str, str]:
    """How one XML of a domain refers to functions, by address."""
    if layout is None:
        return {}
    vias = {mdev_parents[uuid]: MEDIATED for uuid in layout.mdevs if uuid in mdev_parents}
    vias.update((address, assigned.via) for address, assigned in layout.assigned.items())
    return vias
