# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fact cache: a Redis of our own, and the plugin by which Ansible keeps facts there.

ansible-core brings no plugin for Redis. The one that people use is community.general's.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from ..gates.packaged import packaged

PLUGIN = "community.general.redis"
# The newest for ansible-core 2.19; it has community.general 11.4.2.
_PACKAGE = "ansible==12.3.0"
_STARTS_WITHIN = 20.0


def community_general() -> str:
    """A collections path with community.general, which is downloaded once."""
    return packaged("community.general", _PACKAGE)


class Cache:
    """A Redis on a free port of this machine, behind a password, for the time of a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Cache:
        for _attempt in range(5):  # somebody else may take the port meanwhile
            if self._start():
                return self
        raise SystemExit("fleet: redis-server does not start")

    def __exit__(self, *_error: object) -> None:
        self._client.close()
        self._end()

    def _end(self) -> None:
        self._server.terminate()
        self._server.wait()

    def _start(self) -> bool:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        password = secrets.token_hex(16)
        self._server = subprocess.Popen(["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        settings = (
            f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {self._folder}\n"
            'save ""\nappendonly no\ndaemonize no\n'
        )
        assert self._server.stdin
        with self._server.stdin as stdin:
            stdin.write(settings.encode())
        self._client = Redis(port=port, password=password)
        self.connection = f"127.0.0.1:{port}:0:{password}"
        """As fact_caching_connection has it."""
        end = time.monotonic() + _STARTS_WITHIN
        while self._server.poll() is None:
            try:
                return bool(self._client.ping())
            except RedisError:
                if time.monotonic() > end:
                    self._end()
                    break
                time.sleep(0.05)
        return False

    def hosts(self) -> set[str]:
        """Of which hosts there are facts."""
        # ansible-core puts a version of its own before the name: s1_kvm001.
        return {name.decode().rpartition("_")[2] for name in self._client.zrange("ansible_cache_keys", 0, -1)}
