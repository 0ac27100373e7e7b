# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a claim is: a tenant changes its own, which a label tells from others, and takes no label away."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...claims.claim import Owner
from ...errors import HostdevError
from ...requests.limits.labels import EVERY_TENANT, TENANT

if t.TYPE_CHECKING:
    from ...claims.claim import Claim
    from ...requests.wish import ClaimWish
    from ...snapshot import Snapshot

ANOTHER = Owner("name", "another owner", "another owner")
"""What a tenant is told of an owner that is not its own."""


def seen_by(tenant: str | None, claim: Claim) -> Owner:
    """The owner of a claim as a tenant is told it; None stands for no tenant, who is told everything."""
    return claim.owner if tenant in (None, EVERY_TENANT, claim.labels.get(TENANT)) else ANOTHER


def for_tenant(snapshot: Snapshot, tenant: str, owner: Owner, wish: ClaimWish) -> ClaimWish:
    """The owner's wish with all labels that its claim shall have: none on record goes.

    Raises HostdevError where the claim on record is not the tenant's.
    """
    claim = snapshot.tracker.claim_of(owner)
    if claim.requests or claim.holdings:
        check_tenant(tenant, claim)
    own = {} if tenant == EVERY_TENANT else {TENANT: tenant}
    return replace(wish, labels={**claim.labels, **(wish.labels or {}), **own})


def check_tenant(tenant: str, claim: Claim) -> None:
    """Raises HostdevError where the claim is not the tenant's. It does not tell whose it is."""
    if tenant not in (EVERY_TENANT, claim.labels.get(TENANT)):
        raise HostdevError(
            "not_the_tenants",
            subject=str(claim.owner),
            found="its claim is another tenant's or an administrator's",
            wanted=f"a claim with the label {TENANT}: {tenant}",
            remedy="ask an administrator for it",
        )
