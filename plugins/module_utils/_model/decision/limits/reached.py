# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what is held once all is done keeps the limits. Only a change that takes more can break one."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...claims.words import short
from ...errors import HostdevError, few
from ...requests.limits.labels import EVERY_TENANT
from .covered import Covered
from .tenants import seen_by

if t.TYPE_CHECKING:
    from ...claims.claim import Claim, Holding, Owner
    from ...claims.usb_scsi import NodeHolding
    from ...requests.limits.limit import Limit
    from ...requests.specs.allow_list import AllowList
    from ...snapshot import Snapshot


class _Share(t.NamedTuple):
    """What one owner has of a limit: its devices as they are on record, and as they would be; `owner` as it is told."""

    owner: Owner
    before: dict[str, Holding | NodeHolding]
    after: dict[str, Holding | NodeHolding]

    @property
    def more(self) -> int:
        return len(self.after) - len(self.before)


def check_limits(
    limits: t.Iterable[Limit],
    snapshot: Snapshot,
    after: t.Iterable[Claim],
    allow_list: AllowList,
    *,
    tenant: str | None = None,
) -> None:
    """Refuse what would hold more than a limit allows, and more than is held now.

    `snapshot` is from before the change, `after` are all claims of the host once it is done. Where more than `most` is
    held already, all that does not add to it is as it was. A `tenant` is told no owner of another's claim. Raises
    HostdevError with code limit_reached.
    """
    claims = list(after)
    for limit in limits:
        limit = limit if tenant in (None, EVERY_TENANT) else _without_owners(limit)
        shares = _shares(limit, snapshot, claims, Covered(snapshot, limit, allow_list), tenant)
        if limit.due is not None and limit.due.moment is not None and limit.due.moment <= snapshot.now:
            _check_over(limit, limit.due.moment, shares)
        if limit.most is not None:
            for several in [[share] for share in shares] if limit.per_owner else [shares]:
                _check_most(limit, limit.most, several, snapshot.now)


def _shares(
    limit: Limit, snapshot: Snapshot, after: t.Iterable[Claim], covered: Covered, tenant: str | None
) -> list[_Share]:
    """What the owners that a limit covers have of it, by their names."""
    claims = {claim.owner.key: claim for claim in (*snapshot.tracker, *after)}
    now, then = (
        {
            claim.owner.key: {name: held for name, held in _held(claim).items() if held in covered}
            for claim in several
            if limit.covers((claim.owner.label, claim.owner.id), claim.labels)
        }
        for several in (snapshot.tracker, after)
    )
    told = {key: seen_by(tenant, claim) for key, claim in claims.items()}
    shares = [_Share(owner, now.get(key, {}), then.get(key, {})) for key, owner in told.items()]
    shares.sort(key=lambda share: (share.owner.label, share.owner.key))
    return [share for share in shares if share.before or share.after]


def _without_owners(limit: Limit) -> Limit:
    """The limit with words that a tenant may read: its owners may be others by their names."""
    return replace(limit, written=limit.written.replace(f"owners {' and '.join(limit.owners)}", "its owners", 1))


def _held(claim: Claim) -> dict[str, Holding | NodeHolding]:
    return {**claim.holdings, **claim.node_devices}


def _check_most(limit: Limit, most: int, shares: t.Sequence[_Share], now: str) -> None:
    before, after = sum(len(share.before) for share in shares), sum(len(share.after) for share in shares)
    if after <= max(most, before):
        return
    holding = [share for share in shares if share.before]
    told = "; ".join(_told(share) for share in holding[:5]) + (f" and {len(holding) - 5} more" if holding[5:] else "")
    whose = "for each owner" if limit.per_owner else "for all of them together"
    raise HostdevError(
        "limit_reached",
        subject=limit.written,
        found=f"{_wanted(shares)}, and {before} of {most} are held" + (f": {told}" if told else ""),
        wanted=f"at most {most} {whose}",
        remedy=_remedy(holding, now, most),
        details=_details(limit, shares),
    )


def _check_over(limit: Limit, moment: str, shares: t.Sequence[_Share]) -> None:
    new = {short(share.owner.label): share.after.keys() - share.before.keys() for share in shares}
    told = [f"{owner} wants {len(names)}" for owner, names in new.items() if names]
    if told:
        raise HostdevError(
            "limit_reached",
            subject=limit.written,
            found=f"{few(told, separator='; ')}, and the time of the limit was over at {moment}",
            wanted="devices that are not overdue as soon as they are claimed",
            remedy="set a later until, or take the limit out",
            details=_details(limit, shares),
        )


def _wanted(shares: t.Iterable[_Share]) -> str:
    """Who wants how many: `web2 wants 1 more device`."""
    asking = [(short(share.owner.label), share) for share in shares if share.more > 0]
    return few(
        [f"{name} wants {share.more}{' more' if share.before else ''}" for name, share in asking], separator="; "
    )


def _told(share: _Share) -> str:
    held = share.before.values()
    since = sorted(one.since for one in held if one.since is not None)
    until = sorted(one.until for one in held if one.until is not None)
    told = [*([f"since {since[0]}"] if since else []), *([f"due back {until[0]}"] if until else [])]
    return " ".join([f"{short(share.owner.label)} holds {len(held)}", ", ".join(told)]).rstrip()


def _remedy(holding: t.Sequence[_Share], now: str, most: int) -> str:
    late = sum(1 for share in holding for held in share.before.values() if held.until is not None and held.until <= now)
    ways = [f"give back what is overdue ({late}) by pci_passthrough_release with expired: true"] if late else []
    ways += ["release what is no longer needed"] if holding else []
    return ", or ".join([*ways, f"ask for fewer devices, or set most to more than {most}"])


def _details(limit: Limit, shares: t.Iterable[_Share]) -> dict[str, t.Any]:
    return {
        "limit": {"most": limit.most, "per": "owner" if limit.per_owner else "all"},
        "held": [
            {
                "owner": share.owner.as_dict(),
                "devices": [
                    {"name": name, "since": held.since, "until": held.until} for name, held in share.before.items()
                ],
                "wanted": max(share.more, 0),
            }
            for share in shares
        ],
    }
