# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One measurement in a process of its own: python3 -m tests.bench.measure inventory|facts|claim FOLDER prints JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import groups_report
from ansible_collections.kvm.hostdev.plugins.module_utils._module.gathering import FactsWish, gather
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import Libvirt

from .libvirt import Counted, NodeDevices, NodeError


def inventory(root: str) -> dict[str, Any]:
    """Devices, groups, viability and blockers, as pci_facts takes them in its process."""
    begun = time.process_time()
    host = System(Tree(root)).inventory()
    groups = groups_report(host)
    statuses = Statuses(host, Tracker())
    free = sum(1 for address in host.devices if not statuses.blockers(address))
    seconds = time.process_time() - begun
    return {"functions": len(host.devices), "groups": len(groups), "free": free, "seconds": seconds}


def facts(root: str) -> dict[str, Any]:
    """All that pci_facts returns, with a libvirt that has a node device for each function, and the calls into it."""
    tree = Tree(root)
    libvirt = Counted(NodeDevices(tree.names("/sys/bus/pci/devices")))
    begun = time.process_time()
    gathered, _warnings = gather(
        System(tree), Libvirt(libvirt, SimpleNamespace(libvirtError=NodeError), ""), "", Record(), FactsWish()
    )
    seconds = time.process_time() - begun
    return {"seconds": seconds, "calls": libvirt.calls, "bytes": len(json.dumps(gathered))}


def claim(root: str) -> dict[str, Any]:
    """An unchanged claim."""
    from .claim import unchanged_claim  # the others start without it

    return unchanged_claim(root)


if __name__ == "__main__":
    gc.disable()  # as _module/run.py does
    print(json.dumps({"inventory": inventory, "facts": facts, "claim": claim}[sys.argv[1]](sys.argv[2])))
