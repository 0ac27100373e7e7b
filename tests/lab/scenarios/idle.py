# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a host on which nothing happens, for all scenarios that compare the facts with something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import PlayResult, play, tasks
from tests.lab.state import HostState, read_state
from tests.lab.tools import Host, ask_tools

FACTS = "kvm.hostdev.pci_facts"
DEVICES = {"gather_subset": ["devices", "node_devices"]}
_VF = {"vendor_id": "8086", "product_id": "10ca"}

#: What the facts are asked, by the names of the tasks.
_QUESTIONS: dict[str, dict[str, Any]] = {
    "facts": {},
    "without libvirt": {"libvirt": "none"},
    "vfs": {"gather_subset": ["devices"], "available": True, "specs": [_VF], "fields": ["physical_function"]},
    "below the PF": {**DEVICES, "affected_by": topology.IGB_PF, "fields": ["interface", "parent"]},
    "mates": {**DEVICES, "affected_by": topology.MULTIFUNCTION[1], "fields": ["interface", "block"]},
    "kinds": {
        "gather_subset": ["devices", "node_devices", "host"],
        "capability": ["usb_device", "phys_function"],
        "fields": ["hub", "physical_function"],
    },
    "conflict": {"affected_by": topology.IGB_PF, "available": True},
}


@dataclass(frozen=True)
class Idle:
    """The answers, what other tools say of the same host, and its state before and after they were asked."""

    answers: PlayResult
    observed: Host
    before: HostState
    after: HostState

    @property
    def facts(self) -> dict[str, Any]:
        """Return all facts."""
        return facts(self.answers, "facts")


def look(lab: Lab) -> Idle:
    """Ask everything."""
    lab.sh("udevadm settle")
    before = read_state(lab)
    gathering = {
        "hosts": "lab",
        "gather_facts": True,
        "vars": {"ansible_facts_modules": [FACTS]},
        "tasks": [{"name": "gathered", "ansible.builtin.debug": {"msg": "{{ ansible_facts.hostdev.devices }}"}}],
    }
    asked = ({"name": name, FACTS: options, "ignore_errors": True} for name, options in _QUESTIONS.items())
    answers = play(lab.inventory(), [*tasks(*asked), gathering])
    assert answers.code == 0, answers.output
    return Idle(answers, ask_tools(lab), before, read_state(lab))


def facts(result: PlayResult, task: str) -> dict[str, Any]:
    """Return the facts of a task, which must have succeeded."""
    assert result.of(task).status == "ok", result.of(task).result["msg"]
    return dict(result.of(task).result["ansible_facts"]["hostdev"])


def lasting(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts without when they were gathered, what disks have anew, and whether vfio-pci is loaded by now."""
    devices = [
        {**device, "devlinks": [link for link in device["devlinks"] if "/by-diskseq/" not in link]}
        if device.get("devlinks")
        else device
        for device in facts["devices"]
    ]
    return {**facts, "devices": devices, "host": {**facts["host"], "vfio_present": None, "gathered_at": None}}


def own_blockers(facts: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return details of the blockers that lie in the functions themselves, by function and code."""
    return {
        device["address"]: {
            blocker["code"]: blocker["detail"]
            for blocker in device["blockers"]
            if blocker["address"] == device["address"]
        }
        for device in facts["devices"]
        if device["capability"] == "pci"
    }
