# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rpm-ostree: the arguments of the deployment that boots next, changed in one call that makes a new deployment."""

from __future__ import annotations

import typing as t

from ...._model.boot.arguments import kernels_own, words
from ...._model.boot.formats.formats import CMDLINE
from ...._model.boot.planning import Place
from ...._model.errors import HostdevError
from .loader import Loader

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from .loader import BootHost

KARGS = "rpm-ostree kargs"
_UNCHANGED = 77  # --unchanged-exit-77


class RpmOstree(Loader):
    """Its one place is no file: reading and writing it calls the program."""

    name = "rpm_ostree"
    note = "the arguments are in a new deployment; where an update is pending, the reboot brings that too"

    def __init__(self, host: BootHost) -> None:
        super().__init__(host)
        self._read: bytes | None = None

    def places(self) -> list[Place]:
        return [Place(KARGS, CMDLINE)]

    def read(self, path: str) -> bytes | None:
        if path != KARGS:
            return super().read(path)
        if self._read is None:
            self._read = self.host.programs.demand("rpm-ostree", "kargs").strip().encode("utf-8", "surrogateescape")
        return self._read

    def write(self, place: Place, data: bytes | None) -> None:
        if place.path != KARGS:
            super().write(place, data)
            return
        changes = _changes(words(self.read(KARGS) or b""), words(data or b""))
        if not changes:
            return
        self._refuse_busy()
        command = ("rpm-ostree", "kargs", "--unchanged-exit-77", *changes)
        ended = self.host.programs.run(*command, seconds=1800)
        self._read = None
        if ended.status not in (0, _UNCHANGED):
            raise HostdevError(
                "program_failed",
                subject=" ".join(command),
                found=f"exit status {ended.status}: {(ended.err or ended.out).strip()[-300:]}",
                wanted="a new deployment with the arguments",
                remedy="see rpm-ostree status, then run the task again",
            )

    def check(self, changes: t.Sequence[FileChange]) -> None:
        for change in changes:
            now, after = words(self.read(KARGS) or b""), words(change.after or b"")
            if change.place.path == KARGS and "--" in after and any(word not in now for word in kernels_own(after)):
                raise HostdevError(
                    "boot_files",
                    subject=KARGS,
                    found="the line has a lone --, behind which rpm-ostree would append them, for init",
                    wanted="a line that ends with arguments of the kernel",
                    remedy="take it and what follows it out with rpm-ostree kargs --editor, then run the task again",
                )

    def _refuse_busy(self) -> None:
        status = self.host.programs.demand("rpm-ostree", "status")
        state = next((line for line in status.splitlines() if line.startswith("State:")), "State: idle")
        if state.split(":", 1)[1].strip() != "idle":
            raise HostdevError(
                "program_failed",
                subject="rpm-ostree status",
                found=state,
                wanted="State: idle",
                remedy="wait for the transaction to end, then run the task again",
            )


def _changes(now: list[str], wanted: list[str]) -> list[str]:
    """The options that make one line of the other."""
    gone, new = list(now), []
    for word in wanted:
        if word in gone:
            gone.remove(word)
        else:
            new.append(word)
    options = []
    # A number of pages goes behind its size, which is appended.
    sized = any(word.startswith("hugepagesz=") for word in new)
    for word in [word for word in gone if not (sized and word.startswith("hugepages="))]:
        name = word.partition("=")[0]
        substitute = next((other for other in new if other.partition("=")[0] == name and "=" in other), None)
        if substitute is not None and "=" in word:
            options.append(f"--replace={word}={substitute.partition('=')[2]}")
            gone.remove(word)
            new.remove(substitute)
    options += [f"--delete-if-present={word}" for word in gone]
    # One that is there already, or wanted twice (hugepages=), would not be appended where it is missing. All in the
    # same way then: those to append come before those that may be there, whatever the order of the options
    # (kernel_arg_apply_patching() in src/daemon/rpmostreed-transaction-types.cxx).
    append = "--append" if any(word in now or new.count(word) > 1 for word in new) else "--append-if-missing"
    return options + [f"{append}={word}" for word in new]
