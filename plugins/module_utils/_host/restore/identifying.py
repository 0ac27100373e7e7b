# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Telling a card whose serial number only its own driver shows: that gets it for a moment, and nobody else does.

An NVMe disk without a serial number of PCI Express looks like any other of its model until nvme has asked it, and so
does a NIC without vital product data. Network services run later. Of a disk udev looks for nothing meanwhile, so that
no volume of it is activated and nothing of it mounted.
"""

from __future__ import annotations

import time
import typing as t

from ..._model.claims.cards.identity import not_told
from ..._model.errors import HostdevError
from ..._model.host.device import Binding, named_vfio
from ..._model.plan.steps import DriverStep
from ..change.steps.executors import Executors
from ..reading.pci.functions import read_device
from .disks import unsettled

if t.TYPE_CHECKING:
    from ..._model.claims.cards.found_again import Finder
    from ..._model.claims.claim import Holding
    from ..._model.host.device import PciDevice
    from ..change.host import ChangingHost

_PAUSE = 0.1


class Identifying:
    """Has the drivers of claimed functions show their serial numbers, within `seconds` for all of them together.

    A host may have dozens of disks, and its unit has an end (_model/persistence/units.py). `warnings` tell where they
    do not.
    """

    def __init__(self, host: ChangingHost, seconds: float) -> None:
        self._host = host
        self._seconds = seconds
        self.warnings: list[str] = []

    def identify(self, finder: Finder, held: t.Iterable[Holding]) -> None:
        """Give each of these that nothing tells, and that no driver has, to the driver that it had."""
        untold = []
        for one in held:
            device = finder.device(one.address)
            if device is None or not finder.at_home(one) or not not_told(device, one):
                continue
            driver = one.original.driver
            if device.driver is None and driver is not None and not named_vfio(driver):
                untold.append((device, one, driver))
            elif device.vfio:
                self.warnings.append(_warning(device.address, f"it is bound to {device.driver} already"))
        if not untold:
            return
        with unsettled(self._host.tree):
            given = [(device, one, driver) for device, one, driver in untold if self._given(device, driver)]
            self._await(given)

    def _given(self, device: PciDevice, driver: str) -> bool:
        """Give a function to its driver; returns whether that has it."""
        step = DriverStep(device.address, device.binding, Binding(driver, None))
        try:
            Executors(self._host, 0).apply(step)
        except HostdevError as error:
            self.warnings.append(_warning(device.address, error.message))
            return False
        return True

    def _await(self, given: t.Sequence[tuple[PciDevice, Holding, str]]) -> None:
        end = time.monotonic() + self._seconds
        silent = [one for one in given if not self._is_told(*one[:2])]
        while silent and time.monotonic() < end:
            time.sleep(_PAUSE)
            silent = [one for one in silent if not self._is_told(*one[:2])]
        for device, _held, driver in silent:
            self.warnings.append(_warning(device.address, f"{driver} does not show it"))

    def _is_told(self, device: PciDevice, held: Holding) -> bool:
        now = read_device(self._host.tree, device.address)
        return now is not None and not not_told(now, held)


def _warning(address: str, why: str) -> str:
    return f"{address} is taken for the device on record by its model and its place: its serial is not known, as {why}"
