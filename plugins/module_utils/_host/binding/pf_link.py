# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of a PF, by which the settings of its VFs are read and written, with iproute2."""

from __future__ import annotations

import contextlib
import errno
import functools
import re
import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.sriov.driver_settings import known_of, refusals
from ..._model.sriov.kernel_words import errno_in
from ..._model.sriov.link_changes import link_changes
from ..._model.sriov.link_settings import PROTOCOLS, LinkSettings, in_words, parse_link
from ..reading.bounded import read_bounded
from ..reading.pci.functions import DEVICES

if t.TYPE_CHECKING:
    from ..._model.sriov.link_changes import LinkChange
    from ..._model.sriov.link_settings import Link
    from ..sysfs import Tree
    from .iproute import Answer, Run

# A VF of i40e is in reset for 0.3 s after some settings, one of ice until its driver has set it up.
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)
"""Seconds between attempts at what a driver refuses for the moment."""

FOR_THE_MOMENT = (errno.EAGAIN, errno.EBUSY)
# An e-switch gives its PF's folder the interfaces of all VFs as well: pf0vf3. A PF's own is p0, or has no such name.
_PORT = re.compile(r"(p\d+)?")
_VF_LINK = re.compile(r"virtfn(\d+)")

_WHY = {
    errno.EOPNOTSUPP: "the driver of the physical function can't set it",
    errno.EPERM: "not permitted: not root, without CAP_NET_ADMIN, or the driver does not allow it",
    errno.EINVAL: "the driver does not accept it for this VF",
    errno.EBUSY: "the physical function is busy, it may be resetting",
    errno.EAGAIN: "the VF is busy, it may be resetting",
    errno.EPROTONOSUPPORT: "the driver does not know this VLAN protocol",
    errno.ENETDOWN: "the driver wants the interface of the physical function up, with a link",
}


def vfs_of(tree: Tree, pf: str) -> dict[int, str]:
    """The addresses of a PF's VFs by the numbers that it has for them, which have gaps while VFs are removed."""
    found = ((match, name) for name in tree.names(f"{DEVICES}/{pf}") if (match := _VF_LINK.fullmatch(name)))
    links = {int(match.group(1)): tree.link_name(f"{DEVICES}/{pf}/{name}") for match, name in found}
    return {number: address for number, address in sorted(links.items()) if address}


