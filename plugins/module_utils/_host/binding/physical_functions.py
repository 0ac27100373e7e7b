# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""PFs and the number of their VFs (drivers/pci/iov.c): changed, and read back."""

from __future__ import annotations

import re
import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.sriov.changes import AUTOPROBE, ESWITCH, MTU, NUMBER, UP, changes
from ..._model.sriov.link_settings import SETTINGS, LinkSettings
from ..._model.sriov.refusals import NumberWrite, hangs, made_otherwise, refused
from ..reading.kernel_log import lines_about
from ..reading.pci.functions import DEVICES
from .pf_link import PAUSES, vfs_of
from .pf_states import PfStates

if t.TYPE_CHECKING:
    from ..._model.sriov.changes import PfChange
    from ..._model.sriov.settings import Settings
    from ..._model.sriov.state import PfState
    from ..sysfs import Tree
    from .iproute import Run

    Write = t.Callable[[str, str, float], None]

# The kernel takes 0.1 s, and what the VFs' drivers take one after the other; to remove them at least 1 s.
_SECONDS, _SECONDS_EACH = 60.0, 2.0
_LINK = 15.0
"""How long a link is waited for, and the interfaces that VFs get: their driver's module may still have to be loaded."""

_LATE = 5.0
"""Seconds in which links may still come: on s390 they are late (k8snetworkplumbingwg/sriov-network-operator#1019)."""


