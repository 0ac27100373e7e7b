# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an asker brings along, which lifts blockers."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Consent:
    """What an asker brings along: codes it accepts, mates it may take, and the domain it asks for.

    `owner_uuid` is the asking domain's UUID: what that domain already refers to does not block it. `members` are
    addresses that come along, `whole_group` lets all mates come along. `held_by_others` maps addresses to a label of
    the other owner that holds them, `set_aside` are those that nobody gets. With `require_reset` a device without a
    known reset method is refused.
    """

    allow: frozenset[str] = frozenset()
    owner_uuid: str | None = None
    whole_group: bool = False
    members: frozenset[str] = frozenset()
    held_by_others: t.Mapping[str, str] | None = None
    require_reset: bool = False
    set_aside: frozenset[str] = frozenset()


NOBODY = Consent()
