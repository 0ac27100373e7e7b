# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a run is asked for, and what came of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ..._model.plan.plan import Plan
    from ..._model.requests.device_spec import AllowList
    from ..._model.requests.request import Request
    from ..._model.selection.select import Terms


@dataclass(frozen=True)
class ClaimWish:
    """What a claim asks for; exactly one of `domain` (name or UUID) and `owner` (a free name) is set.

    `numa_cells` are the host's NUMA nodes that the owner runs on, None to take them from the domain. `free_root_ports`
    are to be in the domain's definition.
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


@dataclass(frozen=True)
class ReleaseWish:
    """What a release gives back: an owner's all, or some of it, devices by address, or all of orphaned owners.

    `cleaned` says that one-time-use devices among those, given back now or before, may be used again.
    """

    domain: str | None = None
    owner: str | None = None
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    orphans: bool = False
    cleaned: bool = False


@dataclass
class Outcome:
    """What a run did, or in check mode would do: a plan for each owner, and the diff in Ansible's form.

    `cleaned` are one-time-use devices that may be used again, `stopped` names of domains that were stopped hard,
    `mended` says that the record's mode was put right.
    """

    plans: list[Plan] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    recovered: bool = False
    mended: bool = False
    cleaned: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        done = self.recovered or self.mended or bool(self.cleaned or self.stopped)
        return done or any(plan.changed for plan in self.plans)
