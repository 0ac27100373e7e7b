# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether two identities are of one card: by model, serial number, and path through the bridges."""

from __future__ import annotations

import typing as t

_IDS = ("vendor_id", "product_id", "subsystem_vendor_id", "subsystem_product_id", "class_id")
SERIALS = ("pcie_serial", "serial")


def same_model(wanted: t.Mapping[str, str | None], found: t.Mapping[str, str | None]) -> bool:
    """Whether the model is the same; what is not on record is no difference."""
    return all(wanted.get(key) in (None, found.get(key)) for key in _IDS)


def told_apart(wanted: t.Mapping[str, str | None], found: t.Mapping[str, str | None]) -> bool:
    """Whether a serial number says that it is another one."""
    return any(
        wanted.get(key) is not None and found.get(key) is not None and wanted[key] != found[key] for key in SERIALS
    )


def is_marked(wanted: t.Mapping[str, str | None], found: t.Mapping[str, str | None]) -> bool:
    """Whether serial and function, or the path through the bridges, say that it is the same.

    Functions of one card have one serial, so that the function's number on its card has to agree as well.
    """
    if told_apart(wanted, found):
        return False
    if any(wanted.get(key) is not None and wanted[key] == found.get(key) for key in SERIALS):
        return _function(wanted) == _function(found)
    return wanted.get("stable_path") is not None and wanted["stable_path"] == found.get("stable_path")


def _function(identity: t.Mapping[str, str | None]) -> str:
    return (identity.get("stable_path") or "").rpartition(".")[2]
