# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of all hosts once many have claimed: no device has two owners, and none is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .claims import Outcome
from .hosts import bindings

# Why a claim may be refused that is well written, on a host that works.
_NOTHING_LEFT = ("not_enough_devices", "constraint_unmet")
_HELD = ("vfio-pci", "vfio-pci")
_RECORD = "root/etc/ansible/facts.d/hostdev.fact"


class HostState(NamedTuple):
    """One host at rest: driver and driver_override of its functions, and its record, None where it has none."""

    bindings: Mapping[str, tuple[str | None, str]]
    record: Mapping[str, Any] | None


def read_state(folder: Path) -> HostState:
    """Of a simulated host, by its files."""
    record = folder / _RECORD
    return HostState(bindings(folder / "root"), json.loads(record.read_text()) if record.exists() else None)


def faults(
    before: Mapping[str, HostState], after: Mapping[str, HostState], outcomes: Sequence[Outcome]
) -> Iterator[str]:
    """Say what is wrong, host by host, then claim by claim."""
    claimed: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        for address in outcome.devices:
            claimed.setdefault((str(outcome.host), address), []).append(outcome.claim.name)
    for (host, address), owners in sorted(claimed.items()):
        if len(owners) > 1:
            yield f"{host}: {address} has two owners: {', '.join(owners)} were each told that it is theirs"
    for name, state in after.items():
        yield from (f"{name}: {fault}" for fault in _of_host(before[name], state))
    for outcome in outcomes:
        yield from (f"{outcome.claim.name}: {fault}" for fault in _of_claim(after, outcome))


def _of_host(before: HostState, after: HostState) -> Iterator[str]:
    lost = before.bindings.keys() - after.bindings.keys()
    if lost:
        yield f"lost: {sorted(lost)}"
    record = after.record or {"claims": [], "journal": None}
    for key in ("journal", "vfs_journal", "set_aside", "needs_cleaning"):
        if record.get(key):
            yield f"{key} is left on record: {record[key]}"
    held = Counter(device["address"] for claim in record["claims"] for device in claim["devices"])
    for address, owners in held.items():
        if owners > 1:
            yield f"{address} has {owners} owners on record"
        if after.bindings.get(address) != _HELD:
            yield f"{address} is held, and has driver and override {after.bindings.get(address)}"
    for address, binding in after.bindings.items():
        if address not in held and binding != before.bindings.get(address):
            yield f"{address} is nobody's, and has {binding} instead of {before.bindings.get(address)}"


def _of_claim(after: Mapping[str, HostState], outcome: Outcome) -> Iterator[str]:
    for host, code in outcome.refusals:
        if code not in _NOTHING_LEFT:
            yield f"refused on {host} for no reason that it may have: {code}"
    name = outcome.claim.name
    on_record = {
        host: frozenset(device["address"] for device in claim["devices"])
        for host, state in after.items()
        for claim in (state.record or {"claims": ()})["claims"]
        if claim["owner"]["id"] == name
    }
    told = {} if outcome.host is None else {outcome.host: outcome.devices}
    if on_record != told:
        yield f"was told {_shown(told)}, and has on record {_shown(on_record)}"
    if outcome.host is not None and len(outcome.devices) != outcome.claim.number:
        yield f"wanted {outcome.claim.number} devices, and has {len(outcome.devices)}"


def _shown(devices: Mapping[str, frozenset[str]]) -> str:
    return ", ".join(f"{sorted(addresses)} on {host}" for host, addresses in devices.items()) or "nothing"
