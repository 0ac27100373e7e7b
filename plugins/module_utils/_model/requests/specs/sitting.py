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
        sizes = {memory_of(device)}
        if device.vfio and device.address in self._held and device.details is not None:
            sizes.update(size for bar in device.details.bars if bar.prefetchable for size in bar.resizable_sizes)
        return any(map(wanted.fits, sizes))

    def _has_link(self, device: PciDevice, bridges: t.Sequence[str]) -> bool:
        """What is held and does not respond tells nothing, but did once."""
        if not device.responding and device.address in self._held:
            return True
        wanted = self._asked.link_speed, self._asked.link_width
        reached = link_within_reach(device, bridges, self._devices)
        return all(asked is None or asked.fits(most) for asked, most in zip(wanted, reached))


def memory_of(device: PciDevice) -> int | None:
    """The size of the largest prefetchable BAR, None without one, or where none was read."""
    bars = () if device.details is None else device.details.bars
    return max((bar.size for bar in bars if bar.prefetchable), default=None)


def link_within_reach(
    device: PciDevice, bridges: t.Sequence[str], devices: t.Mapping[str, PciDevice]
) -> tuple[float | None, int | None]:
    """Speed in GT/s and lanes: the lesser of what the function, or a VF's PF, and the port above can do.

    A port that tells nothing limits nothing; None where the function tells nothing.
    """
    own = _link(device) or _link(devices.get(device.physical_function or ""))
    above = _link(devices.get(bridges[-1])) if bridges else None
    if own is None or above is None:
        return (None, None) if own is None else (_speed(own.max_speed), own.max_width)
    speed, width = _lesser(_speed(own.max_speed), _speed(above.max_speed)), _lesser(own.max_width, above.max_width)
    return speed, width


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


_N = t.TypeVar("_N", float, int)


def _lesser(own: _N | None, above: _N | None) -> _N | None:
    return own if own is None or above is None else min(own, above)
