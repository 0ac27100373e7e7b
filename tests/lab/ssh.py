# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into the lab host: root by key over a forwarded port, with one shared connection for tests and Ansible."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .patience import stretched
from .say import LabError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ssh:
    """How to reach one lab: its port, root's key, and the folder in which the shared connection's socket lies."""

    port: int
    key: Path
    folder: Path

    def options(self) -> list[str]:
        """Return the options of the ssh client. The control path is short: a Unix socket's name has 107 characters."""
        settings = (
            *("UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR", "IdentitiesOnly=yes"),
            *("BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=15", "ServerAliveCountMax=8"),
            *("ControlMaster=auto", "ControlPersist=600", f"ControlPath={self.folder}/ssh"),
        )
        return ["-F", "none", *(word for setting in settings for word in ("-o", setting))]

    def command(self, *words: str, terminal: bool = False) -> list[str]:
        """Return the command line that runs WORDS (a shell's command line) on the host, or a login shell."""
        program = shutil.which("ssh")
        if program is None:
            raise LabError("ssh is missing: apt-get install openssh-client")
        target = [*(["-t"] if terminal else []), "-i", str(self.key), "-p", str(self.port), f"root@{HOST}"]
        return [program, *self.options(), *target, *words]

    def run(self, command: str, *, text: str | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a shell's command line on the host with TEXT as its standard input, within TIMEOUT seconds or so."""
        timeout = stretched(timeout)
        given = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
        try:
            return subprocess.run(
                self.command(command), capture_output=True, text=True, timeout=timeout, check=False, **given
            )
        except subprocess.TimeoutExpired as late:
            raise LabError(f"no end after {timeout:.0f} s: {command}") from late

    def answers(self) -> bool:
        """Return whether a server greets on the port; the emulator accepts connections long before.

        Each connection is a process on the host, which a busy machine would not get through with before the next one.
        """
        try:
            with socket.create_connection((HOST, self.port), timeout=stretched(5)) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def close(self) -> None:
        """End the shared connection."""
        if (self.folder / "ssh").exists():
            subprocess.run([*self.command()[:-1], "-O", "exit", HOST], capture_output=True, check=False)

    def inventory(self, alias: str, interpreter: str) -> str:
        """Return an Ansible inventory in YAML with this host as ALIAS, whose Python is INTERPRETER."""
        variables = {
            "ansible_host": HOST,
            "ansible_port": self.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_args": shlex.join(self.options()),
            "ansible_ssh_pipelining": True,
            "ansible_ssh_timeout": 60,
            "ansible_python_interpreter": interpreter,
        }
        lines = (f"      {name}: {json.dumps(value)}" for name, value in variables.items())
        return "\n".join(["all:", "  hosts:", f"    {alias}:", *lines, ""])
