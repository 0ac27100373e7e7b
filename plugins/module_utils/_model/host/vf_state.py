# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VF as its PF has it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class VfState:
    """A VF as its PF has it: the VF's number there, and each setting, None where the PF's driver does not tell.

    `interface` is the PF's, and `up` whether that is up.
    """

    pf: str
    index: int
    settings: t.Mapping[str, bool | None]
    interface: str = ""
    up: bool = True
