# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot of the host and a wish for a claim to a plan and warnings.

The decision has two halves, `choose` and `decide_claim`, with one read between. What PFs have of their VFs can't be
read beforehand: a host may have thousands of VFs that fit, each costs two questions to the kernel, and a PF that does
not answer is an error only where one of its VFs is chosen. vfs_concerned has those that are read.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.claim import Owner
from ..errors import HostdevError
from ..guest.numa import numa_cells
from ..plan.plan import CLAIM, Change
from ..relations.told import Together
from ..selection.choice import Asked
from ..selection.nearness import Guest
from ..selection.together.served import serve
from .decision import Choice, Decision
from .kinds import KINDS, make_plan

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..guest.domain import Domain
    from ..requests.wish import ClaimWish
    from ..snapshot import Snapshot


def choose(snapshot: Snapshot, asked: Asked) -> Choice:
    """The owner's claim as it is and as it shall be. Raises HostdevError when the requests can't be served."""
    wish = asked.wish
    before = after = snapshot.tracker.claim_of(asked.owner)
    if wish.constraints or wish.prefer or before.constraints or before.prefer:
        from .constraints import with_constraints

        after = with_constraints(snapshot.tracker, wish, before)
    complete = True
    if asked.serving is None:
        served = serve(snapshot, [(asked, after.constraints, after.prefer)])[0]
        asked, complete = asked._replace(serving=served.chosen.serving), served.complete
    for kind in KINDS:
        after = kind.select(snapshot, asked, after)
    persist = before.persist if wish.persist is None else wish.persist
    # What was accepted of the devices is accepted of them when they are brought back.
    after = replace(
        after,
        persist=persist and bool(after.holdings),
        allow=wish.terms.allow if after.holdings else frozenset(),
        labels=before.labels if wish.labels is None else wish.labels if after.requests else {},
    )
    if wish.limits is not None or after != before:
        from .limits.times import with_times

        after = with_times(snapshot, wish, before, after)
    change = Change(
        CLAIM,
        before,
        after,
        managed=wish.managed,
        free_root_ports=wish.free_root_ports,
        allow=wish.terms.allow,
    )
    warnings = tuple(warning for kind in KINDS for warning in kind.warnings_of_choice(snapshot, asked, change))
    return Choice(change, warnings, complete, _told(snapshot, after, wish))


def choose_alone(snapshot: Snapshot, asked: Asked) -> Choice:
    """The same for an owner that nobody is served with: its limits are kept as well. Raises HostdevError."""
    choice, limits = choose(snapshot, asked), asked.wish.limits
    if limits:
        from .limits.reached import check_limits

        after = choice.change.after
        others = (claim for claim in snapshot.tracker if claim.owner.key != after.owner.key)
        check_limits(limits, snapshot, [*others, after], asked.wish.allow_list, tenant=asked.wish.tenant)
    return choice


def _told(snapshot: Snapshot, after: Claim, wish: ClaimWish) -> Together:
    """What is to be said of how the devices belong together."""
    bound = after.constraints or after.prefer
    if not bound and not any(request.first_available for request in after.requests.values()):
        return Together()
    from ..relations.held import HeldTogether

    claims = {**{claim.owner.key: claim for claim in snapshot.tracker}, after.owner.key: after}.values()
    return HeldTogether(snapshot.inventory, claims, wish.allow_list).told(after)


def asking(snapshot: Snapshot, wish: ClaimWish) -> Asked:
    """Who asks, and where that one runs. Raises HostdevError where that is a domain and there is no libvirt."""
    domain = _domain(snapshot, wish)
    return Asked(wish, _owner(domain, wish.owner), _guest(snapshot, domain, wish.numa_cells))


def decide_claim(snapshot: Snapshot, choice: Choice) -> Decision:
    """The plan of what was chosen, by a snapshot that has the states of the VFs. Raises HostdevError."""
    change = choice.change
    if snapshot.vf_states:
        from ..plan.vf_settings import note_originals

        change = replace(change, after=note_originals(change.after, snapshot.vf_states))
    plan = make_plan(snapshot, change)
    warnings = [*choice.warnings, *(warning for kind in KINDS for warning in kind.warnings_of_claim(snapshot, plan))]
    if snapshot.domains is None:
        warnings.append("libvirt could not be asked: a device may be in the definition of a domain that does not run")
    return Decision(plan, tuple(warnings), choice.complete, choice.together)


def _domain(snapshot: Snapshot, wish: ClaimWish) -> Domain | None:
    if wish.domain is None:
        return None
    if snapshot.named is None:
        raise HostdevError(
            "no_libvirt",
            subject=f"domain {wish.domain}",
            found="no connection to libvirt",
            wanted="a connection, since the claim is for a domain",
            remedy="start libvirt on the host, or set owner instead to claim without a domain",
        )
    return snapshot.named


def _owner(domain: Domain | None, name: str | None) -> Owner:
    if domain is not None:
        return Owner("domain", domain.uuid, domain.name)
    return Owner("name", name or "", name or "")


def _guest(snapshot: Snapshot, domain: Domain | None, cells: frozenset[int] | None) -> Guest:
    """Where the owner runs: as told, else as the domain's XML binds it, of a running one as it runs."""
    nodes = snapshot.inventory.host.numa_nodes
    layout = None if domain is None else domain.live or domain.config
    if cells is None:
        cells = numa_cells(layout, nodes) if layout is not None else frozenset()
    return Guest(cells, {number: node.socket for number, node in nodes.items() if node.cpus})
