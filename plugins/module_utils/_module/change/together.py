# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What results say of devices that belong together."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..._host.change.outcome import Outcome
    from ..._model.relations.told import Together


def told_together(together: Together) -> dict[str, t.Any]:
    """The pairs, how far wishes are met, and which alternative serves each request."""
    return {
        "pairs": [dict(pairs) for pairs in together.pairs],
        "met": [dict(met) for met in together.met],
        "alternative": dict(together.alternative),
    }


def told_of_search(outcome: Outcome) -> dict[str, str]:
    """Whether all ways to choose were looked at."""
    return {"search": "complete" if outcome.complete else "bounded"}
