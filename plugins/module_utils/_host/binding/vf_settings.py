# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust and spoof check of VFs, read and set through the interface of their PF, as a plan's steps have them."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..._model.host.vf_state import VfState
from ..._model.sriov.link_settings import LinkSettings
from .pf_link import PfLink, vfs_of

if t.TYPE_CHECKING:
    from ..._model.host.inventory import Inventory
    from ..._model.plan.steps import VfSettingsStep
    from ..sysfs import Tree
    from .iproute import Run

_NAMES = ("spoof_check", "trust")


class VfSettings:
    """Reads and sets what PFs have of their VFs; `link` makes the interface of a PF, by its address."""

    def __init__(self, tree: Tree, ip: Run, link: t.Callable[[Tree, str, Run], PfLink] = PfLink) -> None:
        self._tree = tree
        self._ip = ip
        self._make_link = link

    def _link(self, pf: str) -> PfLink:
        return self._make_link(self._tree, pf, self._ip)

    def states(self, inventory: Inventory, addresses: t.Iterable[str]) -> dict[str, VfState]:
        """The state of those addresses that are VFs of this host, and of the other VFs that their PFs tell of.

        Raises HostdevError where it can't be read.
        """
        wanted: dict[str, dict[str, int]] = {}
        for address in addresses:
            device = inventory.devices.get(address)
            pf = None if device is None else device.physical_function
            if pf is not None and pf in inventory.devices:
                wanted.setdefault(pf, {})[address] = self._number(address, pf)
        return {address: state for pf, numbers in wanted.items() for address, state in self._states(pf, numbers)}

    def _states(self, pf: str, numbers: t.Mapping[str, int]) -> t.Iterator[tuple[str, VfState]]:
        link = self._link(pf)
        shown = link.showing(numbers.values())
        for number, address in vfs_of(self._tree, pf).items():
            if number not in shown.vfs:
                continue
            told = {name: getattr(shown.vfs[number], name) for name in _NAMES}
            yield address, VfState(pf, number, told, link.interface, shown.up)

    def apply(self, step: VfSettingsStep) -> None:
        """Bring the VF's settings to the step's `after`, one after the other, and see that they are so.

        What is so already is left, unless a driver is known to show it wrongly. Raises HostdevError, with some of them
        set perhaps: the step's inverse puts back those.
        """
        there = vfs_of(self._tree, step.pf).get(step.index)
        if there != step.address:
            # Not what the VF had when the step was planned, or not what was planned: another VF's settings are others'.
            raise HostdevError(
                "vf_setting_failed",
                subject=f"{step.address}, VF {step.index} of {step.pf}",
                found=f"VF {step.index} of {step.pf} is {there or 'not there'}",
                wanted=step.address,
                remedy=f"see ls -l /sys/bus/pci/devices/{step.pf}/virtfn* on the host",
            )
        wanted = LinkSettings(trust=step.after.get("trust"), spoof_check=step.after.get("spoof_check"))
        try:
            self._link(step.pf).bring({step.index: wanted})
        except HostdevError as error:
            name = error.details.get("setting")
            if name is None:
                raise
            remedy = f"take network.{name} out of the request, or see dmesg for what the driver of {step.pf} says"
            raise error.but(remedy=remedy) from error

    def _number(self, address: str, pf: str) -> int:
        number = next((number for number, vf in vfs_of(self._tree, pf).items() if vf == address), None)
        if number is None:
            raise HostdevError(
                "vf_not_shown",
                subject=f"{address}, a VF of {pf}",
                found=f"{pf} has no link to it",
                wanted="its number at the physical function, by which it is set",
                remedy=f"see ls -l /sys/bus/pci/devices/{pf}/virtfn* on the host; VFs may be on their way out",
            )
        return number
