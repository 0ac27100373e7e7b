# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diff of a PF's VFs, in the form that Ansible prints."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..sriov.changes import PfChange


def vfs_diff(pf: str, changes: t.Iterable[PfChange]) -> dict[str, str]:
    """One entry with a line for each thing that changes, before and after."""
    before, after = [], []
    for change in changes:
        place = f"{change.kind}" if change.vf is None else f"VF {change.vf} {change.name}"
        before.append(f"{place}: {_shown(change.before)}\n")
        after.append(f"{place}: {_shown(change.after)}\n")
    header = f"VFs of {pf}"
    return {"before_header": header, "after_header": header, "before": "".join(before), "after": "".join(after)}


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)
