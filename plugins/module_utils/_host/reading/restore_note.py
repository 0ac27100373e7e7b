# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What could not be brought back when the host was started, as the restore has left it."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from ..sysfs import Tree

NOTE = "/run/kvm.hostdev/restored.json"


def read_not_restored(tree: Tree, boot_id: str) -> dict[str, str]:
    """By address why a device was not brought back since this start of the host; empty where all were."""
    data = tree.data(NOTE, 1 << 20)
    if data is None:
        return {}
    try:
        told = json.loads(data)
        if told["boot_id"] != boot_id:
            return {}
        return {str(entry["address"]): str(entry["reason"]) for entry in told["failed"]}
    except (ValueError, LookupError, TypeError):
        return {}
