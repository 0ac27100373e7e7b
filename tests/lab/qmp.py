# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator's control socket (QMP), for power and for hot-plugging the lab host's own devices."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from .say import LabError


def execute(path: Path, command: str, timeout: float = 30, **arguments: Any) -> Any:
    """Run one QMP command on the socket at PATH and return its result. Events that arrive meanwhile are dropped."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        with connection.makefile("rw", encoding="utf-8") as stream:
            stream.readline()  # the greeting
            result: Any = None
            for name, values in (("qmp_capabilities", {}), (command, arguments)):
                stream.write(json.dumps({"execute": name, "arguments": values}) + "\n")
                stream.flush()
                result = _answer(stream, name)
            return result


def _answer(stream: Any, name: str) -> Any:
    for line in stream:
        message = json.loads(line)
        if "error" in message:
            raise LabError(f"QMP {name}: {message['error']['desc']}")
        if "return" in message:
            return message["return"]
    if name == "quit":
        return None
    raise LabError(f"QMP {name}: the emulator closed the connection")
