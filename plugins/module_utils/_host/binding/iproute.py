# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of iproute2, run with a deadline: the kernel's lock of all interfaces may be held for ever."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import typing as t

from ..hung_writes import where

# Whoever became root by su may have no sbin in PATH; NixOS has none at all.
_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/run/current-system/sw/bin"
_SECONDS = 20.0
_MOMENT = 0.1


class Answer(t.NamedTuple):
    """What a program said, its exit code first; `complaint` is what it wrote to its standard error."""

    code: int
    output: str = ""
    complaint: str = ""


Run = t.Callable[[t.Sequence[str]], Answer]
"""Runs a program with these words. Raises TimeoutError once it hangs, OSError where it can't be run at all."""


class Iproute:
    """One program of iproute2, such as `ip`."""

    def __init__(self, name: str, folders: str = _FOLDERS, seconds: float = _SECONDS) -> None:
        self._name = name
        self._folders = folders
        self._seconds = seconds

    def __call__(self, words: t.Sequence[str]) -> Answer:
        """Run it. Its standard streams are its own: one that is left behind keeps nobody waiting for its end."""
        program = shutil.which(self._name, path=self._folders)
        if program is None:
            raise FileNotFoundError(f"no program {self._name} in {self._folders.replace(':', ', ')}")
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            [program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"LC_ALL": "C", "PATH": self._folders},
            start_new_session=True,
        )
        try:
            output, complaint = process.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{self._leave(process)} has been running {self._told(words)}") from error
        return Answer(process.returncode, _text(output), _text(complaint))

    def _told(self, words: t.Sequence[str]) -> str:
        return f"{' '.join([self._name, *words])} for {self._seconds:g} s"

    def _leave(self, process: subprocess.Popen[bytes]) -> str:
        """Which process it is that nobody waits for any longer, and where it hangs; in state D it won't die."""
        told = f"process {process.pid}{where(process.pid)}"
        process.kill()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_MOMENT)
        return told


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()