class PfLink:
    """One PF's interface. All methods raise HostdevError, which names PF and driver."""

    def __init__(
        self,
        tree: Tree,
        pf: str,
        ip: Run,
        pauses: t.Sequence[float] = PAUSES,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        """`sleep` is called with each of the `pauses` while a driver lets us wait."""
        self._tree = tree
        self.pf = pf
        self._ip = ip
        self._pauses = pauses
        self._sleep = sleep

    @functools.cached_property
    def driver(self) -> str | None:
        return self._tree.link_name(f"{DEVICES}/{self.pf}/driver")

    @functools.cached_property
    def interface(self) -> str:
        """The PF's own interface, and none of those that stand for its VFs in an e-switch."""
        folder = f"{DEVICES}/{self.pf}/net"
        names = self._tree.names(folder)
        # Bounded, since the kernel answers only while nobody holds the lock of all interfaces.
        ports = read_bounded(self._tree, [f"{folder}/{name}/phys_port_name" for name in names])
        if ports.hung:
            raise self._error(
                "the kernel does not tell which port its interfaces are: somebody has all interfaces locked",
                wanted="the physical function's own interface",
                remedy="see dmesg for a process that hangs",
            )
        own = [name for name, port in zip(names, ports.data.values()) if _PORT.fullmatch(_text(port or b""))]
        if not own:
            raise self._error(
                f"{self.pf} has no network interface on the host",
                wanted="one: network settings of a VF are set through that of its physical function",
                remedy=f"bind {self.pf} to its network driver, or set none for its VFs",
            )
        return own[0]

    def read(self) -> Link:
        """The interface with those VFs that the driver shows at this moment."""
        interface = self.interface
        answer = self._ask(["-j", "-d", "link", "show", "dev", interface], "its VFs' settings as they are now")
        problem = f"ip answered with code {answer.code}: {answer.complaint}"
        if answer.code == 0:
            try:
                return parse_link(answer.output, answer.complaint)
            except (ValueError, TypeError, AttributeError, LookupError):
                problem = f"the kernel does not tell its settings: {answer.output or 'ip wrote nothing'}"
        raise self._error(
            problem, wanted="its VFs' settings as they are now", remedy=f"see ip link show {interface} on the host"
        )

    def read_all(self, number: int) -> Link:
        """The interface with so many VFs. Those that are not shown are asked for again, where a driver shows any."""
        link = self.read()
        for pause in self._pauses:
            if not link.vfs or link.truncated or all(vf in link.vfs for vf in range(number)):
                break
            self._sleep(pause)
            link = self.read()
        return link

    def showing(self, numbers: t.Collection[int]) -> Link:
        """The interface with at least these VFs. One that is there and not shown is asked for again, for seconds."""
        there = vfs_of(self._tree, self.pf)
        absent = [number for number in numbers if number not in there]
        if absent:
            raise self._not_shown(absent[0], f"{self.pf} has no such VF")
        link = self.read()
        for pause in self._pauses:
            if link.truncated or all(number in link.vfs for number in numbers):
                break
            self._sleep(pause)
            link = self.read()
        missing = [number for number in numbers if number not in link.vfs]
        if missing and link.truncated:
            error = self._not_shown(missing[0], "the kernel's list of VFs is cut: it has room for about 220")
            raise error.but(remedy=f"make fewer VFs of {self.pf}")
        if missing:
            waited = f", for {sum(self._pauses):.0f} s" if self._pauses else ""
            raise self._not_shown(missing[0], f"the driver of the physical function does not show it{waited}")
        return link

    def vf(self, number: int) -> LinkSettings:
        return self.showing([number]).vfs[number]

    def set_link(self, words: t.Sequence[str]) -> None:
        """Change the interface itself: `up`, `down`, `mtu` with a number."""
        told = " ".join(words)
        answer = self._ask(["link", "set", "dev", self.interface, *words], told)
        if answer.code:
            why = _WHY.get(errno_in(answer.complaint) or 0, "see dmesg")
            raise self._error(
                f"the kernel refused it: {answer.complaint}: {why}",
                wanted=f"{self.interface} {told}",
                remedy=f"see ip -d link show {self.interface} on the host for what it takes",
            )

    def bring(self, number: int, wanted: LinkSettings, anew: t.Collection[str] = ()) -> list[LinkChange]:
        """Bring one VF to what is wanted of it, one setting after the other, each read back; return what was written.

        Settings named in `anew` are written even where they show already. Where one is refused those before it stay,
        but a spoof check that was off for a new MAC address is on again.
        """
        changes = link_changes(self.vf(number), wanted, self.driver, anew)
        off = False
        try:
            for change in changes:
                self._make(number, change)
                off = change.aside or (off and "spoof_check" not in change.settings)
        except HostdevError:
            if off:
                with contextlib.suppress(HostdevError):
                    self._write(number, next(c for c in changes if c.settings.get("spoof_check") is True))
            raise
        return changes

    def _make(self, number: int, change: LinkChange) -> None:
        self._write(number, change)
        present = self.vf(number)
        for pause in self._pauses:
            if change.is_in(present):
                return
            # Some drivers do it later, by themselves.
            self._sleep(pause)
            present = self.vf(number)
        if not change.is_in(present):
            shown = {name: value for name, value in present.given().items() if name in change.settings}
            self._refused(number, change, f"the kernel took it, but the driver shows {in_words(shown) or 'nothing'}")

    def _write(self, number: int, change: LinkChange) -> None:
        words = ["link", "set", "dev", self.interface, "vf", str(number), *change.words]
        answer = self._ask(words, str(change))
        for pause in self._pauses:
            if answer.code == 0 or errno_in(answer.complaint) not in FOR_THE_MOMENT:
                break
            self._sleep(pause)
            answer = self._ask(words, str(change))
        if answer.code:
            why = _WHY.get(errno_in(answer.complaint) or 0, "see dmesg")
            self._refused(number, change, f"the kernel refused it: {answer.complaint}: {why}")

    def _ask(self, words: t.Sequence[str], wanted: str) -> Answer:
        try:
            return self._ip(words)
        except TimeoutError as error:
            raise self._error(
                str(error), wanted=wanted, remedy="see dmesg for what hangs; only a reboot ends a process in state D"
            ) from error
        except OSError as error:
            raise self._error(
                f"ip can't be run: {error}", wanted="iproute2", remedy="install iproute2 (iproute on RHEL) on the host"
            ) from error

    def _refused(self, number: int, change: LinkChange, problem: str) -> t.NoReturn:
        never = refusals(self.driver, LinkSettings(**t.cast("dict[str, t.Any]", change.settings)), switchdev=True)
        # What goes along as none need not be explained.
        names = [name for name, value in change.settings.items() if value not in (0, PROTOCOLS[0])]
        known = known_of(self.driver, names or change.settings)
        name, known = next(iter(never.items()), (next(iter(change.settings)), known))
        raise HostdevError(
            "vf_setting_failed",
            subject=f"{name} of {self._named(number)}",
            found=f"{problem}; {known}" if known else problem,
            wanted=str(change),
            remedy=f"leave {name} out, or see dmesg for what the driver of {self.pf} says",
            details={"setting": name},
        )

    def _not_shown(self, number: int, found: str) -> HostdevError:
        return HostdevError(
            "vf_not_shown",
            subject=self._named(number),
            found=found,
            wanted="its settings as they are now, to put them back later",
            remedy=f"see ip link show {self.interface} on the host, which should have 'vf {number}', and dmesg",
        )

    def _named(self, number: int) -> str:
        vf = vfs_of(self._tree, self.pf).get(number)
        pf = f"VF {number} of {self.pf} ({self.interface}, {self.driver or 'no driver'})"
        return pf if vf is None else f"{vf}, {pf}"

    def _error(self, found: str, *, wanted: str, remedy: str) -> HostdevError:
        driver = f"driver {self.driver}" if self.driver else "no driver"
        return HostdevError(
            "vf_setting_failed", subject=f"{self.pf} ({driver})", found=found, wanted=wanted, remedy=remedy
        )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()
