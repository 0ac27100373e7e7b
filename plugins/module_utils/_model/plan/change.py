# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan is made for, before there are steps."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from .steps import Step

CLAIM = "claim"
RELEASE = "release"


@dataclass(frozen=True)
class Change:
    """An owner's claim as it is and as it shall be; `operation` is CLAIM or RELEASE.

    `managed` says whether libvirt binds what nobody says it of, `free_root_ports` how many are to be in the domain's
    definition when all is done, None for as many as there are.
    """

    operation: str
    before: Claim
    after: Claim
    managed: bool = True
    free_root_ports: int | None = None


class Steps(t.NamedTuple):
    """The steps of one kind of devices: `first` those that take devices out of the domain, `then` all others.

    Kinds are nested: what hangs on another kind's device leaves before that and comes after it.
    """

    first: t.Sequence[Step]
    then: t.Sequence[Step]
