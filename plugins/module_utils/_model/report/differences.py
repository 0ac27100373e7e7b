# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One difference of the drift: what record and host have otherwise."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Owner
    from ..snapshot import Snapshot

Difference = dict[str, t.Any]
"""`code`, address or name, owner, None of what is nobody's, and detail."""


def difference(code: str, address: str, owner: Owner | None, detail: str) -> Difference:
    return {"code": code, "address": address, "owner": None if owner is None else owner.as_dict(), "detail": detail}


def orphaned(snapshot: Snapshot, claim: Claim) -> list[tuple[str, str]]:
    """That the claim's domain no longer exists, as far as libvirt could be asked."""
    owner = claim.owner
    if owner.kind != "domain" or snapshot.domains is None or snapshot.domain_of(owner) is not None:
        return []
    return [("orphan", f"{owner} no longer exists")]
