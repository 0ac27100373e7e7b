# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of devices that belong together."""

from __future__ import annotations

import typing as t


class Together(t.NamedTuple):
    """What results say of devices that belong together, see pci_passthrough_claim.

    `pairs` and `met` are of constraints and wishes, `alternative` has for each request which one serves it.
    """

    pairs: t.Sequence[t.Mapping[str, t.Any]] = ()
    met: t.Sequence[t.Mapping[str, t.Any]] = ()
    alternative: t.Mapping[str, int] = {}


NOTHING_TOLD = Together()
