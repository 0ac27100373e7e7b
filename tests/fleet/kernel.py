# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels of all simulated hosts, which answer through one socket beside the hosts' folders (interpreter.py)."""

from __future__ import annotations

import errno
import json
import socketserver
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel

SOCKET = "kernel.sock"


class Kernels:
    """A kernel for each of the hosts whose folders lie in `folder`, for the time of a `with` block.

    `wrong` has what nothing of ours may ask of a kernel, `asked` how many writes and modules there were.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.wrong: list[str] = []
        self.asked = 0
        self._kernels = {name: (FakeKernel(folder / name / "root"), threading.Lock()) for name in names}
        self._server = _Server(str(folder / SOCKET), self)

    def __enter__(self) -> Kernels:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, question: dict[str, str]) -> int:
        """The errno of what one host's kernel is asked for, one thing at a time: a module, or a write."""
        kernel, lock = self._kernels[question["host"]]
        with lock:
            self.asked += 1
            if "module" in question:
                return 0 if kernel.modprobe(question["module"]) else errno.ENOENT
            try:
                kernel.store(question["path"], question["text"])
            except OSError as error:
                return error.errno or errno.EIO
            return 0


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, kernels: Kernels) -> None:
        super().__init__(path, _Asked)
        self.kernels = kernels


class _Asked(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """One question, a line of JSON, and the answer, an errno as a line."""
        question = self.rfile.readline()
        try:
            code = self.server.kernels.answer(json.loads(question))
        except Exception:
            self.server.kernels.wrong.append(f"{question.decode()}{traceback.format_exc()}")
            code = errno.EIO
        self.wfile.write(f"{code}\n".encode())
