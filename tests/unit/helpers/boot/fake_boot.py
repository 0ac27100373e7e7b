# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host below a folder with the files of its boot loader, programs that behave as the real ones, and power cuts.

Each thing that changes the host is an effect; the power can be cut at any of them, and nothing has an effect after it.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot import mounts, own_files
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.kernel_arguments import (
    ArgumentOutcome,
    ArgumentRequest,
    change_arguments,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.loaders.loader import BootHost
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.own_files import OwnFiles
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Ended, Programs
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.arguments import check_arguments

if t.TYPE_CHECKING:
    from pathlib import Path

Program = t.Callable[..., Ended]
_CALLS = ("rename", "unlink", "mkdir", "rmdir", "fsync", "utime")


class Cut(BaseException):
    """The power is gone."""


class Power:
    """Counts effects, and cuts the power at one of them."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.left: int | None = None

    def effect(self, name: str) -> None:
        if self.left is not None:
            if self.left <= 0:
                raise Cut(name)
            self.left -= 1
        self.effects.append(name)

    @contextlib.contextmanager
    def cut_after(self, effects: int) -> t.Iterator[None]:
        """Let so many effects happen; the block must not outlive the next one."""
        self.left = effects
        try:
            yield
        finally:
            self.left = None


class FakePrograms(Programs):
    """Programs as functions that get their words after the first; what has none is not installed."""

    def __init__(self, power: Power) -> None:
        self.functions: dict[str, Program] = {}
        self.calls: list[tuple[str, ...]] = []
        self._power = power

    def path(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.functions else None

    def run(self, *words: str, seconds: float = 600, environment: t.Mapping[str, str] | None = None) -> Ended:
        self.calls.append(words)
        if words[0] not in self.functions:
            return Ended(127, "", f"{words[0]}: not found")
        function = self.functions[words[0]]
        return function(*words[1:], **({"environment": environment} if environment else {}))


class FakeMounts:
    """Partitions by their UUID, which are folders of the host."""

    def __init__(self, host: FakeBootHost) -> None:
        self._host = host
        self.partitions: dict[str, str] = {}

    def partition(self, uuid: str) -> str:
        return self.partitions[uuid]

    @contextlib.contextmanager
    def over(self, folder: str, place: str) -> t.Iterator[None]:
        """A mount: gone with the power, so that it is undone even then."""
        at, hidden = self._host.root / place.lstrip("/"), self._host.root / f"{place.lstrip('/')}.below"
        os.replace(at, hidden)
        os.symlink(os.path.relpath(self._host.root / folder.lstrip("/"), at.parent), at)
        try:
            yield
        finally:
            with self._host.unhindered():
                os.remove(at)
                os.replace(hidden, at)


class FakeBootHost:
    """The host: `run` is a task, `whole` all that is on its disks."""

    def __init__(self, root: Path, monkeypatch: t.Any) -> None:
        self.root = root
        self.power = Power()
        self.programs = FakePrograms(self.power)
        self.mounts = FakeMounts(self)
        self._hindered = True
        for name in _CALLS:
            monkeypatch.setattr(own_files.os, name, self._counted(name, getattr(os, name)))
        assert mounts.os is own_files.os

    def _counted(self, name: str, real: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def call(*arguments: t.Any, **named: t.Any) -> t.Any:
            if not self._hindered:
                return real(*arguments, **named)
            if name in ("unlink", "rmdir") and not os.path.lexists(arguments[0]):
                return real(*arguments, **named)  # no effect
            self.power.effect(f"{name} {arguments[0]}")
            return real(*arguments, **named)

        return call

    @contextlib.contextmanager
    def unhindered(self) -> t.Iterator[None]:
        self._hindered = False
        try:
            yield
        finally:
            self._hindered = True

    def write(self, path: str, data: str | bytes, mode: int = 0o644) -> None:
        local = self.root / path.lstrip("/")
        with self.unhindered():
            local.parent.mkdir(parents=True, exist_ok=True)
        local.write_bytes(data.encode() if isinstance(data, str) else data)
        local.chmod(mode)

    def append(self, path: str, data: bytes) -> None:
        """What a program that is cut in the middle has written by then."""
        with open(self.root / path.lstrip("/"), "ab") as file:
            file.write(data)

    def read(self, path: str) -> str:
        return self.data(path).decode("utf-8", "surrogateescape")

    def data(self, path: str) -> bytes:
        return (self.root / path.lstrip("/")).read_bytes()

    def exists(self, path: str) -> bool:
        return (self.root / path.lstrip("/")).exists()

    def remove(self, path: str) -> None:
        with self.unhindered():
            (self.root / path.lstrip("/")).unlink()

    def whole(self) -> dict[str, object]:
        """Each file's content and mode, each link's target, each folder."""
        found: dict[str, object] = {}
        for path in sorted(self.root.rglob("*")):
            name = f"/{path.relative_to(self.root)}"
            if path.is_symlink():
                found[name] = os.readlink(path)
            elif path.is_dir():
                found[name] = "folder"
            else:
                found[name] = (oct(path.stat().st_mode), path.read_bytes())
        return found

    def run(self, *arguments: str, check: bool = False, **options: bool) -> ArgumentOutcome:
        tree = Tree(str(self.root))
        host = BootHost(tree, OwnFiles(tree, check=check), self.programs, t.cast("t.Any", self.mounts))
        return change_arguments(host, ArgumentRequest(check_arguments(arguments), check=check, **options))

    def absent(self, *arguments: str, check: bool = False) -> ArgumentOutcome:
        return self.run(*arguments, check=check, absent=True)
