# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host below a root folder, on which vfio_modules runs with programs that are stand-ins."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot import own_files
from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot import vfio_modules as work
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_initramfs import FakePrograms, picture
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_on_tree import ModuleOnTree


class VfioHost:
    """`run` is the module with its options; `programs` are what it started."""

    def __init__(
        self, root: Path, lock: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.root, self.lock = root, lock
        self.programs = FakePrograms(root)
        self._runner = ModuleOnTree(root, monkeypatch, capsys)
        monkeypatch.setattr(work, "LOCK", lock)
        monkeypatch.setattr(work, "Programs", lambda _tree: self.programs)
        monkeypatch.setattr(own_files.os, "geteuid", lambda: 0)

    @property
    def warnings(self) -> list[str]:
        return self._runner.warnings

    def run(self, **options: t.Any) -> dict[str, t.Any]:
        self.programs.log.clear()
        return self._runner.run("vfio_modules", **options)

    def text(self, path: str) -> str | None:
        file = self.root / path[1:]
        return file.read_text() if file.exists() else None

    def picture(self) -> dict[str, tuple[int, str | None]]:
        return picture(self.root)
