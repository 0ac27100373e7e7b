# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webhook with a certificate that lab hosts reach, and what they have posted to it."""

from __future__ import annotations

import http.server
import json
import queue
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.eda.certificate import certificate
from tests.lab.patience import stretched

#: This machine, as hosts in the emulator's network see it.
ADDRESS = "10.0.2.2"


class Webhook(http.server.ThreadingHTTPServer):
    """Takes what comes with TOKEN until the block ends; its certificate and key lie in FOLDER."""

    def __init__(self, folder: Path, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.token = token
        self.posted: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.certificate, key = certificate(folder, "webhook", ADDRESS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://{ADDRESS}:{self.server_address[1]}/endpoint"

    def __enter__(self) -> Webhook:
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def next(self, seconds: float = 90) -> dict[str, Any]:
        """Await the next message that came with the token."""
        return self.posted.get(timeout=stretched(seconds))


class _Request(http.server.BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["Authorization"] == f"Bearer {self.server.token}"
        self.send_response(200 if known else 401)
        self.end_headers()
        if known:
            self.server.posted.put(json.loads(body))

    def log_message(self, *_words: object) -> None:
        """Leave the output to the tests."""
