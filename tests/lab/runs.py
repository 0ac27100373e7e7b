# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run folders: one per running lab, with its process id, port, sockets, console log and scratch disks."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .say import LabError


def base() -> Path:
    """Return the folder of this user's run folders; refused when somebody else owns it (it may lie in /tmp)."""
    path = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"kvm-hostdev-lab-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise LabError(f"{path} belongs to somebody else")
    return path


@dataclass(frozen=True)
class State:
    """What a second process must know to use or stop a lab."""

    pid: int
    port: int
    suite: str
    key: str


@dataclass(frozen=True)
class Run:
    """The run folder of the lab NAME."""

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,24}", self.name):
            raise LabError(f"a lab's name is at most 24 letters, digits, '-' and '_': {self.name!r}")

    @property
    def folder(self) -> Path:
        """Return the folder, which exists while the lab runs, and after a failure with its logs."""
        return base() / self.name

    @property
    def console(self) -> Path:
        """Return the log of the lab host's serial console."""
        return self.folder / "console.log"

    @property
    def log(self) -> Path:
        """Return what the emulator itself printed."""
        return self.folder / "qemu.log"

    @property
    def monitor(self) -> Path:
        """Return the emulator's QMP socket."""
        return self.folder / "qmp"

    @property
    def _lock_path(self) -> Path:
        return base() / f".{self.name}.lock"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others from starting or stopping the lab of this name."""
        while True:
            with self._lock_path.open("w") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                # Whoever held it before may have stopped the lab and removed the file: then lock the new one.
                if self._lock_path.exists() and os.path.samestat(self._lock_path.stat(), os.fstat(stream.fileno())):
                    yield
                    return

    def create(self) -> None:
        """Make the folder anew; refused while its lab runs. To be called with the lock held."""
        if state := self.state():
            raise LabError(f"the lab {self.name!r} runs already (process {state.pid}, ssh on port {state.port})")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)

    def save(self, state: State) -> None:
        """Write the state file."""
        part = self.folder / "state.part"
        part.write_text(json.dumps(asdict(state)))
        part.rename(self.folder / "state.json")

    def state(self) -> State | None:
        """Return the state of the lab if its emulator runs."""
        try:
            state = State(**json.loads((self.folder / "state.json").read_text()))
        except FileNotFoundError:
            return None
        return state if self.owns(state.pid) else None

    def owns(self, pid: int) -> bool:
        """Return whether the process PID is this lab's emulator, not a stranger that got the number later."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return f"guest=kvm-hostdev-lab-{self.name}".encode() in words and os.fsencode(self.console) in b"".join(words)

    def end(self, pid: int, stop_signal: int | None, timeout: float) -> bool:
        """Await the end of the emulator PID for TIMEOUT seconds, after STOP_SIGNAL if given; return if it ended."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            if not self.owns(pid):  # checked with the descriptor open: the number cannot pass to another process now
                return True
            if stop_signal is not None:
                signal.pidfd_send_signal(descriptor, stop_signal)
            return bool(select.select([descriptor], [], [], timeout)[0])
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Remove the folder and the lock, which is held; the lab has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock_path.unlink(missing_ok=True)


def names() -> list[str]:
    """Return the names of all run folders of this user, those of dead labs included."""
    return sorted(path.name for path in base().iterdir() if path.is_dir())
