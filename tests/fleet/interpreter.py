# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Python of a simulated host: runs what Ansible sends to it, on the host's own files and with its own kernel.

    python3 -I -S interpreter.py FOLDER [FILE ...]      without a file what standard input has, as with pipelining

FOLDER is of one host: `root` has its files; `kernel.sock` beside FOLDER leads to its kernel (kernel.py). The
collection's code runs as it is, but for three things: all files, the record too, lie below that root; the writer's last
step, the write itself, goes to that kernel; and so does modprobe.

Nothing of the machine that this runs on may be taken for the host's. Whoever wants to open a file of its /sys, /dev,
/run, /etc or /proc, to write anywhere outside of FOLDER, to run a program or to talk to anybody else is ended at once,
and that is written into FOLDER/breaches.

It runs on the simulated host: nothing is imported but Python's own library.
"""

from __future__ import annotations

import builtins
import json
import os
import re
import runpy
import socket
import sys
import types
import typing as t

_COLLECTION = "ansible_collections.kvm.hostdev.plugins.module_utils."
_BREACH = 70  # EX_SOFTWARE of sysexits.h
# What Python reads of any machine, and what tells of processes, which are this machine's (_host/process.py).
_OPEN_TO_ALL = re.compile(r"/dev/null|/dev/urandom|/etc/localtime|/proc/(self|\d+)/(stat|fd)")
_OF_THE_MACHINE = ("/sys/", "/dev/", "/run/", "/var/run/", "/etc/", "/proc/", "/boot/")
# Events of sys.addaudithook: those with a path to be read, and of `os` which arguments are paths that are changed.
_READING = ("os.listdir", "os.scandir")
_CHANGING = {
    **dict.fromkeys("chdir chmod chown mkdir mkfifo mknod remove rmdir setxattr truncate utime".split(), (0,)),
    "rename": (0, 1),
    "symlink": (1,),
    "link": (1,),
}
_NEVER = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "socket.bind", "socket.sendto")


class SimulatedHost:
    """One host by its folder."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.realpath(folder)
        self.root = f"{self.folder}/root"
        self._kernel = f"{os.path.dirname(self.folder)}/kernel.sock"
        self._libvirt = _libvirt(f"{self.folder}/domains")
        if not os.path.isdir(f"{self.root}/sys/bus/pci/devices"):
            raise SystemExit(f"{self.root} is no simulated host")

    def ask_kernel(self, **question: str) -> int:
        """What the kernel says to a write (`path`, `text`) or to modprobe (`module`): an errno, 0 for success."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(self._kernel)
            channel.sendall(json.dumps({"host": os.path.basename(self.folder), **question}).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                part = channel.recv(100)
                if not part:
                    raise ConnectionError("the simulated kernel is gone")
                answer += part
        return int(answer)

    def shut_in(self) -> None:
        """Let this process and its children touch nothing but this host. It can't be taken back."""
        os.chdir(self.folder)
        breaches = os.open("breaches", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

        def breach(event: str, what: object) -> t.NoReturn:
            text = f"{event}: {what}\n".encode()
            os.write(breaches, text)
            os.write(2, b"not of the simulated host: " + text)
            os._exit(_BREACH)

        def watch(event: str, arguments: tuple[t.Any, ...]) -> None:
            if event == "open":
                writes = bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
                if not self._may(arguments[0], writes=writes):
                    breach(event, arguments)
            elif event in _READING:
                if not self._may(arguments[0], writes=False):
                    breach(event, arguments)
            elif event.startswith("os.") and event[3:] in _CHANGING:
                if not all(self._may(arguments[place], writes=True) for place in _CHANGING[event[3:]]):
                    breach(event, arguments)
            elif event in _NEVER:
                breach(event, arguments)
            elif event == "socket.__new__":
                if arguments[1] not in (-1, socket.AF_UNIX):
                    breach(event, arguments)
            elif event == "socket.connect" and arguments[1] != self._kernel:
                breach(event, arguments)

        sys.addaudithook(watch)

    def _may(self, path: t.Any, *, writes: bool) -> bool:
        """Whether a path may be opened. No link in the host's files leads out of them (hosts.py)."""
        if path is None or isinstance(path, int):
            return True
        text = os.fsdecode(path)
        if not text.startswith("/"):  # in the host's folder, or in one that was opened before
            return ".." not in text.split("/")
        if ".." in text.split("/"):
            text = os.path.normpath(text)
        if text == self.folder or text.startswith(f"{self.folder}/"):
            return True
        if writes:
            return text == "/dev/null"
        return bool(_OPEN_TO_ALL.fullmatch(text)) or not f"{text}/".startswith(_OF_THE_MACHINE)

    def move_in(self) -> None:
        """Let the collection, once it is imported, find this host at /."""
        os.environ.clear()
        os.environ.update({"LC_ALL": "C.UTF-8", "PATH": f"{self.folder}/bin", "TMPDIR": f"{self.folder}/tmp"})
        sys.modules["libvirt"] = self._libvirt
        moves = {
            "_host.sysfs": self._move_tree,
            "_host.record.record_reader": self._move_record,
            "_host.binding.sysfs_writer": self._move_writer,
            "_module.change.changing": self._move_module,
        }
        imported = builtins.__import__

        def moving_import(*arguments: t.Any, **named: t.Any) -> t.Any:
            try:
                return imported(*arguments, **named)
            finally:
                for name in [name for name in moves if f"{_COLLECTION}{name}" in sys.modules]:
                    module = sys.modules[f"{_COLLECTION}{name}"]
                    if not getattr(module.__spec__, "_initializing", False):
                        moves.pop(name)(module)

        builtins.__import__ = moving_import

    def _move_tree(self, module: t.Any) -> None:
        module.Tree.__init__.__defaults__ = (self.root,)

    def _move_record(self, module: t.Any) -> None:
        made = module.RecordReader.__init__

        def make(reader: t.Any, folder: str, parse: object) -> None:
            made(reader, self.root + folder, parse)

        module.RecordReader.__init__ = make

    def _move_writer(self, module: t.Any) -> None:
        def write(path: str, text: bytes, alive: int) -> t.NoReturn:
            code = 255
            try:
                module.keep_open(alive)
                code = self.ask_kernel(path=path[len(self.root) :], text=text.decode())
            finally:
                os._exit(code)

        assert callable(module._write)
        module._write = write

    def _move_module(self, module: t.Any) -> None:
        """Root on the simulated host is whoever runs this."""
        module.os = types.SimpleNamespace(environ=os.environ, path=os.path, geteuid=lambda: 0)
        module.load_module = lambda _module, name: self.ask_kernel(module=name) == 0


def _libvirt(folder: str) -> types.ModuleType:
    """The binding of a host with domains in a folder (domains.py), or of one where there is no such folder."""
    if not os.path.isdir(folder):
        return _without_libvirt()
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "domains.py")
    return t.cast("types.ModuleType", runpy.run_path(beside)["binding"](folder))


class NoLibvirtError(Exception):
    """Like libvirt.libvirtError."""


def _without_libvirt() -> types.ModuleType:
    """The binding of a host on which libvirt does not run."""

    def refuse(_uri: str) -> t.NoReturn:
        raise NoLibvirtError("Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory")

    binding: t.Any = types.ModuleType("libvirt")
    binding.libvirtError = NoLibvirtError
    binding.registerErrorHandler = lambda _handler, _context: None
    binding.open = refuse
    return t.cast("types.ModuleType", binding)


def main(folder: str, *words: str) -> None:
    host = SimulatedHost(folder)
    sys.dont_write_bytecode = True
    source = b"" if words else sys.stdin.buffer.read()
    host.shut_in()
    host.move_in()
    sys.argv = list(words) or ["-"]
    if words:
        runpy.run_path(words[0], run_name="__main__")
        return
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(compile(source, "<stdin>", "exec"), module.__dict__)


if __name__ == "__main__":
    _started_as = sys.modules["__main__"]  # what is here stays when another one takes its place
    main(*sys.argv[1:])
