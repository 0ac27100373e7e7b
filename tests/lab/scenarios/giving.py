# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims without a domain: refused while something has the functions, carried out and taken back once it has not."""

from __future__ import annotations

from typing import Any

from tests.lab.play import PlayResult
from tests.lab.state import HostState, reading, state_at

_OWNER = "lab"


def claiming(name: str, *addresses: str, **options: Any) -> dict[str, Any]:
    """Return a task NAME that claims the functions at ADDRESSES; a playbook goes on after its failure."""
    requests = [{"name": address, "address": address} for address in addresses]
    claim = {"owner": _OWNER, "requests": requests, "attach": [], "group_members": "claim", **options}
    return {"name": name, "kvm.hostdev.pci_passthrough_claim": claim, "ignore_errors": True}


def giving(*addresses: str) -> tuple[dict[str, Any], ...]:
    """Return tasks that claim them, read the host's state, and release them."""
    return (
        claiming("give", *addresses),
        reading("given"),
        {"name": "take back", "kvm.hostdev.pci_passthrough_release": {"owner": _OWNER}},
    )


def refused(result: PlayResult, name: str) -> dict[str, dict[str, str]]:
    """Return the details of the blockers that a claim failed for, by function and code."""
    error = result.of(name).result["error"]
    assert error["code"] == "device_blocked", error
    details: dict[str, dict[str, str]] = {}
    for blocker in error["blockers"]:
        details.setdefault(blocker["address"], {})[blocker["code"]] = blocker["detail"]
    return details


def assert_given(result: PlayResult, *addresses: str) -> HostState:
    """Both tasks did their work, and the functions were in VFIO's hands in between; return the state then."""
    assert [result.of(name).status for name in ("give", "take back")] == ["changed", "changed"], result.output
    given = state_at(result, "given")
    assert {address: given.driver(address) for address in addresses} == dict.fromkeys(addresses, "vfio-pci")
    return given
