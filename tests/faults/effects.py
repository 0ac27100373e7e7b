# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake host whose n-th effect goes wrong: a wrapper around what `_host` is given, no option of the shipped code.

Effects are all that outlives a run: writes to sysfs, modules loaded, devices that enter or leave a domain, settings of
VFs, and writes of the record.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.binder import Binder
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.iproute import Answer
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.physical_functions import PhysicalFunctions
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.vf_settings import VfSettings
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp, refusal
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LIVE, FakeDomain, LibvirtError

from .used import Use

SYSFS, MODULE, LIBVIRT, IPROUTE, RECORD = "sysfs", "module", "libvirt", "iproute2", "record"

FAIL = "fail"  # this effect is refused
FAIL_ON = "fail from then on"  # it and all later ones of its kind: a full disk, a dead libvirt
HANG = "hang"  # no answer within the deadline, and no effect
LATE = "hang, done late"  # no answer within the deadline; the effect comes before the next one
LET_GO_LATER = "guest lets go later"  # a guest that lets a device go after the run has given up
KILL_BEFORE = "SIGKILL before"
KILL_DURING = "SIGKILL during"  # another process completes the effect, as the kernel and libvirt do
KILL_AFTER = "SIGKILL after"
RESET = "reset of the host during"
USED_BY_HOST = "used by the host meanwhile"  # right before this effect the host begins to use what it can
USED_BY_DOMAIN = "used by a domain meanwhile"  # and another domain is started with it
USED = (USED_BY_HOST, USED_BY_DOMAIN)
SURVIVED = (FAIL, FAIL_ON, HANG, LATE, LET_GO_LATER)
KILLED = (KILL_BEFORE, KILL_DURING, KILL_AFTER, RESET)
MODES = (*SURVIVED, *KILLED, *USED)


class NoSuchFaultError(Exception):
    """The mode means nothing for this kind of effect."""


def has_fault(kind: str, what: str, mode: str) -> bool:
    """Whether the mode means anything for an effect."""
    if mode in USED:
        # Between the question and such a write there is nothing: disks are held meanwhile.
        return not what.partition(" ")[0].endswith("/unbind") and not what.endswith("sriov_numvfs <- '0'")
    detaches = kind == LIBVIRT and what == f"detach {LIVE}"
    return {
        HANG: kind == SYSFS or detaches,
        LATE: kind == SYSFS,
        LET_GO_LATER: detaches,
    }.get(mode, True)


