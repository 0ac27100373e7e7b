# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of hosts as the report gets them."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.record import Record
from ansible_collections.kvm.hostdev.plugins.module_utils._module.gathering import FactsWish, gather

from .recorded import DATA, expand, recorded

if t.TYPE_CHECKING:
    from pathlib import Path

REPORTS = DATA / "report"


def facts_of(host: str) -> dict[str, t.Any]:
    """Made-up facts: of `gpu-host` with GPUs, VFs and hostile names, of `odd-host` what is seldom or missing."""
    facts: dict[str, t.Any] = json.loads((REPORTS / f"{host}.json").read_text(encoding="utf-8"))
    return facts


def facts_in_guide() -> dict[str, t.Any]:
    """Those of the sample in the guide: of `gpu-host`, with harmless names."""
    facts = facts_of("gpu-host")
    for device in facts["devices"]:
        if device["product_id"] == "1487":
            device["product_name"] = "Starship/Matisse HD Audio Controller"
    next(claim for claim in facts["claims"] if claim["owner"]["id"].endswith("2"))["owner"]["label"] = "db1"
    return facts


def recorded_facts(name: str, root: Path) -> dict[str, t.Any]:
    """What the module gathers on a recorded tree, without libvirt and without a record."""
    expand(recorded(name), root)
    facts, _warnings = gather(System(Tree(str(root)), environ={}), None, "not asked for", Record(), FactsWish())
    return facts
