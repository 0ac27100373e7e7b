# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether two identities are of one card: by model, serial number, and path through the bridges.

A VF is told by its PF, and its number among the PF's VFs.
"""

from __future__ import annotations

import typing as t

from ..host.device import OF_PF, VF_NUMBER

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


def untold(wanted: t.Mapping[str, str | None], found: t.Mapping[str, str | None]) -> bool:
    """Whether the one had a serial, and nothing shows one of the other that could be compared with it."""
    told = any(wanted.get(key) is not None and found.get(key) is not None for key in SERIALS)
    return wanted.get("serial") is not None and not told


def is_same(wanted: t.Mapping[str, str | None], found: t.Mapping[str, str | None]) -> bool:
    """Whether it is surely the same, as far as anything tells."""
    return same_model(wanted, found) and is_marked(wanted, found)


def is_marked(wanted: t.Mapping[str, str | None], found: t.Mapping[str, str | None]) -> bool:
    """Whether serial and function, or the path through the bridges, say that it is the same.

    Functions of one card have one serial, so that the function's number on its card has to agree as well. A VF's own
    path counts where one of the two does not tell its PF: records did not always have it.
    """
    if VF_NUMBER in wanted and VF_NUMBER in found:
        return wanted[VF_NUMBER] == found[VF_NUMBER] and is_same(pf_identity(wanted), pf_identity(found))
    if told_apart(wanted, found):
        return False
    if any(wanted.get(key) is not None and wanted[key] == found.get(key) for key in SERIALS):
        return function_of(wanted) == function_of(found)
    return wanted.get("stable_path") is not None and wanted["stable_path"] == found.get("stable_path")


def pf_identity(identity: t.Mapping[str, str | None]) -> dict[str, str | None]:
    """That of a VF's PF; empty where it is not known, or the function is no VF."""
    return {key[len(OF_PF) :]: value for key, value in identity.items() if key.startswith(OF_PF)}


def function_of(identity: t.Mapping[str, str | None]) -> str:
    """A function's number on its card."""
    return (identity.get("stable_path") or "").rpartition(".")[2]
