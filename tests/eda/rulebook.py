# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-rulebook as a process, with the lines that it writes."""

from __future__ import annotations

import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import yaml

_SECONDS = 300


class Rulebook:
    """A rulebook of the collection that runs until the block ends."""

    def __init__(
        self, name: str, folder: Path, inventory: Path, environment: Mapping[str, str], variables: Mapping[str, object]
    ) -> None:
        self.name = name
        settings = folder / f"{name}.yml"
        settings.write_text(yaml.safe_dump(dict(variables)))
        command = ["ansible-rulebook", "--rulebook", name, "--inventory", str(inventory), "--vars", str(settings)]
        self._process = subprocess.Popen(
            [*command, "--print-events"],
            cwd=folder,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Rulebook:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, words: str) -> str:
        """The line that has these words, as soon as it is there. Ends the session where it does not come."""
        until = time.monotonic() + _SECONDS
        for line in self.said:
            if words in line:
                return line
        while (said := self._next(until - time.monotonic())) is not None:
            self.said.append(said)
            if words in said:
                return said
        raise SystemExit("\n".join([f"{self.name} has not said {words!r}, but:", *self.said]))

    def _next(self, seconds: float) -> str | None:
        """The next line; None where there is none in time, or will be none."""
        try:
            return self._lines.get(timeout=max(0.1, seconds))
        except queue.Empty:
            return None

    def wait_for_port(self, port: int) -> None:
        """Until it takes connections."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as channel:
                if channel.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        self.wait_for("anything on its port")


def free_port() -> int:
    with socket.socket() as channel:
        channel.bind(("127.0.0.1", 0))
        return int(channel.getsockname()[1])
