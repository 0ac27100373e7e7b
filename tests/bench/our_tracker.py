# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our tracker under the operations of the comparison: python3 -m tests.bench.our_tracker VFS prints JSON."""

from __future__ import annotations

import functools
import gc
import json
import sys
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.states import DeviceTracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import TYPE_PF, PciDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.matching import claim_requests, supports

from .functions import VFS_PER_PF, functions
from .operations import OPERATIONS, run


class Ours:
    """The operations, on our tracker. Each sync makes its devices anew, as the reading of a host does."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self._reported = json.dumps(found)
        self._owners: list[str] = []
        self._made = 0
        self.tracker = DeviceTracker(AllowList(parse_device_specs([{"vendor_id": "8086"}], "device_spec")))

    def sync(self) -> None:
        """Take over what the host shows."""
        self.tracker.sync([_device(one) for one in json.loads(self._reported)])

    def supports(self) -> None:
        """Ask whether a VF could be had."""
        assert supports(self.tracker, _requests(1))

    def claim(self, count: int = 1) -> None:
        """Claim and allocate for a new owner."""
        self._made += 1
        owner = f"domain:{self._made}"
        taken = claim_requests(self.tracker, owner, _requests(count))["nic"]
        assert len(taken) == count
        for address in taken:
            self.tracker.allocate(address, owner)
        self._owners.append(owner)

    def free(self) -> None:
        """Free what the last owner has."""
        owner = self._owners.pop()
        for one in self.tracker.held_by(owner):
            self.tracker.release(one.address, owner)


@functools.cache
def _requests(count: int) -> Any:
    """Return requests as they are once aliases and options have been read, which Nova does at its start as well."""
    specs = [{"vendor_id": "8086", "product_id": "154c", "device_type": "type-VF"}]
    return parse_requests([{"name": "nic", "count": count, "specs": specs}], {})


def _device(one: dict[str, Any]) -> PciDevice:
    return PciDevice(
        address=one["address"],
        path="",
        stable_path="",
        vendor_id=one["vendor_id"],
        product_id=one["product_id"],
        class_id="020000",
        numa_node=one["numa_node"],
        physical_function=one.get("parent_addr"),
        total_vfs=VFS_PER_PF if one["dev_type"] == TYPE_PF else 0,
    )


if __name__ == "__main__":
    gc.disable()  # as _module/run.py does
    print(json.dumps(run(lambda: Ours(functions(int(sys.argv[1]))), int(sys.argv[1]), OPERATIONS)))
