# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is free on many hosts, and what is asked for, as plain data that both are given. Python's own library only."""

from __future__ import annotations

from typing import Any, NamedTuple

GPU, NIC_VF, NVME = ("10de", "20b0", "030200"), ("15b3", "101e", "020000"), ("144d", "a824", "010802")
GPUS, NICS, VFS, PORTS, PORT_VFS, DISKS = 8, 4, 16, 4, 64, 24


_KIND = ("vendor_id", "product_id", "class", "device_type")


class Asked(NamedTuple):
    """How many of each alias; with `node`, all of them on that NUMA node of the host (policy required)."""

    counts: dict[str, int]
    node: int | None = None


# By alias: ids, class, device type.
ALIASES = {"gpu": (*GPU, "type-PCI"), "vf": (*NIC_VF, "type-VF")}
ASKED = {
    "a GPU": Asked({"gpu": 1}),
    "4 GPUs": Asked({"gpu": 4}),
    "a GPU and 2 VFs": Asked({"gpu": 1, "vf": 2}),
    "a GPU and 2 VFs, both required on node 0": Asked({"gpu": 1, "vf": 2}, 0),
}


def fleet(hosts: int) -> dict[str, list[dict[str, Any]] | None]:
    """What is free on each host, by its name: an entry for each GPU and disk, and one for the free VFs of each PF.

    Of ten hosts three have GPUs alone (a few of them tell no NUMA node), two GPUs and NICs below the same switches, one
    NICs, one disks; one is full, one never had a device, and of one nothing is known (None).
    """
    return {f"host{number:05}": _KINDS[number % 10](number // 10 * 3 + number % 10) for number in range(hosts)}


def only_of(free: list[dict[str, Any]], asked: Asked) -> bool:
    """Whether each device that is free fits a request, so that to count the free ones is to count those that fit."""
    wanted = {ALIASES[alias] for alias in asked.counts}
    return all(
        tuple(entry[key] for key in _KIND) in wanted and asked.node in (None, entry["numa_node"]) for entry in free
    )


def _gpus_alone(number: int) -> list[dict[str, Any]]:
    gpus = _gpus(number, 1 + number % GPUS)
    return [{**gpu, "numa_node": None} for gpu in gpus] if number % 5 == 0 else gpus


def _gpus_and_nics(number: int) -> list[dict[str, Any]]:
    """On every fourth host the second node is full."""
    nics = [_vfs(nic, (number + 7 * nic) % (VFS + 1), _switch(nic)) for nic in range(NICS)]
    free = [*_gpus(number, number % (GPUS + 1)), *(nic for nic in nics if nic["count"])]
    return free if number % 4 else [entry for entry in free if entry["numa_node"] == 0]


def _nics(number: int) -> list[dict[str, Any]]:
    return [_vfs(port, 1 + (number + 7 * port) % PORT_VFS, []) for port in range(PORTS)]


def _disks(number: int) -> list[dict[str, Any]]:
    return [_entry(NVME, f"{0x10 + disk:02x}", disk % 4, []) for disk in range(1 + number % DISKS)]


def _nothing_free(_number: int) -> list[dict[str, Any]]:
    return []


def _not_known(_number: int) -> None:
    return None


_KINDS = (
    *(_gpus_alone, _gpus_and_nics, _gpus_alone, _nics, _gpus_alone),
    *(_gpus_and_nics, _disks, _nothing_free, _nothing_free, _not_known),
)


def _gpus(number: int, free: int) -> list[dict[str, Any]]:
    """Two below each of four switches; which ones are free differs from host to host."""
    places = sorted((number + 5 * gpu) % GPUS for gpu in range(free))
    return [_entry(GPU, f"{0x40 + gpu:02x}", gpu // 2, _switch(gpu // 2)) for gpu in places]


def _vfs(nic: int, free: int, switches: list[str]) -> dict[str, Any]:
    return {**_entry(NIC_VF, f"{0x80 + nic:02x}", nic, switches), "device_type": "type-VF", "count": free}


def _entry(kind: tuple[str, str, str], bus: str, root: int, switches: list[str]) -> dict[str, Any]:
    """`address` is that of the PF for VFs. Two of the four roots are on each NUMA node."""
    return {
        **dict(zip(_KIND, (*kind, "type-PCI"), strict=True)),
        "address": f"0000:{bus}:00.0",
        "numa_node": root // 2,
        "pcie_root": f"pci0000:{0x20 * root:02x}",
        "pcie_switches": switches,
        "count": 1,
    }


def _switch(root: int) -> list[str]:
    return [f"0000:{0x20 * root + 1:02x}:00.0"]
