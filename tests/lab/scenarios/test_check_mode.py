# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode changes nothing on the host and foretells what the real run does; the diff shows what really is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import TaskResult, play, tasks
from tests.lab.state import HostState, reading, state_at

CLAIM = {
    "domain": "web1",
    "requests": [{"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}], "count": 2}],
}


def _sources(xml: str) -> list[dict[str, str]]:
    return [dict(address.attrib) for address in ET.fromstring(xml).findall("devices/hostdev/source/address")]


def _after(task: TaskResult) -> dict[str, Any]:
    return {part["after_header"]: part["after"] for part in task.result["diff"]}


def _same_xml(text: str, other: str) -> bool:
    return ET.canonicalize(text, strip_text=True) == ET.canonicalize(other, strip_text=True)


def test_check_mode_writes_nothing_and_the_diff_is_true(lab: Lab, before: HostState) -> None:
    claim = {"kvm.hostdev.pci_passthrough_claim": CLAIM, "diff": True}
    release = {"kvm.hostdev.pci_passthrough_release": {"domain": "web1"}, "diff": True}
    result = play(
        lab.inventory(),
        tasks(
            {"name": "claim in check mode", **claim, "check_mode": True},
            reading("not claimed"),
            {"name": "claim", **claim},
            reading("claimed"),
            {"name": "release in check mode", **release, "check_mode": True},
            reading("not released"),
            {"name": "release", **release},
            reading("released"),
        ),
    )
    checked, real = result.of("claim in check mode"), result.of("claim")
    assert (checked.status, real.status) == ("changed", "changed"), result.output
    assert state_at(result, "not claimed") == before
    state = state_at(result, "claimed")
    assert real.result["plan"] == checked.result["plan"]
    foretold, shown = _after(checked), _after(real)
    assert foretold["drivers"] == shown["drivers"]
    for line in shown["drivers"].splitlines():
        address, driver, override = line.split()
        assert state.bindings[address] == (driver.partition("=")[2], override.partition("=")[2])
    assert sorted(line.split()[0] for line in shown["drivers"].splitlines()) == list(topology.IGB_VFS[:2])
    for place in ("config", "live"):
        # The diff leaves out nothing but what virsh shows as secret, so both are the same document.
        assert _same_xml(shown[f"domain web1 ({place})"], state.domains["web1", place])
        assert _sources(foretold[f"domain web1 ({place})"]) == _sources(state.domains["web1", place])

    checked, real = result.of("release in check mode"), result.of("release")
    assert (checked.status, real.status) == ("changed", "changed"), result.output
    assert state_at(result, "not released") == state
    after = state_at(result, "released")
    assert real.result["plan"] == checked.result["plan"]
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert _after(real)["drivers"] == _after(checked)["drivers"]
    assert _same_xml(_after(checked)["domain web1 (config)"], after.domains["web1", "config"])
