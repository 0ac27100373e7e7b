# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel uses functions for itself."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.kernel_clients import kernel_client_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

A, B = "0000:01:00.0", "0000:02:00.0"
PCI = f"/sys/devices/pci0000:00/{A}"
ROOT = "/sys/devices/platform/ACPI0017:00/root0"
ENDPOINT = f"{ROOT}/port1/endpoint2"
EXPANDER = {
    f"{PCI}/mem0/serial": "0x1\n",
    f"{ENDPOINT}/uport": f"-> ../../../../..{PCI[12:]}/mem0",
    "/sys/bus/cxl/devices/endpoint2": f"-> ../../..{ENDPOINT[4:]}",
    "/sys/bus/cxl/devices/root0": f"-> ../../..{ROOT[4:]}",
    f"{ROOT}/decoders_committed": "3\n",
}


def uses(folder, *parts):
    for part in parts:
        files(folder, part)
    return [(use.code, use.address, use.detail) for use in kernel_client_uses(Tree(str(folder)))]


@pytest.mark.parametrize(
    ("contents", "committed"),
    [
        ({f"{ENDPOINT}/decoders_committed": "2\n"}, 2),
        ({f"{ENDPOINT}/decoders_committed": "0\n", f"{ENDPOINT}/decoder2.0/region": "\n"}, 0),
        ({f"{ENDPOINT}/decoder2.0/region": "region0\n", f"{ENDPOINT}/decoder2.1/region": "\n"}, 1),
        ({f"{ENDPOINT}/decoder2.0/region": "\n"}, 0),
    ],
)
def test_memory_that_the_hosts_addresses_lead_to_is_in_use(folder, contents, committed):
    detail = f"its CXL memory is part of the host's (endpoint2, {committed} decoders committed)"
    assert uses(folder, EXPANDER, contents) == ([("kernel_holder", A, detail)] if committed else [])


def channel(name, in_use, client=None):
    path = f"{PCI}/dma/{name}"
    made = {f"{path}/in_use": f"{in_use}\n", f"/sys/class/dma/{name}": f"-> ../..{path[4:]}"}
    if client:
        made[f"{client}/uevent"] = ""
        made[f"{path}/slave"] = f"-> ../../../..{client[12:]}"
    return made


ITS_OWN, ANOTHERS = f"{PCI}/i2c_designware.0", "/sys/devices/platform/spi0"


@pytest.mark.parametrize(
    ("parts", "used"),
    [
        ([channel("dma0chan0", 0), channel("dma0chan1", 1)], ["dma0chan1"]),
        ([channel("dma0chan0", 0)], []),
        ([channel("dma0chan0", 1, ITS_OWN)], []),
        ([channel("dma0chan0", 1, ANOTHERS)], ["dma0chan0"]),
    ],
)
def test_a_dma_engine_that_something_else_has_taken_is_in_use(folder, parts, used):
    assert uses(folder, *parts) == [("kernel_holder", A, f"the kernel uses its DMA engine ({name})") for name in used]


@pytest.mark.parametrize(("kind", "clients", "used"), [("kernel", 1, True), ("kernel", 0, False), ("user", 1, False)])
def test_a_work_queue_of_the_kernels_is_in_use_while_it_has_clients(folder, kind, clients, used):
    path = f"{PCI}/dsa0/wq0.1"
    queue = {f"{path}/type": f"{kind}\n", f"{path}/clients": f"{clients}\n"}
    found = uses(folder, queue, {"/sys/bus/dsa/devices/wq0.1": f"-> ../../..{path[4:]}"})
    assert found == [("kernel_holder", A, "the kernel uses its work queue wq0.1")] * used


def test_a_host_counts_what_its_kernel_uses(folder):
    files(folder, channel("dma0chan1", 1))
    assert A in System(Tree(str(folder))).inventory().host_uses
