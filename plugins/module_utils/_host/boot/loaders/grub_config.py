# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making grub.cfg anew without a moment in which there is none, or half of one.

grub-mkconfig writes over the file that is there (`cat` into it): cut there, it is empty. So it writes beside it.
"""

from __future__ import annotations

import contextlib
import typing as t

from ...._model.boot.arguments import in_force, place
from ...._model.boot.formats.grub_config import is_whole, linux_lines, lost_word
from ...._model.errors import HostdevError
from .loader import Loader

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from .loader import BootHost, Goal


class GrubConfig:
    """The file `path`, made by `program` (grub-mkconfig or grub2-mkconfig)."""

    def __init__(self, host: BootHost, path: str, program: str) -> None:
        self._host, self.path, self._program = host, host.files.resolved(path), program
        self._made = self.path.rpartition("/")[0] + "/.kvm-hostdev"

    def is_stale(self, goal: Goal) -> bool:
        return bool(_wrong(self._host.files.read(self.path) or b"", goal))

    def generate(self, goal: Goal) -> None:
        """Raises HostdevError: program_failed, boot_files; the file is the old one then."""
        self.tidy()
        try:
            self._host.programs.demand(self._program, "-o", self._made)
            data = self._host.files.read(self._made)
            if not data or not is_whole(data):
                raise self._error("the new one is not whole")
            wrong = _wrong(data, goal)
            if wrong:
                raise self._error(wrong)
            lost = lost_word(self._host.files.read(self.path) or b"", data, goal.may_go)
            if lost:
                raise self._lost(*lost)
            checker = self._program.replace("-mkconfig", "-script-check")
            if self._host.programs.has(checker):
                self._host.programs.demand(checker, self._made)
            self._host.files.adopt(self.path, self._made)
        except Exception:
            self.tidy()
            raise

    def tidy(self) -> None:
        """Remove what is left of a run that was cut off; grub-mkconfig's own is .new."""
        for made in (self._made, f"{self._made}.new"):
            with contextlib.suppress(OSError):
                self._host.files.remove(made, told=False)

    def _error(self, found: str) -> HostdevError:
        return HostdevError(
            "boot_files",
            subject=self.path,
            found=f"made by {self._program}, {found}; the old one stays",
            wanted="each kernel of this host with the arguments asked for",
            remedy="see which of /etc/default/grub, /etc/default/grub.d and /etc/grub.d makes it so",
        )

    def _lost(self, kernel: str, word: str) -> HostdevError:
        error = self._error(f"{kernel} would have {word} no more, which nobody asked to take out")
        return error.but(
            wanted="each kernel with all that it is started with now",
            remedy=f"see which of /etc/default/grub, /etc/default/grub.d and /etc/grub.d gives it {word}; where it is "
            f"to go, run {self._program} -o {self.path} by hand, then the task again",
        )


class ByGrubConfig(Loader):
    """A loader that reads one such file, made of the places where arguments stand."""

    def __init__(self, host: BootHost, path: str, program: str) -> None:
        super().__init__(host)
        self._config = GrubConfig(host, path, program)

    def is_stale(self, goal: Goal) -> bool:
        return self._config.is_stale(goal)

    def generated(self) -> list[str]:
        return [self._config.path]

    def generate(self, goal: Goal, _changes: t.Sequence[FileChange]) -> None:
        self._config.generate(goal)

    def tidy(self) -> None:
        self._config.tidy()


def _wrong(data: bytes, goal: Goal) -> str:
    """What is wrong with the lines of a grub.cfg, in words; nothing where all is well."""
    lines = [line for line in linux_lines(data) if not line.recovery]
    if not lines:
        return "it starts no kernel of this host"
    for line in lines:
        for argument in goal.present:
            if not in_force(argument, line.arguments):
                there = place(argument, line.arguments) is not None
                return f"{line.kernel} has {argument} contradicted" if there else f"{line.kernel} has no {argument}"
        for argument in goal.gone:
            if place(argument, line.arguments) is not None:
                return f"{line.kernel} still has {argument}"
    return ""
