# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface that a VF has while a driver of the host has the VF: its MTU is set there, and not by the PF."""

from __future__ import annotations

import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.sriov.kernel_words import errno_in
from ..reading.pci.functions import DEVICES
from .pf_link import FOR_THE_MOMENT, PAUSES

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .iproute import Answer, Run


class VfInterface:
    """The interface of the VF at an address, in the host's own network namespace."""

    def __init__(self, tree: Tree, vf: str, ip: Run, pauses: t.Sequence[float] = PAUSES) -> None:
        """`pauses` are the seconds between attempts."""
        self._tree = tree
        self._vf = vf
        self._ip = ip
        self._pauses = pauses

    @property
    def name(self) -> str | None:
        """None without one; udev may give it another name at any moment."""
        return next(iter(self._tree.names(f"{DEVICES}/{self._vf}/net")), None)

    @property
    def mtu(self) -> int | None:
        """None without an interface. The kernel tells it without a lock (net/core/net-sysfs.c, netdev_show)."""
        name = self.name
        while name is not None:
            mtu = self._tree.number(f"{DEVICES}/{self._vf}/net/{name}/mtu")
            read, name = name, self.name
            if mtu is not None or read == name:
                return mtu
        return None

    def set_mtu(self, mtu: int, end: float) -> bool:
        """Set it; false where there is no interface until the monotonic time `end`. Raises HostdevError."""
        pauses = iter(self._pauses)
        while True:
            name = self.name
            if name is None:
                if time.monotonic() >= end:
                    return False
                time.sleep(0.1)
                continue
            answer = self._set_mtu(name, mtu)
            if not answer.code:
                return True
            pause = next(pauses, None)
            if pause is None or (self.name == name and errno_in(answer.complaint) not in FOR_THE_MOMENT):
                raise self._error(
                    f"the kernel refused it: {answer.complaint}",
                    f"{name} mtu {mtu}",
                    f"see ip -d link show {name} on the host for the most that its driver takes (maxmtu)",
                )
            time.sleep(pause)

    def _set_mtu(self, name: str, mtu: int) -> Answer:
        wanted = f"{name} mtu {mtu}"
        try:
            return self._ip(["link", "set", "dev", name, "mtu", str(mtu)])
        except TimeoutError as error:
            remedy = "see dmesg for what hangs; only a reboot ends a process in state D"
            raise self._error(str(error), wanted, remedy) from error
        except OSError as error:
            remedy = "install iproute2 (iproute on RHEL) on the host"
            raise self._error(f"ip can't be run: {error}", wanted, remedy) from error

    def _error(self, found: str, wanted: str, remedy: str) -> HostdevError:
        driver = self._tree.link_name(f"{DEVICES}/{self._vf}/driver")
        return HostdevError(
            "vf_setting_failed",
            subject=f"mtu of {self._vf} ({driver or 'no driver'})",
            found=found,
            wanted=wanted,
            remedy=remedy,
            details={"setting": "mtu"},
        )