class Effects:
    """Counts a host's effects, and lets the one of this number go wrong in this way; 0 is none."""

    def __init__(self, host: FakeHost, number: int = 0, mode: str = FAIL, use: Use | None = None) -> None:
        self._host = host
        self._use = use
        self._number, self._mode = number, mode
        self._broken: str | None = None
        self._late: Callable[[], object] | None = None
        self.seen: list[str] = []
        kernel = host.kernel
        host.system.binder = Binder(host.tree, self._sysfs, self._module)
        host.file = _Record(host.file.path.rpartition("/")[0], self)
        ip = _Ip(host.links, self)
        host.system.vf_settings = VfSettings(host.tree, ip)
        host.system.pfs = PhysicalFunctions(host.tree, self._sysfs, ip, host.links.devlink, pauses=())
        for domain in host.libvirt.domains:
            self._wrap(domain)
        self._kernel = kernel

    def happen(self, kind: str, what: str, do: Callable[[], Any], wrong: Callable[[], Exception]) -> Any:
        """Carry out an effect, or let it go wrong; `wrong` makes what is raised when it is refused."""
        if self._late is not None:
            late, self._late = self._late, None
            late()
        self.seen.append(f"{kind}: {what}")
        if self._broken == kind:
            raise wrong()
        if len(self.seen) != self._number:
            return do()
        if not has_fault(kind, what, self._mode):
            raise NoSuchFaultError(what)
        if self._use is not None:
            self._use.begin()
            return do()
        if self._mode in (FAIL, FAIL_ON):
            self._broken = kind if self._mode == FAIL_ON else None
            raise wrong()
        if self._mode in (HANG, LATE, LET_GO_LATER):
            return self._hang(kind, what, do)
        if self._mode == KILL_DURING:
            self._by_another(kind, do)
        elif self._mode == KILL_AFTER:
            do()
        self.save()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("alive after SIGKILL")

    def _hang(self, kind: str, what: str, do: Callable[[], Any]) -> Any:
        self._late = do if self._mode in (LATE, LET_GO_LATER) else None
        if kind == SYSFS:
            raise TimeoutError(f"process 4711 has been writing to {what}")
        return 0  # asked for, but the guest does not let go

    def _by_another(self, kind: str, do: Callable[[], Any]) -> None:
        if kind == RECORD:
            # Within the writing of the record and its copy: at one of their six calls.
            calls = len(self.seen)
            self.save()

            def killed(*_arguments: object, **_keywords: object) -> None:
                nonlocal calls
                calls -= 1
                if calls % 6 == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            with mock.patch("os.fsync", killed), mock.patch("os.fchmod", killed):
                do()
            return
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(writing)
            os.read(reading, 1)  # its end comes with that of the run
            do()
            self.save()
            os._exit(0)

    def save(self) -> None:
        """Keep what the stand-ins know in memory, for whoever comes after this process."""
        (self._host.root.parent / "state").write_bytes(self._host.memory())

    # The wrappers.

    def _sysfs(self, path: str, text: str, seconds: float) -> None:
        if path.endswith("/vfio-pci/unbind"):
            self._check_free(text)
        elif path.endswith("/unbind") and self._use is not None:
            self._use.check_free(text)
        self.happen(
            SYSFS,
            f"{path} <- {text.strip()!r}",
            lambda: self._kernel(path, text, seconds),
            lambda: OSError(errno.EIO, os.strerror(errno.EIO), path),
        )

    def _module(self, name: str) -> bool:
        try:
            return bool(self.happen(MODULE, name, lambda: self._kernel.load_module(name), _RefusedError))
        except _RefusedError:
            return False

    def _wrap(self, domain: FakeDomain) -> None:
        for name in ("attachDeviceFlags", "detachDeviceFlags"):
            plain = getattr(domain, name)

            def wrapped(xml: str, flags: int, plain: Callable[[str, int], int] = plain, name: str = name) -> int:
                done: int = self.happen(
                    LIBVIRT,
                    f"{name[:6]} {flags}",
                    lambda: plain(xml, flags),
                    lambda: LibvirtError("internal error: no answer from the monitor"),
                )
                return done

            setattr(domain, name, wrapped)
        stop = domain.destroy
        domain.destroy = lambda: self.happen(  # type: ignore[method-assign]
            LIBVIRT, "destroy", stop, lambda: LibvirtError("operation failed: failed to kill qemu process")
        )

    def _check_free(self, address: str) -> None:
        """The kernel would wait for ever here."""
        for domain in self._host.libvirt.domains:
            live = domain.xml[LIVE]
            if live is not None and address in parse_layout(live).assigned:
                raise AssertionError(f"{address} is taken from under {domain.name()}, which runs with it")


class _RefusedError(Exception):
    pass


class _Ip:
    def __init__(self, plain: FakeIp, effects: Effects) -> None:
        self._plain, self._effects = plain, effects

    def __call__(self, words: Sequence[str]) -> Answer:
        if "set" not in words:
            return self._plain(words)
        try:
            # Whether it is on or off is no other effect.
            what = " ".join(words[3:-1])
            return self._effects.happen(IPROUTE, what, lambda: self._plain(words), _RefusedError)
        except _RefusedError:
            return refusal(errno.EOPNOTSUPP)


class _Record(RecordFile):
    def __init__(self, folder: str, effects: Effects) -> None:
        super().__init__(folder)
        self._effects = effects

    def write(self, record: Record) -> None:
        write = super().write
        begun = "closed" if record.journal is None else f"{record.journal.begun} begun"
        self._effects.happen(RECORD, begun, lambda: write(record), self._full)

    def _full(self) -> HostdevError:
        return HostdevError(
            "record_unwritable", subject=self.path, found="No space left on device", remedy="free space"
        )


def in_process_of_its_own(host: FakeHost, work: Callable[[], object]) -> int:
    """Run the work in a child, wait until it and all of its own are gone, and return the signal that ended it, or 0.

    What the child's stand-ins knew comes back with it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            work()
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    while os.read(reading, 1):  # the end comes when nobody has the other end any more
        pass
    os.close(reading)
    _pid, status = os.waitpid(child, 0)
    state: Path = host.root.parent / "state"
    if state.exists():
        host.restore(state.read_bytes())
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
