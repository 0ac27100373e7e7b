# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""PFs and the number of their VFs (drivers/pci/iov.c), read without waiting for anybody."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._model.sriov.state import PfState
from ..reading.pci.functions import DEVICES
from .eswitch import Eswitch
from .pf_link import PAUSES, PfLink, vfs_of
from .vf_interface import VfInterface

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .iproute import Run


class PfStates:
    """Reads PFs. `ip` and `devlink` run these programs."""

    def __init__(self, tree: Tree, ip: Run, devlink: Run, pauses: t.Sequence[float] = PAUSES) -> None:
        """`pauses` are the seconds between attempts."""
        self._tree = tree
        self._ip = ip
        self._eswitch = Eswitch(devlink)
        self._pauses = pauses

    def state(self, pf: str, *, eswitch: bool = False) -> PfState:
        """The PF as it is; `eswitch` says whether its e-switch is asked for as well. Raises HostdevError.

        sriov_numvfs is never read: that waits for whoever changes it.
        """
        autoprobe = self._tree.number(f"{DEVICES}/{pf}/sriov_drivers_autoprobe")
        number = self._number(pf)
        bare = PfState(
            number, None if autoprobe is None else autoprobe != 0, eswitch=self._eswitch.mode(pf) if eswitch else None
        )
        if not self._tree.names(f"{DEVICES}/{pf}/net"):
            return bare
        link = self._link(pf).read_all(number)
        vfs: dict[int, dict[str, t.Any]] = {vf: settings.given() for vf, settings in link.vfs.items() if vf < number}
        for vf, address in vfs_of(self._tree, pf).items():
            mtu = self._interface(address).mtu
            if mtu is not None:
                vfs.setdefault(vf, {})["mtu"] = mtu
        return replace(bare, up=link.up, mtu=link.mtu, vfs=vfs)

    def _interface(self, vf: str) -> VfInterface:
        return VfInterface(self._tree, vf, self._ip, self._pauses)

    def _link(self, pf: str) -> PfLink:
        return PfLink(self._tree, pf, self._ip, self._pauses)

    def _number(self, pf: str) -> int:
        return len(vfs_of(self._tree, pf))
