# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task as a host runs it: a process that knows nothing but the zip that Ansible sent, with the time of each part.

`run_task` starts it; it reads what to do as JSON from its standard input and prints what it took. Nothing of this
collection is imported but by the module itself, from the zip, where there is no bytecode.
"""

# ruff: noqa: N802 - the names are libvirt's
from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import subprocess
import sys
import time
import types
import typing as t

PACKAGE = "ansible_collections.kvm.hostdev.plugins"


def run_task(
    archive: str, module: str, options: dict[str, t.Any], root: str = "/", domains: t.Sequence[dict[str, t.Any]] = ()
) -> dict[str, t.Any]:
    """What a task took: processor's `seconds` by part, `imported` files of the collection with sizes, its `result`.

    Parts: start (the interpreter and Ansible's own), import (the collection's files and what they need), inventory
    (reading the host's functions), decision (all else, and who uses them where that is asked for). `root` is the host's
    root folder, `domains` are those of its libvirt: name, uuid, config and live, the XML of a domain or None.
    """
    told = {"archive": archive, "module": module, "options": options, "root": root, "domains": list(domains)}
    done = subprocess.run(
        [sys.executable, "-B", "-E", "-s", __file__],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, t.Any] = json.loads(done.stdout)
    return report


class LibvirtError(Exception):
    """Like libvirt.libvirtError."""

    def get_error_code(self) -> int:
        return 42  # VIR_ERR_NO_DOMAIN


class Domain:
    """A domain that nobody changes."""

    def __init__(self, told: dict[str, t.Any]) -> None:
        self._told = told

    def name(self) -> str:
        return str(self._told["name"])

    def UUIDString(self) -> str:
        return str(self._told["uuid"])

    def isPersistent(self) -> bool:
        return self._told["config"] is not None

    def isActive(self) -> bool:
        return self._told["live"] is not None

    def XMLDesc(self, flags: int) -> str:
        return str(self._told["config" if flags & 2 or self._told["live"] is None else "live"])


class Connection:
    """A libvirt that can be read, and does not know how anything is changed."""

    def __init__(self, domains: t.Sequence[dict[str, t.Any]]) -> None:
        self._domains = [Domain(told) for told in domains]

    def listAllDomains(self, flags: int) -> list[Domain]:
        return [] if flags else self._domains  # none of them starts with the host

    def listAllDevices(self, _flags: int) -> list[t.Any]:
        return []

    def lookupByName(self, name: str) -> Domain:
        return self._look_up(lambda domain: domain.name() == name)

    def lookupByUUIDString(self, uuid: str) -> Domain:
        return self._look_up(lambda domain: domain.UUIDString() == uuid)

    def _look_up(self, fits: t.Callable[[Domain], bool]) -> Domain:
        for domain in self._domains:
            if fits(domain):
                return domain
        raise LibvirtError("no such domain")

    def getType(self) -> str:
        return "QEMU"

    def getURI(self) -> str:
        return "qemu:///system"

    def getHostname(self) -> str:
        return os.uname().nodename

    def getVersion(self) -> int:
        return 10000003

    def getLibVersion(self) -> int:
        return 11003000


class Clock:
    """Processor time spent in import statements, the outermost of them, and in reading the inventory without those."""

    def __init__(self) -> None:
        self.importing = self.inventory = 0.0
        self._import = builtins.__import__
        self._depth = 0
        builtins.__import__ = self._timed_import

    def _timed_import(self, *arguments: t.Any, **named: t.Any) -> t.Any:
        begun = time.process_time()
        self._depth += 1
        try:
            return self._import(*arguments, **named)
        finally:
            self._depth -= 1
            if not self._depth:
                self.importing += time.process_time() - begun
                self._find_inventory()

    def _find_inventory(self) -> None:
        system = getattr(sys.modules.get(f"{PACKAGE}.module_utils._host.system"), "System", None)
        if system is None or hasattr(system.inventory, "timed"):
            return
        read = system.inventory

        def inventory(*arguments: t.Any, **named: t.Any) -> t.Any:
            begun, importing = time.process_time(), self.importing
            try:
                return read(*arguments, **named)
            finally:
                self.inventory += time.process_time() - begun - (self.importing - importing)

        inventory.timed = True  # type: ignore[attr-defined]
        system.inventory = inventory


def _binding(domains: t.Sequence[dict[str, t.Any]]) -> types.ModuleType:
    binding = types.ModuleType("libvirt")
    binding.libvirtError = LibvirtError  # type: ignore[attr-defined]
    binding.registerErrorHandler = lambda _handler, _context: None  # type: ignore[attr-defined]
    binding.open = lambda _uri: Connection(domains)  # type: ignore[attr-defined]
    return binding


def _stay_below(root: str) -> None:
    """Let nothing but the files below the root be the host: another host's files don't describe this machine."""
    from ansible.module_utils.basic import AnsibleModule

    sysfs = __import__(f"{PACKAGE}.module_utils._host.sysfs", fromlist=["Tree"])
    sysfs.Tree.__init__.__defaults__ = (root,)
    os.geteuid = lambda: 0

    def refuse(*_arguments: t.Any, **_named: t.Any) -> t.NoReturn:
        raise OSError("a measured task reads files, and does nothing else")

    AnsibleModule.run_command = refuse
    import socket

    socket.socket = refuse  # type: ignore[assignment,misc]


def main() -> None:
    """Run the task that standard input tells of."""
    told = json.load(sys.stdin)
    sys.path[0] = told["archive"]
    from ansible.module_utils import basic

    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": told["options"]}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    started = time.process_time()
    sys.modules["libvirt"] = _binding(told["domains"])
    clock = Clock()
    if told["root"] != "/":
        _stay_below(told["root"])
    module = __import__(f"{PACKAGE}.modules.{told['module']}", fromlist=["main"])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        module.main()
    ended = time.process_time()
    ours = {name: loaded_module for name, loaded_module in sys.modules.items() if name.startswith(f"{PACKAGE}.")}
    sizes = {name: len(loaded_module.__loader__.get_source(name)) for name, loaded_module in ours.items()}  # type: ignore[union-attr]
    seconds = {"start": started, "import": clock.importing, "inventory": clock.inventory}
    seconds["decision"] = ended - sum(seconds.values())
    print(
        json.dumps(
            {
                "seconds": seconds,
                "imported": {name[len(PACKAGE) + 1 :]: size for name, size in sizes.items() if size},
                "result": json.loads(printed.getvalue().splitlines()[-1]),
            }
        )
    )


if __name__ == "__main__":
    main()
