# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guards of a device that domains refer to."""

from __future__ import annotations

import typing as t

from ..host.uses import BELOW, MEDIATED
from .blocker import Blocker, blocker
from .registry import guards_in

if t.TYPE_CHECKING:
    from ..host.uses import DomainUse

DOMAIN_CODES = frozenset({"in_domain_xml", "in_interface_hostdev"})


def domain_blockers(address: str, uses: t.Iterable[DomainUse]) -> list[Blocker]:
    """One blocker for each domain. Two definitions may name one device as long as only one of them runs."""
    return [
        blocker(code, address, detail, allowable=not use.live)
        for use in uses
        for code, guard in _GUARDS
        if (detail := guard(use)) is not None
    ]


def in_domain_xml(use: DomainUse) -> str | None:
    return None if use.via == "interface" else _named(use)


def in_interface_hostdev(use: DomainUse) -> str | None:
    return _named(use) if use.via == "interface" else None


def _named(use: DomainUse) -> str:
    what = f"{use.node}, which lies on it" if use.node else _PARTS.get(use.via, "it")
    return f"domain {use.domain} ({use.uuid}) is {'running' if use.live else 'defined'} with {what}"


_PARTS = {MEDIATED: "a mediated device of it", BELOW: "a device below it"}


_GUARDS = guards_in(globals())
