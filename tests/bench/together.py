# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a choice of devices that belong together takes on a large host, by the path that a claim runs."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import groups_report
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.conformance.together.vectors import chosen, snapshot_of

FUNCTIONS = 559
_VFS = 40
_GPU, _PORT, _NIC, _VF, _DISK, _OTHER = "10de:20b0", "15b3:101b", "15b3:101d", "15b3:101e", "144d:a824", "8086:0998"
_BELOW_ONE_SWITCH = {"requests": ["gpu", "nic"], "match": "pcie_switch", "pair": True}


def run(rounds: int) -> None:
    """Print the milliseconds of each claim, medians of rounds, and as a ratio against one without constraints."""
    host = {"numa_nodes": {str(node): {"socket": node} for node in (0, 1)}, "devices": _devices()}
    snapshots = [snapshot_of({"host": host}) for _round in range(2)]
    functions = len(snapshots[0].inventory.devices)
    if functions != FUNCTIONS:
        raise SystemExit(f"bench: {functions} functions instead of {FUNCTIONS}")
    print(f"a host of {functions} functions, 8 GPUs and 8 NICs with VFs below four trees of switches")
    print(f"medians of {rounds} rounds, in ms, and against the first line\n")
    peer = 0.0
    for name, vector, error in _claims():
        taken = _median(rounds, host, lambda snapshot, vector=vector, error=error: _choose(snapshot, vector, error))
        peer = peer or taken
        print(f"{name:<46} {taken * 1e3:>8.1f} {taken / peer:>8.2f}", flush=True)
    taken = _median(rounds, host, _facts)
    print(f"{'groups, states and blockers, as in pci_facts':<46} {taken * 1e3:>8.1f} {taken / peer:>8.2f}")


def _claims() -> list[tuple[str, Mapping[str, Any], str | None]]:
    """Claims by name, and with which error each ends."""
    gpu = {"name": "gpu", "specs": [_GPU]}
    three = [{**gpu, "count": 3}]
    owners = [
        *({"owner": f"vm{number:02}", "requests": _pairs(1)["requests"]} for number in range(8)),
        *({"owner": f"vm{number:02}", "requests": [{"name": "nic", "specs": [_VF]}]} for number in range(8, 20)),
    ]
    bound = [{"requests": [f"vm{number:02}/gpu", f"vm{number:02}/nic"], "match": "pcie_switch"} for number in range(8)]
    one_switch = [{"requests": ["gpu"], "match": "pcie_switch"}]
    return [
        ("8 GPUs and 8 NICs without constraints", {"requests": _pairs(8)["requests"]}, None),
        *((f"{count} of 8 pairs", _pairs(count), None) for count in (1, 4, 8)),
        ("8 of 8 pairs of a GPU and a VF", _pairs(8, _VF), None),
        ("2 GPUs below one switch", {"requests": [{**gpu, "count": 2}], "constraints": one_switch}, None),
        ("3 GPUs below one switch: refused", {"requests": three, "constraints": one_switch}, "constraint_unmet"),
        ("20 owners: 8 with a pair, 12 with a VF", {"claims": owners, "constraints": bound}, None),
    ]


def _pairs(count: int, nic: str = _PORT) -> dict[str, Any]:
    requests = [{"name": name, "count": count, "specs": [ids]} for name, ids in (("gpu", _GPU), ("nic", nic))]
    return {"requests": requests, "constraints": [_BELOW_ONE_SWITCH]}


def _choose(snapshot: Snapshot, vector: Mapping[str, Any], error: str | None) -> None:
    found = None
    try:
        said = chosen(snapshot, vector)
    except HostdevError as caught:
        found = caught.code
    else:
        if not said["complete"]:
            raise SystemExit(f"bench: the search was cut short: {said}")
    if found != error:
        raise SystemExit(f"bench: {found} instead of {error}")


def _facts(snapshot: Snapshot) -> None:
    groups_report(snapshot.inventory)
    statuses = Statuses(snapshot.inventory, Tracker())
    for address in snapshot.inventory.devices:
        statuses.blockers(address)


def _median(rounds: int, host: Mapping[str, Any], work: Callable[[Snapshot], None]) -> float:
    """Processor seconds on a snapshot that nobody has looked at; the first round is for what is imported."""
    seconds = []
    gc.disable()  # as _module/run.py does
    for turn in range(rounds + 1):
        snapshot = snapshot_of({"host": host})
        begun = time.process_time()
        work(snapshot)
        if turn:
            seconds.append(time.process_time() - begun)
        del snapshot
        gc.collect()
    gc.enable()
    return statistics.median(seconds)


def _devices() -> dict[str, dict[str, Any]]:
    """Four trees, and what fills the host up on root buses.

    A tree has a switch at the root port and two below that, each with a NIC, two disks, and a GPU behind one more
    switch: as deep as in a DGX A100.
    """
    devices: dict[str, dict[str, Any]] = {}
    bridges: set[str] = set()
    for tree in range(4):
        node, bus = tree // 2, 0x20 * tree
        top = f"pci0000:{bus:02x}/0000:{bus:02x}:01.0/0000:{bus + 1:02x}:00.0"
        for half in (0, 1):
            first = bus + 2 + 12 * half
            switch = f"{top}/0000:{bus + 2:02x}:{8 * half:02x}.0/0000:{first + 1:02x}:00.0"
            deeper = f"{switch}/0000:{first + 2:02x}:00.0/0000:{first + 3:02x}:00.0/0000:{first + 4:02x}:00.0"
            nic = f"{switch}/0000:{first + 2:02x}:04.0"
            _put(devices, f"0000:{first + 5:02x}:00.0", deeper, _GPU, "030200", node)
            _put_card(devices, f"0000:{first + 6:02x}", nic, node)
            for disk in (0, 1):
                path = f"{switch}/0000:{first + 2:02x}:{8 + disk:02x}.0"
                _put(devices, f"0000:{first + 8 + disk:02x}:00.0", path, _DISK, "010802", node)
    for facts in devices.values():
        bridges.update(facts["path"].split("/")[1:])
    for number in range(FUNCTIONS - len(devices) - len(bridges)):
        bus = 0x80 + number // 8 // 2
        address = f"0000:{bus:02x}:{8 + number // 8 % 2:02x}.{number % 8}"
        _put(devices, address, f"pci0000:{bus:02x}", _OTHER, "088000", number % 2)
    return devices


def _put_card(devices: dict[str, dict[str, Any]], bus: str, path: str, node: int) -> None:
    """A NIC with VFs, and a second port without."""
    _put(devices, f"{bus}:00.0", path, _NIC, "020000", node, total_vfs=_VFS)
    _put(devices, f"{bus}:00.1", path, _PORT, "020000", node)
    for number in range(_VFS):
        vf = f"{bus}:{1 + number // 8:02x}.{number % 8}"
        _put(devices, vf, path, _VF, "020000", node, physical_function=f"{bus}:00.0")


def _put(
    devices: dict[str, dict[str, Any]], address: str, path: str, ids: str, kind: str, node: int, **more: Any
) -> None:
    devices[address] = {"path": path, "id": ids, "class": kind, "numa_node": node, **more}
