# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our tracker under the operations of the comparison: python3 -m tests.bench.nova.our_tracker VFS prints JSON.

Each operation is a run as the modules make it: inventory and states anew, requests selected, the claim kept on record.
"""

from __future__ import annotations

import functools
import gc
import json
import sys
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import TYPE_PF, PciDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.nearness import ANYWHERE
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import host
from ansible_collections.kvm.hostdev.tests.unit.helpers.record_through_runs import RecordThroughRuns

from .functions import VFS_PER_PF, functions
from .operations import OPERATIONS, run


class Ours:
    """The operations, on the path that the modules run. Each sync makes its devices anew, as a host is read anew."""

    def __init__(self, devices: list[dict[str, Any]]) -> None:
        self._reported = json.dumps(devices)
        self._owners: list[str] = []
        self._made = 0
        allow_list = AllowList(parse_device_specs([{"vendor_id": "8086"}], "device_spec"))
        self.runs = RecordThroughRuns(host(), allow_list, ())

    def sync(self) -> None:
        """Take over what the host shows, and tell each device's state."""
        devices = [_device(entry, group) for group, entry in enumerate(json.loads(self._reported))]
        self.runs.devices = {device.address: device for device in devices}
        statuses = self.runs.statuses()
        assert all(statuses.status(address) for address in self.runs.devices)

    def supports(self) -> None:
        """Ask whether a VF could be had."""
        assert self.runs.supports(_requests(1), ANYWHERE)

    def claim(self, count: int = 1) -> None:
        """Claim and allocate for a new owner."""
        self._made += 1
        owner = str(self._made)
        assert len(self.runs.claim(owner, _requests(count), ANYWHERE)) == count
        self.runs.attach(owner)
        self._owners.append(owner)

    def free(self) -> None:
        """Free what the last owner has."""
        self.runs.release(self._owners.pop())


@functools.cache
def _requests(count: int) -> Any:
    """Return requests as they are once aliases and options have been read, which Nova does at its start as well."""
    specs = [{"vendor_id": "8086", "product_id": "154c", "device_type": "type-VF"}]
    return parse_requests([{"name": "nic", "count": count, "specs": specs}], {})


def _device(entry: dict[str, Any], group: int) -> PciDevice:
    return PciDevice(
        address=entry["address"],
        path="",
        stable_path="",
        vendor_id=entry["vendor_id"],
        product_id=entry["product_id"],
        class_id="020000",
        iommu_group=group,
        reset_methods=("flr",),
        numa_node=entry["numa_node"],
        physical_function=entry.get("parent_addr"),
        total_vfs=VFS_PER_PF if entry["dev_type"] == TYPE_PF else 0,
    )


if __name__ == "__main__":
    gc.disable()  # as _module/run.py does
    print(json.dumps(run(lambda: Ours(functions(int(sys.argv[1]))), int(sys.argv[1]), OPERATIONS)))
