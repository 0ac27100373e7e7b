# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules' own start: arguments, Ansible's module object and a fake libvirt in place of the binding."""

from __future__ import annotations

import importlib
import json
import sys
import types
import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import sysfs_writer
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.host import ChangingHost
from ansible_collections.kvm.hostdev.plugins.module_utils._module import facts as facts_module
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change import changing as changing_module
from ansible_collections.kvm.hostdev.tests.unit.helpers import documented
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FACTS
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_arguments import patch_module_args

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost


class Runner:
    """Runs a module's main() on the fake host and gives back its result, which has the form that RETURN says."""

    def __init__(self, host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.host, self.opened = host, []
        self.open_error: Exception | None = None
        self.warnings: list[str] = []
        self._monkeypatch, self._capsys = monkeypatch, capsys
        for module in (changing_module, facts_module):
            monkeypatch.setattr(module, "Tree", lambda: host.tree)
        monkeypatch.setattr(ChangingHost, "clock", lambda _host: host.seconds)
        monkeypatch.setattr(sysfs_writer, "SysfsWriter", lambda _tree: host.kernel)
        monkeypatch.setattr(changing_module, "load_module", lambda _module, name: host.kernel.load_module(name))
        monkeypatch.setattr(changing_module.os, "geteuid", lambda: 0)
        # How a result shows warnings, and that they outlive a module, is ansible-core's.
        monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: self.warnings.append(text))
        for name in ("SSH_CONNECTION", "SSH_CLIENT"):
            monkeypatch.delenv(name, raising=False)
        binding = types.ModuleType("libvirt")
        binding.libvirtError = LibvirtError
        binding.registerErrorHandler = lambda _handler, _context: None
        binding.open = self._open
        binding.virEventRegisterDefaultImpl = self._no_events
        monkeypatch.setitem(sys.modules, "libvirt", binding)

    def _open(self, uri: str) -> object:
        self.opened.append(uri)
        if self.open_error is not None:
            raise self.open_error
        return self.host.libvirt

    @staticmethod
    def _no_events() -> t.NoReturn:
        raise LibvirtError("an event loop is registered already")

    def without_binding(self) -> None:
        """No Python on the host has libvirt's binding."""
        self._monkeypatch.setitem(sys.modules, "libvirt", None)
        self._monkeypatch.setattr(respawn, "probe_interpreters_for_module", lambda _paths, _name: None)

    def run(self, name: str, **options: t.Any) -> tuple[int, dict[str, t.Any]]:
        """Exit status and result of the module; `check` and `diff` set those modes."""
        module = importlib.import_module(f"ansible_collections.kvm.hostdev.plugins.modules.{name}")
        arguments = {"facts_path": f"{self.host.root}{FACTS}", **options}
        for mode in ("check", "diff"):
            if mode in arguments:
                arguments[f"_ansible_{mode}_mode" if mode == "check" else "_ansible_diff"] = arguments.pop(mode)
        self._capsys.readouterr()
        with patch_module_args(arguments), pytest.raises(SystemExit) as caught:
            module.main()
        result = json.loads(self._capsys.readouterr().out)
        wrong = documented.faults(name, result)
        assert not wrong, wrong
        return caught.value.code, result

    def done(self, name: str, **options: t.Any) -> dict[str, t.Any]:
        status, result = self.run(name, **options)
        assert status == 0, result
        return result

    def failed(self, name: str, **options: t.Any) -> dict[str, t.Any]:
        status, result = self.run(name, **options)
        assert (status, result.get("failed")) == (1, True), result
        return result
