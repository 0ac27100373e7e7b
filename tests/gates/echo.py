# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a command so that people see its output as it comes and the gate can read it afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
import typing as t
from pathlib import Path

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def echoed(
    command: t.Sequence[str | Path], cwd: Path, environment: t.Mapping[str, str] | None = None
) -> tuple[int, list[str]]:
    """Run `command` without standard input; its exit status, and its lines without colours."""
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
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(_ESCAPES.sub("", line.rstrip("\n")))
    return process.returncode, lines
