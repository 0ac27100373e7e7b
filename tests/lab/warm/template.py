# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process on the lab host whose copies run code: it imports, once, what the first of them has imported.

It has nothing of what it is asked to run: each copy has the environment, the folder and the streams of who asked.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import marshal
import os
import select
import socket
import sys
import types

_KEPT = "/var/lib/kvm-hostdev-lab/python"


class Template:
    """Listens on a socket; FOLDER has what is imported, else it is the archive in the first source."""

    def __init__(self, path: str, folder: str) -> None:
        self._kept = os.path.join(_KEPT, os.path.basename(path))
        self._folder = folder or f"{self._kept}.zip"
        self._warm = False
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.makedirs(_KEPT, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(16)

    def serve(self) -> None:
        """Run what is asked for, each in a copy of this process."""
        first: tuple[int, bytes] | None = None
        if os.path.exists(self._folder):  # from before the host was booted again
            self._warm_up()
        while True:
            awaited = [self._listener.fileno(), *([first[0]] if first else [])]
            ready = select.select(awaited, [], [])[0]
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if first and first[0] in ready:
                os.close(first[0])
                self._keep_archive(first[1])
                self._warm_up()
                first = None
            if self._listener.fileno() in ready:
                connection = self._listener.accept()[0]
                _data, handles, _flags, _address = socket.recv_fds(connection, 1, 4)
                source = _read(handles[0])
                ended, ends = os.pipe()
                if not os.fork():
                    os.close(ended)
                    self._attend(connection, source, handles, ends)
                os.close(ends)
                connection.close()
                for handle in handles:
                    os.close(handle)
                if self._warm or first:
                    os.close(ended)
                else:
                    first = ended, source

    def _attend(self, connection: socket.socket, source: bytes, handles: list[int], ends: int) -> None:
        """Run SOURCE, wait for its end, and tell it."""
        run = os.fork()
        if not run:
            self._listener.close()
            connection.close()
            os.close(ends)
            return self._run(source, *handles)
        for handle in handles:
            os.close(handle)
        status = os.waitpid(run, 0)[1]
        with contextlib.suppress(OSError):
            connection.sendall(status.to_bytes(4, sys.byteorder))
        os._exit(0)

    def _run(self, source: bytes, given: int, setting: int, output: int, errors: int) -> None:
        environment, folder = marshal.loads(_read(setting))
        os.dup2(given, 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        for handle in (given, setting, output, errors):
            os.close(handle)
        os.environ.clear()
        os.environb.update(environment)
        os.chdir(folder)
        sys.argv[:] = [""]
        known = set(sys.modules)
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            exec(compile(source, "<stdin>", "exec"), module.__dict__)
        finally:
            if not self._warm:
                self._keep(".modules", "\n".join(name for name in sys.modules if name not in known).encode())
        sys.exit()

    def _keep_archive(self, source: bytes) -> None:
        begin = source.find(b"\nzip_data='")
        if begin >= 0:
            self._keep(".zip", base64.b64decode(source[begin + 11 : source.index(b"'", begin + 11)]))

    def _keep(self, suffix: str, content: bytes) -> None:
        part = f"{self._kept}.part{os.getpid()}"
        with open(part, "wb") as file:
            file.write(content)
        os.rename(part, f"{self._kept}{suffix}")

    def _warm_up(self) -> None:
        """Import what a copy had imported at its end; one that was killed has not said it."""
        try:
            with open(f"{self._kept}.modules", encoding="utf-8") as file:
                names = file.read().split("\n")
        except OSError:
            return
        sys.path.insert(0, self._folder)
        for name in names:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        self._warm = True


def _read(handle: int) -> bytes:
    os.lseek(handle, 0, os.SEEK_SET)
    with open(handle, "rb", closefd=False) as file:
        return file.read()


def main(path: str, folder: str) -> None:
    """Serve, and tell who waits for it on handle 3."""
    template = Template(path, folder)
    os.write(3, b".")
    os.close(3)
    template.serve()


main(*sys.argv[1:])
