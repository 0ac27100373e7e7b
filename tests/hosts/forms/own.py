# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings of the playbook `record_host`: one JSON document with a tree, and the host's uses of its devices.

In the tree a folder is an object, a file its text or `["bytes", HEX]`, a link `["link", TARGET]`, and null what was not
looked into.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse

from .tarball import stays_below

if t.TYPE_CHECKING:
    pass

FORM = "record_host"
_MARK = "kvm_hostdev_recording"


def is_one(data: object) -> bool:
    return isinstance(data, dict) and _MARK in data and isinstance(data.get("tree"), dict)


def lay_out(tree: t.Mapping[str, t.Any], root: Path, depth: int = 0) -> None:
    """Make the tree below a folder, which is so many levels below the root."""
    root.mkdir(parents=True, exist_ok=True)
    for name, there in tree.items():
        place = root / name
        if name in ("", ".", "..") or "/" in name:
            continue
        if isinstance(there, dict):
            lay_out(there, place, depth + 1)
        elif isinstance(there, list):
            kind, content = there
            if kind == "bytes":
                place.write_bytes(bytes.fromhex(content))
            elif stays_below(content, depth + 1):
                place.symlink_to(content)
        else:
            place.write_text(there or "", encoding="utf-8")


def with_uses(inventory: Inventory, data: t.Mapping[str, t.Any]) -> Inventory:
    """The host with what it uses its devices for."""
    uses = [HostUse(**use) for use in data.get("uses", ())]
    return Inventory(
        inventory.host, inventory.devices.values(), host_uses=uses, reserved_memory=inventory.reserved_memory
    )
