# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot of the host and a wish for a release to plans and warnings.

Each owner's plan is decided on a snapshot of its own, since what was given back for one owner may matter to the next.
As for a claim the states of VFs are read in the middle, see decision.claim: of those alone that are given back.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.claim import Claim
from ..errors import HostdevError
from ..plan.plan import RELEASE, Change
from .decision import Choice, Decision
from .kinds import KINDS, make_plan

if t.TYPE_CHECKING:
    from ..claims.claim import Owner
    from ..claims.set_aside import SetAside
    from ..requests.wish import ReleaseWish
    from ..snapshot import Snapshot


def give_back(snapshot: Snapshot, wish: ReleaseWish, claim: Claim) -> Choice:
    """The claim, and what the release leaves of it.

    Raises HostdevError for what only libvirt can take out, and for a claim that is not the tenant's.
    """
    _check_tenant(wish, claim)
    attached = any(held.attach for kind in KINDS for held in kind.held(claim).values())
    if attached and snapshot.domains is None:
        raise _no_libvirt(claim.owner)
    if wish.expired:
        wish = replace(wish, addresses=claim.overdue(snapshot.now))
        if not wish.addresses:
            return Choice(Change(RELEASE, claim, claim, to_host=wish.to_host))
    after = Claim(claim.owner)
    for kind in KINDS:
        after = kind.keep(snapshot, wish, claim, after)
    if after.holdings:
        after = replace(after, persist=claim.persist, allow=claim.allow)
    after = replace(after, declared=claim.declared, labels=claim.labels)
    after = replace(after, constraints=claim.constraints, prefer=claim.prefer)
    if any(held.request is None and held.until is not None for held in after.holdings.values()):
        # What stays for its group mates alone is due back with them.
        mates = {name: held if held.request else replace(held, until=None) for name, held in after.holdings.items()}
        after = replace(after, holdings=mates)
    if after.constraints or after.prefer:
        from .constraints import standing

        after = standing(snapshot.tracker, after)
    return Choice(Change(RELEASE, claim, after, to_host=wish.to_host))


def settle(snapshot: Snapshot, wish: ReleaseWish, aside: SetAside) -> Choice:
    """The change that gives a device back that is set aside, as if its owner held it. Raises HostdevError.

    Its domain may have it still, in its definition at least.
    """
    if aside.owner.kind == "domain" and snapshot.domains is None:
        raise _no_libvirt(aside.owner)
    claim = snapshot.tracker.claim_of(aside.owner)
    _check_tenant(wish, claim)
    return Choice(Change(RELEASE, aside.joined(claim), claim, to_host=wish.to_host))


def decide_release(snapshot: Snapshot, wish: ReleaseWish, choice: Choice) -> Decision:
    """The plan for one owner, by a snapshot that has the states of the VFs. Raises HostdevError."""
    plan = make_plan(snapshot, choice.change)
    return Decision(
        plan,
        (*choice.warnings, *(warning for kind in KINDS for warning in kind.warnings_of_release(snapshot, wish, plan))),
    )


def _check_tenant(wish: ReleaseWish, claim: Claim) -> None:
    if wish.tenant is not None:
        from .limits.tenants import check_tenant

        check_tenant(wish.tenant, claim)


def _no_libvirt(owner: Owner) -> HostdevError:
    return HostdevError(
        "no_libvirt",
        subject=str(owner),
        found="no connection to libvirt",
        wanted="one, to detach the devices: the domain may be running with them",
        remedy="start libvirt on the host, and see that its Python binding is installed",
    )
