# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that find everything as it is to be: the most frequent ones, whose cost is measured."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FACTS, FakeHost

_FACTS, _CLAIM, _RELEASE = "pci_facts", "pci_passthrough_claim", "pci_passthrough_release"
_NIC = {"name": "nic", "count": 3, "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}

STILL_TASKS: dict[str, tuple[str, dict[str, t.Any]]] = {
    "facts": (_FACTS, {"libvirt": "none"}),
    "facts, libvirt": (_FACTS, {}),
    "unchanged claim": (_CLAIM, {"domain": "web1", "requests": [_NIC]}),
    "release of nothing": (_RELEASE, {"domain": "web1"}),
}
"""From a task's name to its module and options."""


def still_task(name: str, host: FakeHost) -> dict[str, t.Any]:
    """The arguments of one_task.run_task for a task on this host, on which its domain has what it is to have."""
    module, options = STILL_TASKS[name]
    if module == _CLAIM:
        host.claim(_NIC)
    return {
        "module": module,
        "options": {**options, "facts_path": f"{host.root}{FACTS}"},
        "root": str(host.root),
        "domains": [
            {"name": domain.name(), "uuid": domain.UUIDString(), "config": domain.xml[2], "live": domain.xml[1]}
            for domain in host.libvirt.domains
        ],
    }
