# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done about the VFs of PFs, in one line: `enp1s0 (0000:01:00.0): 0 to 4 VFs, trust on of VF 0, 1`."""

from __future__ import annotations

import typing as t

from ...errors import few, one_line
from ...plan.words import BETWEEN
from ...sriov.changes import AUTOPROBE, ESWITCH, MTU, NUMBER, SETTING, UP

if t.TYPE_CHECKING:
    from ...sriov.changes import PfChange
    from .decision import VfsDecision

_MOST = 4


def told_of(decisions: t.Sequence[VfsDecision], *, check_mode: bool) -> str:
    """What is done about all of them, or in check mode would be; empty without any."""
    changed = [_told(decision, check_mode=check_mode) for decision in decisions if decision.changed]
    still = [decision for decision in decisions if not decision.changed]
    parts = [few(changed, separator=BETWEEN)] if changed else []
    if len(decisions) == 1 and still:
        parts.append(f"{_name(still[0])}: {_vfs(still[0].target.number)}, as before")
    elif still:
        parts.append(f"{len(still)} physical function{'s' if len(still) > 1 else ''} as before")
    return one_line(BETWEEN.join(parts))


def _told(decision: VfsDecision, *, check_mode: bool) -> str:
    parts = _changes(decision.changes)
    number = _vfs(decision.target.number)
    if not parts:
        before, after = decision.before is not None, decision.after is not None
        parts = [f"{number} taken over as they are" if after and not before else f"{number} noted on record"]
        if not after:
            parts = ["taken off the record"]
    elif all(change.kind != NUMBER for change in decision.changes):
        parts = [f"{number}, as before", *parts]
    would = " would change" if check_mode else ""
    return f"{_name(decision)}{would}: {', '.join(parts)}"


def _name(decision: VfsDecision) -> str:
    device = decision.pf.device
    return f"{device.interfaces[0]} ({device.address})" if device.interfaces else device.address


def _vfs(number: int) -> str:
    return f"{number or 'no'} VF{'' if number == 1 else 's'}"


def _changes(changes: t.Iterable[PfChange]) -> list[str]:
    """Each thing that changes with both its ends, and each setting with the VFs of which it changes."""
    ends: dict[str, tuple[t.Any, t.Any]] = {}
    settings: dict[str, dict[int, t.Any]] = {}
    for change in changes:
        if change.kind == SETTING:
            settings.setdefault(str(change.name), {})[t.cast("int", change.vf)] = change.after
        else:
            ends[change.kind] = (ends.get(change.kind, (change.before,))[0], change.after)
    words = [_WORDS[kind](*both) for kind, both in ends.items()]
    return [*words, *(_setting(name, of_vfs) for name, of_vfs in settings.items())]


def _setting(name: str, of_vfs: t.Mapping[int, t.Any]) -> str:
    values = set(of_vfs.values())
    value = f" {_shown(values.pop())}" if len(values) == 1 else ""
    return f"{name}{value} of VF {few([str(vf) for vf in of_vfs], most=_MOST)}"


def _shown(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _made(before: t.Any, after: t.Any) -> str:
    return f"{_vfs(after)} made anew" if before == after else f"{before} to {_vfs(after)}"


_WORDS: t.Mapping[str, t.Callable[[t.Any, t.Any], str]] = {
    NUMBER: _made,
    AUTOPROBE: lambda _before, after: f"autoprobe {_shown(after)}",
    UP: lambda _before, after: f"interface {'up' if after else 'down'}",
    MTU: lambda before, after: f"MTU {before} to {after}",
    ESWITCH: lambda before, after: f"e-switch {before} to {after}",
}
