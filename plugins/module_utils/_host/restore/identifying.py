# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Telling a card whose serial number only its own driver shows: that gets it for a moment, and nobody else does.

An NVMe disk without a serial number of PCI Express looks like any other of its model until nvme has asked it, and so
does a NIC without vital product data. Network services run later. Of a disk udev looks for nothing meanwhile, so that
no volume of it is activated and nothing of it mounted, see the rules in _model/persistence/rules.py.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ..._model.claims.found_again import is_it
from ..._model.claims.identity import not_told
from ..._model.errors import HostdevError
from ..._model.host.device import Binding, named_vfio
from ..._model.persistence.paths import IDENTIFYING
from ..._model.plan.steps import DriverStep
from ..boot.own_files import OwnFiles
from ..boot.programs import Programs
from ..change.steps.executors import Executors
from ..reading.pci.functions import read_device

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Holding
    from ..._model.claims.found_again import Finder
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
        with self._alone():
            given = [(device, one, driver) for device, one, driver in untold if self._given(device, driver)]
            self._await(given)
        for device, one, _driver in untold:
            self._given_back(device.address, one)

    @contextlib.contextmanager
    def _alone(self) -> t.Iterator[None]:
        """With a mark for the rules, by which udev leaves disks of claimed functions alone."""
        files = OwnFiles(self._host.tree)
        with contextlib.suppress(OSError):
            files.write(IDENTIFYING, b"")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                files.remove(IDENTIFYING)

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

    def _given_back(self, address: str, held: Holding) -> None:
        """Have udev look at the disks of one that is another, which stays with its driver."""
        device = read_device(self._host.tree, address)
        programs = Programs(self._host.tree)
        if device is None or is_it(device, held) or not programs.has("udevadm"):
            return
        path = self._host.tree.local(device.path)
        words = ("trigger", "--action=add", "--subsystem-match=block", f"--parent-match={os.path.realpath(path)}")
        with contextlib.suppress(HostdevError):
            programs.run("udevadm", *words, seconds=20)


def _warning(address: str, why: str) -> str:
    return f"{address} is taken for the device on record by its model and its place: its serial is not known, as {why}"
