# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ssh connections to the host: the one that serves this very run, and those of others."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import typing as t

from .routes import printed_words, scoped, unmapped

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .routes import Address


def ssh_connections(tree: Tree, environ: t.Mapping[str, str]) -> list[tuple[Address, Address]]:
    """Client and server address of the connection that serves this process.

    From SSH_CONNECTION, which become removes: then from the environment of the processes above, and for a process
    without any above (async), from the connections to the ssh port that stand.
    """
    connection = _parse_connection(environ.get("SSH_CONNECTION", ""))
    process = "self"
    while connection is None:
        parent = re.search(r"^PPid:\s*(\d+)", tree.text(f"/proc/{process}/status") or "", re.MULTILINE)
        if parent is None or parent.group(1) in ("0", "1"):
            return ssh_port_connections(tree)
        process = parent.group(1)
        variables = (tree.data(f"/proc/{process}/environ") or b"").decode("utf-8", "replace").split("\0")
        for variable in variables:
            if variable.startswith("SSH_CONNECTION="):
                connection = _parse_connection(variable.partition("=")[2])
    return [connection]


def _parse_connection(text: str) -> tuple[Address, Address] | None:
    parts = text.split()
    if len(parts) != 4:
        return None
    try:
        client, server = (_parse_end(part) for part in (parts[0], parts[2]))
    except ValueError:
        return None
    return client, server


def _parse_end(text: str) -> Address:
    address, _percent, scope = text.partition("%")
    return scoped(unmapped(ipaddress.ip_address(address)), scope)


def ssh_port_connections(tree: Tree) -> list[tuple[Address, Address]]:
    """Client and server address of all connections to port 22 that stand."""
    connections = []
    for name in ("tcp", "tcp6"):
        for line in tree.lines(f"/proc/net/{name}")[1:]:
            parts = line.split()
            # proc_net_tcp: sl local_address rem_address st; st 01 is ESTABLISHED
            if len(parts) > 3 and parts[3] == "01" and parts[1].endswith(":0016"):
                with contextlib.suppress(ValueError):
                    server, client = (socket_address(part.partition(":")[0]) for part in parts[1:3])
                    if not server.is_loopback:
                        connections.append((client, server))
    return connections


def socket_address(digits: str) -> Address:
    """An address as /proc/net/tcp prints it. Raises ValueError."""
    return unmapped(ipaddress.ip_address(printed_words(digits)))
