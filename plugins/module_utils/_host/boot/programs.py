# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the host that know its boot loader or initramfs: whether they are there, and running them."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ..._model.errors import HostdevError

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PATH = ":".join(_FOLDERS)


class Ended(t.NamedTuple):
    """How a program ended: its exit status and what it said."""

    status: int
    out: str
    err: str


class Programs:
    """Programs by their names, looked for where a host's are."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def has(self, name: str) -> bool:
        return self.path(name) is not None

    def path(self, name: str) -> str | None:
        """Where a program is; None where it isn't."""
        paths = [f"{folder}/{name}" for folder in _FOLDERS]
        return next((path for path in paths if os.access(self._tree.local(path), os.X_OK)), None)

    def run(self, *words: str, seconds: float = 600, environment: t.Mapping[str, str] | None = None) -> Ended:
        """Run a program to its end, in plain English and without a question. Raises HostdevError: program_failed."""
        try:
            ended = subprocess.run(  # pylint: disable=ansible-bad-function
                [*words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
                env={"PATH": _PATH, "LC_ALL": "C", "HOME": "/root", **(environment or {})},
            )
        except subprocess.TimeoutExpired as error:
            raise program_failed(words, f"it has not ended after {seconds:g} s") from error
        except OSError as error:
            raise program_failed(words, str(error)) from error
        return Ended(ended.returncode, _text(ended.stdout), _text(ended.stderr))

    def demand(self, *words: str, seconds: float = 600, environment: t.Mapping[str, str] | None = None) -> str:
        """What a program says that must succeed. Raises HostdevError: program_failed."""
        ended = self.run(*words, seconds=seconds, environment=environment)
        if ended.status:
            raise program_failed(words, f"exit status {ended.status}: {_last_words(ended)}")
        return ended.out


def program_failed(words: t.Sequence[str], found: str) -> HostdevError:
    return HostdevError(
        "program_failed",
        subject=" ".join(words),
        found=found,
        wanted="that it succeeds",
        remedy="run it by hand and see what it lacks, then run the task again",
    )


def _last_words(ended: Ended) -> str:
    lines = [line.strip() for line in (ended.err or ended.out).splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "it said nothing"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
