# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was held of one host, and what of it failed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Held:
    """One subject: how many things were held, and the faults that were found.

    `left_out` counts parts of the host of which it turned out that nothing can be held.
    """

    subject: str
    count: int = 0
    faults: list[str] = field(default_factory=list)
    left_out: int = 0

    def equal(self, what: str, made: object, wanted: object) -> None:
        self.true(f"{what}: {made!r}, wanted {wanted!r}", made == wanted)

    def true(self, what: str, holds: object) -> None:
        self.count += 1
        if not holds:
            self.faults.append(f"{self.subject}: {what}")
