# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which domains use which function."""

from __future__ import annotations

import typing as t

from ..host.uses import DomainUse

if t.TYPE_CHECKING:
    from .domain import Domain


def uses_by_address(domains: t.Iterable[Domain]) -> dict[str, list[DomainUse]]:
    """Which domains refer to each function, in their definition, live or both."""
    uses: dict[str, list[DomainUse]] = {}
    for domain in domains:
        config = domain.config.assigned if domain.config is not None else {}
        live = domain.live.assigned if domain.live is not None else {}
        for address in dict.fromkeys([*config, *live]):
            via = (live.get(address) or config[address]).via
            uses.setdefault(address, []).append(
                DomainUse(
                    domain.name, domain.uuid, via, active=domain.active, config=address in config, live=address in live
                )
            )
    return uses
