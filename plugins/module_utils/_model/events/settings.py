# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a host posts its state, how often, and as whom: read from the options, and from the file that holds them."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import HostdevError
from .paths import MARK

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_PATH = re.compile(r"(/[^/\s%]+)+")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SHORTEST, _LONGEST = 30, 86400
KEYS = ("url", "host", "every", "token_file", "ca_file")


@dataclass(frozen=True)
class EventSettings:
    """`host` is the name that the host has in the inventory, `every` a number of seconds.

    `token_file` and `ca_file` are paths on the host; None for no token, and for the certificates that the host trusts.
    """

    url: str
    host: str
    every: int
    token_file: str | None = None
    ca_file: str | None = None

    def text(self) -> str:
        """The file that holds them."""
        told = [f"{key} = {value}" for key in KEYS if (value := getattr(self, key)) is not None]
        return "\n".join([MARK, *told, ""])


def parse_settings(options: t.Mapping[str, t.Any]) -> EventSettings:
    """The options, understood. Raises HostdevError: invalid_option."""
    _check_url(options["url"])
    host, every = options["host"], options["every"]
    if _HOST.fullmatch(host) is None:
        wanted = "the host's name in the inventory, of letters, digits, dots, dashes and underscores"
        raise _invalid("host", host, wanted, "set host to inventory_hostname")
    if not _SHORTEST <= every <= _LONGEST:
        raise _invalid("every", every, f"{_SHORTEST} to {_LONGEST} seconds", "set every to 300")
    for key in ("token_file", "ca_file"):
        if options[key] is not None and _PATH.fullmatch(options[key]) is None:
            raise _invalid(
                key, options[key], "an absolute path on the host", f"write {key} as in /etc/kvm.hostdev.token"
            )
    return EventSettings(**{key: options[key] for key in KEYS})


def read_settings(text: str) -> EventSettings:
    """What `text` of EventSettings has made. Raises HostdevError: invalid_option."""
    lines = [line.partition("=") for line in text.splitlines() if line and not line.startswith("#")]
    told: dict[str, t.Any] = {key.strip(): value.strip() for key, _equals, value in lines}
    every = told.get("every", "")
    known = {key: told.get(key) for key in KEYS} | {"every": int(every) if every.isdecimal() else 0}
    return parse_settings({**known, "url": told.get("url", ""), "host": told.get("host", "")})


def _check_url(url: str) -> None:
    """TLS, or this host: whoever reads the token on its way may post in the host's name."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    plain = url.isascii() and url.isprintable() and not re.search(r"\s", url)
    if not (plain and host) or parts.username is not None or parts.fragment:
        raise _bad_url(url, "https://, a host, a port and a path, without a user or password in it")
    if parts.scheme == "http" and host in _LOOPBACK:
        return
    if parts.scheme != "https":
        raise _bad_url(url, "https://, since the token could be read on its way; http:// only to the host itself")


def _bad_url(url: str, wanted: str) -> HostdevError:
    remedy = "set url to where the event source listens, as https://eda.example.org:5000/endpoint"
    return _invalid("url", url, wanted, remedy)


def _invalid(subject: str, value: object, wanted: str, remedy: str) -> HostdevError:
    return HostdevError("invalid_option", subject=subject, found=f"found {value!r}", wanted=wanted, remedy=remedy)
