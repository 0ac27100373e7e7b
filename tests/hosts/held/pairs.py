# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GPUs that have a network controller of their own with a switch above both."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory

# 3D and other display controllers and processing accelerators. VGA controllers count where there is none of these: what
# manages a server is one too.
_ACCELERATORS, _VGA, _NETWORK = ("0302", "0380", "1200"), ("0300",), ("0200", "0207")


def pairs(inventory: Inventory) -> tuple[int, int]:
    """How many pairs there are at most, each device in one of them, and how many GPUs; VFs count for nothing."""
    topology = Topology(inventory)

    def switches(classes: tuple[str, ...]) -> dict[str, frozenset[str]]:
        return {
            address: frozenset(topology[address].pcie_switches)
            for address, device in inventory.devices.items()
            if device.class_id.startswith(classes) and device.physical_function is None
        }

    gpus, nics = switches(_ACCELERATORS) or switches(_VGA), switches(_NETWORK)
    near = {gpu: [nic for nic, its in nics.items() if its & above] for gpu, above in gpus.items()}
    return matching(near), len(gpus)


def matching(near: t.Mapping[str, t.Sequence[str]]) -> int:
    """The size of a maximum matching (Kuhn's algorithm: a free partner, or one whose own can take another)."""
    taken: dict[str, str] = {}

    def find(one: str, tried: set[str]) -> bool:
        for other in near[one]:
            if other not in tried:
                tried.add(other)
                if other not in taken or find(taken[other], tried):
                    taken[other] = one
                    return True
        return False

    return sum(find(one, set()) for one in near)
