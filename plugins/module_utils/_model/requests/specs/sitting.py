# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a device spec asks of where a function sits, of its memory, and of its link."""

from __future__ import annotations

import typing as t

from ...host.measures import link, memory
from ...host.topology import Topology

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...host.inventory import Inventory
    from .comparison import Comparison


class Sitting(t.NamedTuple):
    """The criteria of a spec that are about that; those on memory and link need the details of functions."""

    pcie_root: str | None
    pcie_switch: str | None
    slot: str | None
    memory: Comparison | None
    link_speed: Comparison | None
    link_width: Comparison | None


def addresses_sitting(asked: Sitting, inventory: Inventory, held: t.Collection[str]) -> frozenset[str]:
    """The functions that fit in that, see DeviceSpec.permitting; `held` are those that their claimer has by now."""
    return _Fitting(asked, inventory, held).addresses()


class _Fitting:
    def __init__(self, asked: Sitting, inventory: Inventory, held: t.Collection[str]) -> None:
        self._asked = asked
        self._inventory = inventory
        self._held = held
        self._topology = Topology(inventory)

    def addresses(self) -> frozenset[str]:
        return frozenset(address for address, device in self._inventory.devices.items() if self._fits(device))

    def _fits(self, device: PciDevice) -> bool:
        asked, where = self._asked, self._topology[device.address]
        return (
            asked.pcie_root in (None, where.pcie_root)
            and asked.slot in (None, where.slot)
            and (asked.pcie_switch is None or asked.pcie_switch in where.pcie_switches)
            and (asked.memory is None or self._has_memory(asked.memory, device))
            and ((asked.link_speed is None and asked.link_width is None) or self._has_link(device))
        )

    def _has_memory(self, wanted: Comparison, device: PciDevice) -> bool:
        """By its largest prefetchable BAR.

        A held function's may have been made as large as it can be by its own driver, and be smaller since a reboot.
        """
        sizes = {memory(device)}
        if device.vfio and device.address in self._held and device.details is not None:
            registers = [register for register in device.details.bars if register.prefetchable]
            sizes.update(size for register in registers for size in register.resizable_sizes)
        return any(map(wanted.fits, sizes))

    def _has_link(self, device: PciDevice) -> bool:
        """What is held and does not respond tells nothing, but did once."""
        if not device.responding and device.address in self._held:
            return True
        wanted = self._asked.link_speed, self._asked.link_width
        reached = link(self._inventory, device)
        return all(asked is None or asked.fits(most) for asked, most in zip(wanted, reached))
