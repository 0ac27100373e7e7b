# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading cases, and comparing our outcome with the one that is wanted.

A case has `given`, `when` with its `op`, and `then`, which is wanted, unless its level is `nova-quirk`: then `better`
is. Each op is a function from a case to our outcome, which has the keys of `then`. Where we differ on purpose,
DIFFERENCES has the reason and what we answer instead.
"""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.conformance.nova import grammar, tracker

Case = t.Mapping[str, t.Any]

OWN = Path(__file__).parent
FOLDER = Path(os.environ.get("KVM_HOSTDEV_CONFORMANCE") or OWN)

OPS: dict[str, t.Callable[[Case], t.Mapping[str, t.Any]]] = {**grammar.OPS, **tracker.OPS}
# Nova's reports to another service, which we have none of.
LEFT_OUT = {"placement.rc", "placement.traits", "placement.view", "placement.otu"}

# How a key of what is wanted is compared with the outcome, where it is not just the same.
COMPARED: dict[str, t.Callable[[t.Any, t.Mapping[str, t.Any]], bool]] = {**grammar.COMPARED, **tracker.COMPARED}
DIFFERENCES = (*grammar.DIFFERENCES, *tracker.DIFFERENCES)


def read_cases(folder: Path) -> list[Case]:
    """All cases of the folder's files in their order. Raises ValueError when there is none."""
    cases = []
    for path in sorted(folder.glob("*.json")):
        cases.extend(json.loads(path.read_text(encoding="utf-8"))["cases"])
    if not cases:
        raise ValueError(f"no cases in {folder}")
    return cases


def verdict(case: Case) -> tuple[str, str]:
    """`holds`, `differs` on purpose, `fails` or `left out`; and the reason."""
    op = case["when"]["op"]
    if op in LEFT_OUT or case["area"].startswith("placement."):
        return "left out", ""
    if op not in OPS:
        return "fails", f"there is no op {op}"
    wanted = case["better"] if case["level"] == "nova-quirk" else case["then"]
    try:
        outcome = OPS[op](case)
    except Exception as error:  # one case that can't be run must not hide the others
        return "fails", repr(error)
    holds = _agrees(wanted, outcome)
    for difference in DIFFERENCES:
        if difference.applies(case):
            if not holds and _agrees(difference.ours(case), outcome):
                return "differs", difference.reason
            return "fails", f"it is to differ ({difference.reason}), found {json.dumps(outcome)}"
    return ("holds", "") if holds else ("fails", f"wanted {json.dumps(wanted)}, found {json.dumps(outcome)}")


def _agrees(wanted: t.Mapping[str, t.Any], outcome: t.Mapping[str, t.Any]) -> bool:
    if "error" in outcome and "error" not in wanted:
        return False
    return all(
        COMPARED[key](value, outcome) if key in COMPARED else key in outcome and outcome[key] == value
        for key, value in wanted.items()
    )
