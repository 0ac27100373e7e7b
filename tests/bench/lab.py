# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pci_facts on a real kernel with over 100 VFs: its share of a task, next to a no-op module's."""

from __future__ import annotations

import json
import statistics

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import PlayResult, play, tasks


def run(rounds: int) -> None:
    """Boot the lab host, make all VFs of its NVMe controller, and print what tasks take there."""
    with Lab() as host:
        make_vfs(host)
        done = play(
            host.inventory(),
            tasks(
                *(
                    {"name": f"{name} {turn}", module: {}}
                    for turn in range(rounds + 1)
                    for name, module in (("noop", "ansible.builtin.ping"), ("facts", "kvm.hostdev.pci_facts"))
                )
            ),
        )
        if done.code:
            raise SystemExit(f"bench: {done.output}")
        devices = done.of(f"facts {rounds}").result["ansible_facts"]["hostdev"]["devices"]
        kinds = [device["device_type"] for device in devices if device["capability"] == "pci"]
        noop, facts = (_median(done, name, rounds) for name in ("noop", "facts"))
        own = facts - noop
        print(
            f"lab host: {len(kinds)} functions, {kinds.count('type-VF')} of them VFs, {len(devices)} devices in all, "
            f"{len(json.dumps(devices)) / 1e6:.2f} MB\n"
            f"medians of {rounds} tasks: pci_facts {facts:.2f} s, a no-op module {noop:.2f} s; "
            f"the module's own share is {own:.2f} s, {own / facts:.0%} of its task"
        )


def make_vfs(host: Lab) -> None:
    """Make all VFs of the SR-IOV NVMe controller and await that udev has seen them."""
    host.sh(
        f"cd /sys/bus/pci/devices/{topology.NVME_PF} && echo 0 > sriov_drivers_autoprobe && "
        f"echo {topology.NVME_TOTAL_VFS} > sriov_numvfs && udevadm settle"
    )


def _median(done: PlayResult, name: str, rounds: int) -> float:
    return statistics.median(done.of(f"{name} {turn}").seconds for turn in range(1, rounds + 1))
