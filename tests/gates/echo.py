# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a command so that people see its output as it comes and the gate can read it afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Run(t.NamedTuple):
    """A command's exit status, its lines without colours, and the processor seconds of it and all that it waited for.

    Processor seconds say what a run costs on a machine that others use as well.
    """

    status: int
    lines: list[str]
    processor: float


def to_stdout(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def echoed(
    command: t.Sequence[str | Path],
    cwd: Path,
    environment: t.Mapping[str, str] | None = None,
    write: t.Callable[[str], object] = to_stdout,
) -> Run:
    """Run `command` without standard input, and hand each line that it prints to `write` at once."""
    lines = []
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            write(line)
            lines.append(_ESCAPES.sub("", line.rstrip("\n")))
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Run(process.returncode, lines, usage.ru_utime + usage.ru_stime)