class PhysicalFunctions(PfStates):
    """Reads and changes PFs. `write` writes to sysfs; `ip` and `devlink` run these programs."""

    def __init__(self, tree: Tree, write: Write, ip: Run, devlink: Run, pauses: t.Sequence[float] = PAUSES) -> None:
        super().__init__(tree, ip, devlink, pauses)
        self._write = write

    def drive(
        self,
        pf: str,
        target: PfState,
        administered: t.Mapping[int, Settings],
        ask: t.Callable[[], None],
    ) -> list[int]:
        """Bring the PF and its VFs to the target from whatever they are, and see that they are so.

        Returns the VFs whose MTU could not be set since they have no interface. `ask` is called right before VFs are
        removed, or the PF stops with them, and may refuse. Raises HostdevError, with some of it done.
        """
        eswitch = target.eswitch is not None
        present = self.state(pf, eswitch=eswitch)
        todo = changes(pf, present, target, administered, driver=self._driver(pf))
        settings: dict[int, dict[str, t.Any]] = {}
        left: list[int] = []
        for change in todo:
            if change.vf is None:
                left.extend(self._set_settings(pf, settings))
                self._apply(change, ask)
            else:
                settings.setdefault(change.vf, {})[str(change.name)] = change.after
        left.extend(self._set_settings(pf, settings))
        if todo:
            self._verify(pf, target.without_mtu(left))
        return left

    def _set_settings(self, pf: str, settings: dict[int, dict[str, t.Any]]) -> list[int]:
        """Set them; returns the VFs that have no interface whose MTU could be set."""
        if any(wanted.get(name) for wanted in settings.values() for name in ("max_tx_rate", "min_tx_rate")):
            self._await_link(pf)
        mtus = {vf: wanted.pop("mtu") for vf, wanted in settings.items() if "mtu" in wanted}
        of_pf = {vf: LinkSettings(**wanted) for vf, wanted in settings.items() if wanted}
        if of_pf:
            self._link(pf).bring(of_pf, anew=SETTINGS)
        settings.clear()
        return self._set_mtus(pf, mtus)

    def _set_mtus(self, pf: str, mtus: t.Mapping[int, int]) -> list[int]:
        """Set them once the VFs have interfaces, which no driver of the host makes them where it is not asked to."""
        addresses = vfs_of(self._tree, pf)
        comes = self._tree.may_hang and self._tree.number(f"{DEVICES}/{pf}/sriov_drivers_autoprobe") != 0
        end = time.monotonic() + (_LINK if comes else 0)
        return [vf for vf, mtu in mtus.items() if not self._interface(addresses.get(vf, "")).set_mtu(mtu, end)]

    def _await_link(self, pf: str) -> None:
        """Drivers take rates while there is a link alone, which is gone for seconds after another number of VFs."""
        folder = f"{DEVICES}/{pf}/net"
        end = time.monotonic() + (_LINK if self._tree.may_hang else 0)
        # Unlike `carrier` it is read without the lock of all interfaces.
        while not any(self._tree.text(f"{folder}/{name}/operstate") == "up" for name in self._tree.names(folder)):
            if time.monotonic() >= end:
                return
            time.sleep(0.1)

    def _verify(self, pf: str, target: PfState) -> None:
        """A guest may have given a VF that it is trusted with another MAC address since (igb_set_vf_mac_addr)."""
        present = self.state(pf, eswitch=target.eswitch is not None)
        differs = changes(pf, present, target, target.vfs)
        trusted = {vf for vf, settings in target.vfs.items() if settings.get("trust")}
        left = [change for change in differs if change.name != "mac" or change.vf not in trusted]
        if left:
            raise HostdevError(
                "vfs_not_as_set",
                subject=pf,
                found=f"the kernel took all, and yet differs: {'; '.join(map(str, left))}",
                wanted="all as it was set",
                remedy="see dmesg for what its driver says; leave out what it does not do",
            )

    def _apply(self, change: PfChange, ask: t.Callable[[], None]) -> None:
        if (change.kind == NUMBER and change.before) or change.stops_pf:
            ask()
        if change.kind == NUMBER:
            if change.before:
                self._set_number(change.pf, 0)
            if change.after:
                self._set_number(change.pf, change.after)
        elif change.kind == AUTOPROBE:
            self._write_file(change.pf, "sriov_drivers_autoprobe", str(int(change.after)))
        elif change.kind == UP:
            self._link(change.pf).set_link(["up" if change.after else "down"])
        elif change.kind == MTU:
            self._link(change.pf).set_link(["mtu", str(change.after)])
        elif change.kind == ESWITCH:
            self._eswitch.set_mode(change.pf, change.after)
        else:
            raise ValueError(change.kind)

    def _write_file(self, pf: str, name: str, text: str) -> None:
        path = f"{DEVICES}/{pf}/{name}"
        try:
            self._write(path, text, _SECONDS)
        except TimeoutError as error:
            vfs = vfs_of(self._tree, pf)
            write = NumberWrite(pf, self._driver(pf), len(vfs), len(vfs), len(vfs))
            raise self._hangs(write, error, vfs) from error
        except OSError as error:
            raise HostdevError(
                "vfs_failed",
                subject=pf,
                found=f"the kernel refused {text} for {name}: {error.strerror or error}",
                wanted=f"{name} {text}",
                remedy=f"see dmesg | grep {pf} on the host",
            ) from error

    def _set_number(self, pf: str, number: int) -> None:
        """Write the number, and wait until there are so many. Raises HostdevError."""
        path = f"{DEVICES}/{pf}/sriov_numvfs"
        vfs = vfs_of(self._tree, pf)
        there = len(vfs)
        names = self._tree.names(f"{DEVICES}/{pf}/net")
        total = self._tree.number(f"{DEVICES}/{pf}/sriov_totalvfs") or 0
        write = NumberWrite(pf, self._driver(pf), number, there, total, names[0] if names else None)
        try:
            self._write(path, str(number), _SECONDS + _SECONDS_EACH * max(number, there))
        except TimeoutError as error:
            raise self._hangs(write, error, vfs) from error
        except OSError as error:
            why = refused(write, error.errno or 0, lines_about(self._tree, pf))
            raise HostdevError("vfs_failed", subject=pf, **why._asdict()) from error
        end = time.monotonic() + (_LATE if self._tree.may_hang else 0)
        while (made := self._number(pf)) != number:
            if time.monotonic() >= end:
                other = made_otherwise(write, made, lines_about(self._tree, pf))
                raise HostdevError("vfs_failed", subject=pf, **({} if other is None else other._asdict()))
            time.sleep(0.05)

    def _hangs(self, write: NumberWrite, error: TimeoutError, vfs: t.Mapping[int, str]) -> HostdevError:
        """The kernel's log names the VF that is waited for by its own address; `vfs` are those of before.

        That one is there, and its PF has no link to it any more (drivers/pci/iov.c, pci_iov_remove_virtfn).
        """
        known = {**vfs, **vfs_of(self._tree, write.pf)}
        left = {vf: address for vf, address in known.items() if self._tree.exists(f"{DEVICES}/{address}")}
        log = [line for address in left.values() for line in lines_about(self._tree, address)]
        process = re.search(r"process (\d+)", str(error))
        why = hangs(write, int(process.group(1)) if process else None, log)
        still = ", ".join(f"VF {vf} ({address})" for vf, address in left.items())
        return HostdevError(
            "vfs_hang",
            subject=write.pf,
            found=f"{why.found} ({error}); still there: {still or 'none'}",
            wanted=why.wanted,
            remedy=f"{why.remedy}; then run the task again",
            details={"vfs": sorted(left.values())},
        )

    def _driver(self, pf: str) -> str | None:
        return self._tree.link_name(f"{DEVICES}/{pf}/driver")
