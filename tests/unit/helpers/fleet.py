# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three hosts with their facts, as the collection gathers them on fake roots; run as a program it writes them.

Each is the lab host of Debian 13, whose PF is enp1s0 and of whose VFs dpdk0 holds one, with A100 besides: kvm1 has
none, kvm2 three on one NUMA node, one of which train1 holds, and one on the other, kvm3 one on each.
"""

from __future__ import annotations

import json
import sys
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._module.gathering import FactsWish, gather
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import Entries, expand

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import Libvirt

GPUS: dict[str, dict[str, int]] = {
    "kvm1": {},
    "kvm2": {"0000:3b:00.0": 0, "0000:5e:00.0": 0, "0000:60:00.0": 0, "0000:af:00.0": 1},
    "kvm3": {"0000:3b:00.0": 0, "0000:af:00.0": 1},
}
"""The NUMA nodes of the A100 of each host, by their addresses."""

HELD = {
    "kvm1": {"dpdk0": "0000:01:10.0"},
    "kvm2": {"dpdk0": "0000:01:10.0", "train1": "0000:3b:00.0"},
    "kvm3": {"dpdk0": "0000:01:10.0"},
}
"""Who holds what on each host."""


def made(folder: Path, name: str) -> FakeHost:
    """The host of this name, as a fake root in a folder."""
    host = FakeHost(folder, libvirt=False)
    for number, (address, node) in enumerate(GPUS[name].items()):
        expand(_gpu(address, node, 60 + number), host.root)
    net = host.root / f"sys/bus/pci/devices/{IGB_PF}/net"
    assert [interface.name for interface in net.iterdir()] == ["enp1s0"]
    for owner, address in HELD[name].items():
        host.claim({"name": "device", "address": address}, owner=owner, attach=())
    return host


def gathered(host: FakeHost, wish: FactsWish | None = None, libvirt: Libvirt | None = None) -> dict[str, t.Any]:
    """The value of `ansible_facts.hostdev`, as it comes to the controller."""
    reason = "" if libvirt else "libvirt is not installed"
    facts, _warnings = gather(host.system, libvirt, reason, host.file.read(), wish or FactsWish())
    return t.cast("dict[str, t.Any]", json.loads(json.dumps(facts)))


def fleet(folder: Path) -> dict[str, dict[str, t.Any]]:
    """The facts of each host by its name."""
    return {name: gathered(made(folder / name, name)) for name in GPUS}


def _gpu(address: str, node: int, group: int) -> Entries:
    path = f"/sys/devices/pci{address[:7]}/{address}"
    config = bytes.fromhex("de10b220060010000000020300000000").ljust(64, b"\0")
    texts = {
        "uevent": "PCI_CLASS=30200\nPCI_ID=10DE:20B2\nPCI_SUBSYS_ID=10DE:1463\n"
        f"PCI_SLOT_NAME={address}\nMODALIAS=pci:\n",
        "numa_node": f"{node}\n",
        "reset_method": "flr bus\n",
        "sriov_totalvfs": "20\n",
        "driver_override": "(null)\n",
        "max_link_speed": "16.0 GT/s PCIe\n",
    }
    return {
        f"/sys/bus/pci/devices/{address}": {"link": f"../../..{path[4:]}"},
        f"/sys/kernel/iommu_groups/{group}/devices/{address}": {"link": f"../../../..{path[4:]}"},
        f"{path}/iommu_group": {"link": f"../../../kernel/iommu_groups/{group}"},
        f"{path}/config": {"hex": config.hex(), "size": 256},
        **{f"{path}/{name}": {"file": text} for name, text in texts.items()},
    }


def write(target: Path) -> None:
    """A file NAME.json for each host."""
    with tempfile.TemporaryDirectory() as folder:
        for name, facts in fleet(Path(folder)).items():
            (target / f"{name}.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
