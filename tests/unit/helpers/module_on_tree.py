# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's main() on a root folder, with its result."""

from __future__ import annotations

import importlib
import json
import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.tests.unit.helpers import documented
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_arguments import patch_module_args

_PLUGINS = "ansible_collections.kvm.hostdev.plugins"


class ModuleOnTree:
    """Runs a module of which `_module/boot/NAME.py` makes the host's Tree, and keeps what it warned of."""

    def __init__(self, root: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.tree = Tree(str(root))
        self.warnings: list[str] = []
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: self.warnings.append(text))

    def run(self, name: str, **options: t.Any) -> dict[str, t.Any]:
        """The result; `check_mode` and `diff` set those modes."""
        self._monkeypatch.setattr(
            importlib.import_module(f"{_PLUGINS}.module_utils._module.boot.{name}"), "Tree", self._tree
        )
        arguments = {f"_ansible_{mode}": options.pop(mode, False) for mode in ("check_mode", "diff")}
        self.warnings.clear()
        self._capsys.readouterr()
        with patch_module_args({**options, **arguments}), pytest.raises(SystemExit) as caught:
            importlib.import_module(f"{_PLUGINS}.modules.{name}").main()
        result: dict[str, t.Any] = json.loads(self._capsys.readouterr().out)
        wrong = documented.faults(name, result)
        assert not wrong, wrong
        assert bool(result.get("failed")) is (caught.value.code != 0)
        return result

    def _tree(self) -> Tree:
        return self.tree
