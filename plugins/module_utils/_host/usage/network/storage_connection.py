# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes over a network to serve as storage, and how its way is told: addresses, interfaces, devices."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import typing as t

from .routes import scoped, unmapped

if t.TYPE_CHECKING:
    from .routes import Address

# An address, with a port or without: 192.0.2.1:6789, [2001:db8::1]:6789, 2001:db8::1, fe80::1%eth0. The kernel prints
# a scope as a number (net/sunrpc/addr.c, rpc_ntop6).
_ADDRESS = re.compile(
    r"\[([0-9a-fA-F:.]+)(?:%([^\s/\]]+))?\](?::\d+)?|(\d+(?:\.\d+){3})(?::\d+)?"
    r"|([0-9a-fA-F]*:[0-9a-fA-F:.]+)(?:%([^\s/\]]+))?"
)

NETWORK_BLOCKS = ("nbd", "rbd", "drbd", "etherd!")
"""How the names of block devices begin that come over a network by a driver of their own."""


class StorageConnection(t.NamedTuple):
    """A network file system, or a disk or its controller; `what` says in words which.

    `vital` says that the host runs from it. `ends` are the addresses that it travels between, `interfaces` those that
    it is bound to, `paths` devices in sysfs. Where all three are empty nothing is told.
    """

    what: str
    vital: bool
    ends: tuple[Address, ...] = ()
    interfaces: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def inside(self) -> bool:
        """Whether the host is connected with itself."""
        return any(end.is_loopback for end in self.ends)


def parse_addresses(*texts: str | None) -> tuple[Address, ...]:
    """The addresses that texts are, ports left out; none of a text that is a name, or the address that means any."""
    addresses: dict[Address, None] = {}
    for text in texts:
        match = _ADDRESS.fullmatch((text or "").strip())
        if match:
            with contextlib.suppress(ValueError):
                bracketed, scope, v4, v6, other_scope = match.groups(default="")
                address = scoped(unmapped(ipaddress.ip_address(bracketed or v4 or v6)), scope or other_scope)
                if not address.is_unspecified:
                    addresses[address] = None
    return tuple(addresses)
