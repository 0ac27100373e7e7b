# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Posting one message: an HTTP request with a bearer token, no redirect, no proxy, no second try: the timer repeats."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import typing as t
from urllib.parse import urlsplit

from ..._model.errors import HostdevError
from ..record.trusted import UntrustedError, open_trusted

if t.TYPE_CHECKING:
    from ..._model.events.settings import EventSettings
    from ..sysfs import Tree

_PATIENCE = 15
"""Seconds for the connection, and for each part of the answer."""
_LONGEST_TOKEN = 4096


def send(told: t.Mapping[str, t.Any], settings: EventSettings, tree: Tree) -> None:
    """Post it, and see that it was taken. Raises HostdevError: not_posted, whose text never has the token."""
    headers = {"Content-Type": "application/json", "User-Agent": "kvm.hostdev"}
    if settings.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(tree, settings.token_file)}"
    parts = urlsplit(settings.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, settings.ca_file, tree)
        try:
            connection.request("POST", path, json.dumps(told).encode(), headers)
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, UnicodeError) as error:  # the last for a name that no DNS can have
        if isinstance(error, ssl.SSLCertVerificationError):
            found = f"its certificate is not accepted: {error.verify_message}"
            raise _failed(settings.url, found, _UNVERIFIED.get(error.verify_code, _AUTHORITY)) from error
        raise _failed(settings.url, _found(error), _REACH) from error
    if not 200 <= status < 300:
        reason = http.client.responses.get(status, "")
        remedy = (
            "compare the token here with the source's" if status in (401, 403) else "see what the source's log says"
        )
        raise _failed(settings.url, f"the answer {status} {reason}".rstrip(), remedy)


def _connection(scheme: str, host: str, port: int | None, ca: str | None, tree: Tree) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        context = ssl.create_default_context(cafile=None if ca is None else tree.local(ca))
    except OSError as error:  # ssl.SSLError among them
        found = error.strerror or str(error)
        raise _failed(str(ca), found, "put the authority's certificate there", "certificates in PEM") from error
    return http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=context)


def _token(tree: Tree, path: str) -> str:
    """The token in a file that only its owner can read."""
    try:
        handle = open_trusted(tree.local(path), os.O_RDONLY, private=True)
        try:
            data = os.read(handle, _LONGEST_TOKEN + 1)
        finally:
            os.close(handle)
    except UntrustedError as error:
        raise _failed(
            path, error.found, f"chown root {path}; chmod 0600 {path}", "a file that only root can read"
        ) from error
    except OSError as error:
        raise _failed(
            path, error.strerror or str(error), "write the token into it, with mode 0600", "the token"
        ) from error
    token = data.decode("latin-1").strip()
    if not token or len(data) > _LONGEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise _failed(path, "what is in it is no token", "write the token into it on one line", "one line of ASCII")
    return token


_REACH = "see that the source runs, and that this host reaches it"
_AUTHORITY = "set ca_file to the certificate of the authority that has signed the source's"
_TIME = "give the source a certificate that is valid now, and see that this host's clock is right"
_NAME = "set url to a name or address that the source's certificate has"
_UNVERIFIED = {9: _TIME, 10: _TIME, 62: _NAME, 64: _NAME}
"""What to do by OpenSSL's code (openssl/x509_vfy.h): not yet valid, expired, of another name, of another address."""


def _found(error: Exception) -> str:
    """Without what was sent, which no error of these has."""
    plain = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return plain or str(error) or type(error).__name__


def _failed(subject: str, found: str, remedy: str, wanted: str = "that the source takes it") -> HostdevError:
    return HostdevError("not_posted", subject=subject, found=found, wanted=wanted, remedy=remedy)
