# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenStack Nova's PCI tracker under the same operations: nova_tracker.py VFS prints seconds by operation as JSON.

Runs in Nova's own virtual environment, with its database left out: rows are neither read nor written.
"""

from __future__ import annotations

import os

os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"

import itertools
import json
import logging
import sys
import uuid
from typing import Any
from unittest import mock

from functions import functions
from nova import context, objects
from nova.conf import CONF
from nova.pci import manager
from operations import OPERATIONS, run

logging.disable(logging.CRITICAL)


class Nova:
    """The operations, on Nova's tracker."""

    def __init__(self, devices: list[dict[str, Any]]) -> None:
        self._reported = json.dumps(devices)
        self._context = context.get_admin_context()
        self._owners: list[Any] = []
        self.tracker = manager.PciDevTracker(self._context, objects.ComputeNode(id=1, numa_topology=None))

    def sync(self) -> None:
        self.tracker.update_devices_from_hypervisor_resources(self._reported)

    def supports(self) -> None:
        assert self.tracker.stats.support_requests([_request(1)], {})

    def claim(self, count: int = 1) -> None:
        owner = str(uuid.uuid4())
        requests = objects.InstancePCIRequests(instance_uuid=owner, requests=[_request(count)])
        assert len(self.tracker.claim_instance(self._context, requests, None)) == count
        instance = objects.Instance(uuid=owner, pci_devices=objects.PciDeviceList(objects=[]))
        self.tracker.allocate_instance(instance)
        self._owners.append(instance)

    def free(self) -> None:
        self.tracker.free_instance(self._context, self._owners.pop())


def _request(count: int) -> Any:
    return objects.InstancePCIRequest(
        count=count,
        spec=[{"vendor_id": "8086", "product_id": "154c", "dev_type": "type-VF"}],
        alias_name="nic",
        request_id=str(uuid.uuid4()),
        numa_policy="legacy",
    )


def main() -> None:
    """Measure."""
    CONF([], project="nova", default_config_files=[])
    objects.register_all()
    CONF.set_override("device_spec", [json.dumps({"vendor_id": "8086"})], group="pci")
    ids = itertools.count(1)
    create = objects.PciDevice.create

    def made(*arguments: Any) -> Any:
        device = create(*arguments)
        device.id = next(ids)
        device.instance_uuid = device.request_id = None
        return device

    def save(device: Any) -> None:
        device.obj_reset_changes()

    with (
        mock.patch.object(objects.PciDeviceList, "get_by_compute_node", return_value=objects.PciDeviceList(objects=[])),
        mock.patch.object(objects.PciDevice, "create", made),
        mock.patch.object(objects.PciDevice, "save", save),
        mock.patch("nova.pci.utils.is_physical_function", return_value=False),
    ):
        print(json.dumps(run(lambda: Nova(functions(int(sys.argv[1]))), int(sys.argv[1]), OPERATIONS)))


main()
