# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of the facts is wanted: parts of the result, and fields of its devices."""

from __future__ import annotations

import typing as t

from ..errors import HostdevError

PARTS = ("devices", "node_devices", "iommu_groups", "tree", "pools", "claims", "drift", "host")
"""What can be gathered: PCI functions, libvirt's other devices, and the further keys of the result."""

ALWAYS = ("address", "name", "capability")
"""The fields that tell devices apart are never left out."""


def parse_subset(values: t.Sequence[str]) -> frozenset[str]:
    """The parts that a `gather_subset` names, in the way of ansible.builtin.setup.

    Parts are named, or left out with a `!`; nothing but exclusions leaves the rest. Raises HostdevError with code
    unknown_subset.
    """
    named: set[str] = set()
    excluded: set[str] = set()
    for value in values:
        exclude, part = value.startswith("!"), value[1:] if value.startswith("!") else value
        if part != "all" and part not in PARTS:
            words = ["all", *PARTS]
            otherwise = f"use some of {', '.join(words)}, each with a ! before it to leave it out"
            raise _unknown("unknown_subset", "gather_subset", value, words, otherwise)
        (excluded if exclude else named).update(PARTS if part == "all" else [part])
    if "!all" in values:  # as with setup: no part but those that are named
        return frozenset(named - {value[1:] for value in values if value.startswith("!")})
    return frozenset((named or set(PARTS)) - excluded)


def check_fields(fields: t.Sequence[str], known: t.Collection[str]) -> None:
    """Raises HostdevError with code unknown_field for a field that no device has."""
    for name in fields:
        if name not in known:
            # Of more than a hundred fields the first ones by the alphabet are of no help.
            otherwise = "see the fields with kvm.hostdev.pci_facts without fields"
            from ..nearest import nearest_first

            raise _unknown("unknown_field", "fields", name, nearest_first(name, known), otherwise)


def pick(device: t.Mapping[str, t.Any], fields: t.Collection[str]) -> dict[str, t.Any]:
    """The device with these fields, and those that tell which one it is."""
    return {key: value for key, value in device.items() if key in fields or key in ALWAYS}


def _unknown(code: str, option: str, value: str, known: t.Sequence[str], otherwise: str) -> HostdevError:
    from ..nearest import did_you_mean

    return HostdevError(
        code,
        subject=f"{option}: {value}",
        found="there is no such thing in the facts",
        wanted="one of " + ", ".join(known),
        remedy=did_you_mean(value.lstrip("!"), known, otherwise),
    )
