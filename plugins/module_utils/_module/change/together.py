# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What results say of devices that belong together."""

from __future__ import annotations

import typing as t

from ..._model.requests.constraints import Constraint

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


def unmet(together: Together) -> t.Iterator[str]:
    """What is not as it was wanted most, in words: second choices, and wishes that are not met."""
    for request, number in together.alternative.items():
        if number:
            yield f"{request} by its alternative {number + 1}"
    for wish in together.met:
        if wish["met"] < wish["of"]:
            yield f"{wish['met']} of {wish['of']} met: {Constraint.from_dict(wish).describe()}"


def told_of_search(outcome: Outcome) -> dict[str, str]:
    """Whether all ways to choose were looked at."""
    return {"search": "complete" if outcome.complete else "bounded"}
