#!/usr/bin/python3 -IS
# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for python3 on the lab host: root's code on standard input runs as a copy of a process that is warm.

It is started for each task, so that nothing is imported that is not part of the interpreter.
"""

import _imp
import _socket
import marshal
import posix
import sys

_PYTHON = "/usr/bin/python3"
_TEMPLATE = "/usr/lib/kvm-hostdev-lab/template.py"
_SOCKETS = "/run/kvm-hostdev-lab"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def main() -> None:
    """Run what is asked for, and end as it ends."""
    if len(sys.argv) > 1 or posix.geteuid():
        posix.execv(_PYTHON, [_PYTHON, *sys.argv[1:]])
    source = b"".join(iter(lambda: posix.read(0, 1 << 20), b""))
    name, folder = _kind(source)
    connection = None
    if name:
        connection = _connected(name) or (_connected(name) if _started(name, folder) else None)
    given = _file(source)
    if not connection:
        posix.dup2(given, 0)
        posix.execv(_PYTHON, [_PYTHON])
    setting = _file(marshal.dumps((posix.environ, posix.getcwd())))
    handles = b"".join(handle.to_bytes(4, sys.byteorder) for handle in (given, setting, 1, 2))
    connection.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handles)])
    status = int.from_bytes(connection.recv(4) or b"\0\1", sys.byteorder)
    posix._exit(128 + posix.WTERMSIG(status) if posix.WIFSIGNALED(status) else posix.WEXITSTATUS(status))


def _kind(source: bytes) -> tuple[str, str]:
    """Return a name for what SOURCE imports, and where from: Ansible's archive, unless it says so itself."""
    if source.startswith(b"# warm: "):
        name, folder = source[8 : source.index(b"\n")].decode().split()
        return name, folder
    begin = source.find(b"\nzip_data='")
    if begin < 0:
        return "", ""
    archive = source[begin : source.index(b"'", begin + 11)]
    return f"{sys.hexversion:x}-{len(archive)}-{_imp.source_hash(0, archive).hex()}", ""


def _connected(name: str) -> _socket.socket | None:
    connection = _socket.socket(_socket.AF_UNIX)
    try:
        connection.connect(f"{_SOCKETS}/{name}")
    except OSError:
        return None
    return connection


def _started(name: str, folder: str) -> bytes:
    """Start the process that others are copies of, and wait until it listens."""
    there, listens = posix.pipe()
    if not posix.fork():
        posix.setsid()
        posix.chdir("/")
        nothing = posix.open("/dev/null", posix.O_RDWR)
        for stream in (0, 1, 2):
            posix.dup2(nothing, stream)
        posix.dup2(listens, 3)
        posix.execve(_PYTHON, [_PYTHON, _TEMPLATE, f"{_SOCKETS}/{name}", folder], _ENVIRONMENT)
    posix.close(listens)
    return posix.read(there, 1)


def _file(content: bytes) -> int:
    handle = posix.memfd_create("lab")
    while content:
        content = content[posix.write(handle, content) :]
    posix.lseek(handle, 0, 0)
    return handle


main()
