# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signs of the sriov-network-operator, which brings PFs back to what it has on record by itself."""

from __future__ import annotations

import json
import re
import typing as t

from .maker import OPERATOR, VfMaker

if t.TYPE_CHECKING:
    from .maker import PfNames, Source

FOLDER = "/etc/sriov-operator"
_RULE = re.compile(r"10-nm-disable-(.+)\.rules")
_UNIT = re.compile(r"sriov-config.*\.service")


def kept_maker(source: Source, pf: PfNames) -> VfMaker | None:
    """The file, named by its address, of a PF that the operator has set up."""
    if source.path.rpartition("/")[2] != pf.address:
        return None
    try:
        kept = json.loads(source.text)
    except ValueError:
        kept = {}
    count = kept.get("numVfs") if isinstance(kept, dict) else None
    number = count if isinstance(count, int) and not isinstance(count, bool) else None
    told = "on its record" if number is None else f"on its record with {number} VFs"
    return VfMaker(OPERATOR, source.path, 0, told, certain=True, count=number)


def named_maker(path: str, pf: PfNames) -> VfMaker | None:
    """A rule or a unit whose name is the operator's."""
    name = path.rpartition("/")[2]
    rule = _RULE.fullmatch(name)
    if rule is not None:
        return VfMaker(OPERATOR, path, 0, name, certain=True) if rule.group(1) == pf.address else None
    return VfMaker(OPERATOR, path, 0, name, certain=False) if _UNIT.fullmatch(name) else None
