# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run is asked for: a claim with its terms, or a release."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from .constraints import Constraint
    from .limits.limit import Limit
    from .request import Request
    from .specs.allow_list import AllowList


@dataclass(frozen=True)
class Terms:
    """What the asker accepts: `allow` blocker codes, `members` group mates by address or `whole_group` all of them.

    With `replace_misfits` a held device that no longer fits its request is given back and another one taken, with
    `require_reset` none is taken without a known reset method.
    """

    allow: frozenset[str] = frozenset()
    whole_group: bool = False
    members: frozenset[str] = frozenset()
    replace_misfits: bool = False
    require_reset: bool = False


@dataclass(frozen=True)
class ClaimWish:
    """What a claim asks for; exactly one of `domain` (name or UUID) and `owner` (a free name) is set.

    `numa_cells` are the host's NUMA nodes that the owner runs on, None to take them from the domain. `free_root_ports`
    are to be in the domain's definition. `persist` says whether the devices come back when the host is started anew,
    None that it stays as it is. `constraints` must hold over requests of the owner, named in the wish or on record;
    those in `prefer` are met as well as they can be, the first one first. `labels` are the claim's by then, None that
    they stay as they are. With a `tenant` the claim must be its own, or be none yet, and its other labels stay (see
    decision/limits/tenants.py). `limits` say when its devices are due back, None that nobody says so, and how many may
    be held.
    """

    domain: str | None
    owner: str | None
    requests: tuple[Request, ...]
    allow_list: AllowList
    terms: Terms
    attach: tuple[str, ...]
    managed: bool = True
    numa_cells: frozenset[int] | None = None
    free_root_ports: int | None = None
    persist: bool | None = None
    constraints: tuple[Constraint, ...] = ()
    prefer: tuple[Constraint, ...] = ()
    labels: t.Mapping[str, str] | None = None
    tenant: str | None = None
    limits: tuple[Limit, ...] | None = None

    @property
    def needs_details(self) -> bool:
        """Whether a choice needs the details of functions, see DeviceSpec."""
        asked = any(request.needs_details for request in self.requests)
        limited = any(limit.needs_details for limit in self.limits or ())
        return asked or limited or self.allow_list.needs_details


@dataclass(frozen=True)
class ReleaseWish:
    """What a release gives back: an owner's all, or some of it, devices by address, or all of orphaned owners.

    With `expired` it is what is overdue, of all owners or of the one that is named.
    `cleaned` says that one-time-use devices among those, given back now or before, may be used again. With `to_host`
    devices go to the driver that the host would choose instead of the one on record. With a `tenant` all must be of its
    claims.
    """

    domain: str | None = None
    owner: str | None = None
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    orphans: bool = False
    cleaned: bool = False
    to_host: bool = False
    expired: bool = False
    tenant: str | None = None

    @property
    def each_alone(self) -> bool:
        """Whether owners have nothing to do with each other: what can't be done for one keeps no other's."""
        return self.orphans or self.expired


@dataclass(frozen=True)
class HostWish:
    """All claims of a host, one for each owner, in the order in which they are served.

    With `purge` the requests on record go that the host's data named before and no longer names, with `orphans` all
    claims of domains that no longer exist. `constraints` and `prefer` are over requests of several owners, each named
    OWNER/REQUEST as the user wrote it: the owner by the domain's name or UUID, or by its free name. What is held once
    all is done keeps the `limits`, as it did before.
    """

    claims: tuple[ClaimWish, ...]
    purge: bool = False
    orphans: bool = False
    constraints: tuple[Constraint, ...] = ()
    prefer: tuple[Constraint, ...] = ()
    limits: tuple[Limit, ...] | None = None


# What is done where a guest does not let a device go.
FAIL = "fail"
DEFINITION = "definition"
FORCE = "force"
CHOICES = (FAIL, DEFINITION, FORCE)
