# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A blocker: one reason why a device may not be given away now, and whose consent lifts it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .registry import BY_ALLOW, BY_GROUP_MEMBERS, GUARDS


class Blocker(t.NamedTuple):
    """One reason. `address` is the function at fault, a mate's for group codes; `override` is what accepts it.

    Of a USB or SCSI device `address` is its name as a node device. `causes` of a group code are the mate's own.
    """

    code: str
    address: str
    detail: str
    override: str | None = None
    causes: tuple[Blocker, ...] = ()

    @property
    def remedy(self) -> str:
        """The step that leads on from here: what lifts the causes, or what the table has."""
        own = GUARDS[self.code].remedy.format(address=self.address)
        return f"{'; '.join(dict.fromkeys(cause.remedy for cause in self.causes))}, or {own}" if self.causes else own

    def accepted(self, allow: t.Container[str]) -> bool:
        """Whether it is among the codes that are accepted, and may be."""
        return self.override is not None and self.code in allow and GUARDS[self.code].allowable == BY_ALLOW

    def as_dict(self) -> dict[str, str | None]:
        return {
            "code": self.code,
            "address": self.address,
            "detail": self.detail,
            "override": self.override,
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class Consent:
    """What an asker brings along: codes it accepts, mates it may take, and the domain it asks for.

    `owner_uuid` is the asking domain's UUID: what that domain already refers to does not block it. `members` are
    addresses that come along, `whole_group` lets all mates come along. `held_by_others` maps addresses to a label of
    the other owner that holds them. With `require_reset` a device without a known reset method is refused.
    """

    allow: frozenset[str] = frozenset()
    owner_uuid: str | None = None
    whole_group: bool = False
    members: frozenset[str] = frozenset()
    held_by_others: t.Mapping[str, str] | None = None
    require_reset: bool = False


NOBODY = Consent()

_OVERRIDES = {BY_ALLOW: "allow: [{}]", BY_GROUP_MEMBERS: "group_members: claim"}


def blocker(
    code: str, address: str, detail: str, *, allowable: bool = True, causes: t.Sequence[Blocker] = ()
) -> Blocker:
    """The blocker with what the table has on its code; not `allowable` where this one may not be accepted."""
    override = _OVERRIDES.get(GUARDS[code].allowable) if allowable else None
    return Blocker(code, address, detail, override and override.format(code), tuple(causes))
