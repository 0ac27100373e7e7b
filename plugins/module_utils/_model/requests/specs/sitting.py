# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a device spec asks of where a function sits, of its memory, and of its link."""

from __future__ import annotations

import typing as t

from ...host.topology import Topology

if t.TYPE_CHECKING:
    from ...host.device import PciDevice, PcieLink
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
        self._devices = inventory.devices
        self._held = held
        self._topology = Topology(inventory)

    def addresses(self) -> frozenset[str]:
        return frozenset(address for address, device in self._devices.items() if self._fits(device))

    def _fits(self, device: PciDevice) -> bool:
        asked, where = self._asked, self._topology[device.address]
        return (
            asked.pcie_root in (None, where.pcie_root)
            and asked.slot in (None, where.slot)
            and (asked.pcie_switch is None or asked.pcie_switch in where.pcie_switches)
            and (asked.memory is None or self._has_memory(asked.memory, device))
            and ((asked.link_speed is None and asked.link_width is None) or self._has_link(device, where.bridges))
        )

    def _has_memory(self, wanted: Comparison, device: PciDevice) -> bool:
        """By its largest prefetchable BAR.

        A held function's may have been made as large as it can be by its own driver, and be smaller since a reboot.
        """
        bars = () if device.details is None else [bar for bar in device.details.bars if bar.prefetchable]
        sizes = {max((bar.size for bar in bars), default=None)}
        if device.vfio and device.address in self._held:
            sizes.update(size for bar in bars for size in bar.resizable_sizes)
        return any(map(wanted.fits, sizes))

    def _has_link(self, device: PciDevice, bridges: t.Sequence[str]) -> bool:
        """By the lesser of what the function, or a VF's PF, and the port above can do.

        A port that tells nothing limits nothing. What is held and does not respond tells nothing, but did once.
        """
        if not device.responding and device.address in self._held:
            return True
        own = _link(device) or _link(self._devices.get(device.physical_function or ""))
        above = _link(self._devices.get(bridges[-1])) if bridges else None
        speeds = [None if link is None else _speed(link.max_speed) for link in (own, above)]
        widths = [None if link is None else link.max_width for link in (own, above)]
        return all(
            wanted is None or wanted.fits(_lesser(*reach))
            for wanted, reach in ((self._asked.link_speed, speeds), (self._asked.link_width, widths))
        )


def _link(device: PciDevice | None) -> PcieLink | None:
    """The function's link, None where nothing is known of it."""
    link = None if device is None or device.details is None else device.details.link
    return None if link is None or (link.max_speed is None and link.max_width is None) else link


def _speed(printed: str | None) -> float | None:
    """GT/s of what the kernel prints, `16.0 GT/s PCIe`."""
    try:
        return None if printed is None else float(printed.split(" ")[0])
    except ValueError:
        return None


def _lesser(own: float | None, above: float | None) -> float | None:
    return own if own is None or above is None else min(own, above)
