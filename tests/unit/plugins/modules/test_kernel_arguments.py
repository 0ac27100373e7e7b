# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module itself: options, results, errors and the lock."""

from __future__ import annotations

import json
import os
import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.loaders.loader import BootHost
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.own_files import OwnFiles
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import locked
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot import kernel_arguments as work
from ansible_collections.kvm.hostdev.plugins.modules import kernel_arguments
from ansible_collections.kvm.hostdev.tests.unit.helpers import documented
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import made
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_arguments import patch_module_args

DROP_IN = "/etc/default/grub.d/zz-kvm-hostdev.cfg"
BOTH = ["intel_iommu=on", "iommu=pt"]


class Runner:
    """Runs main() on a host below a folder."""

    def __init__(self, host, folder, monkeypatch, capsys):
        self.host, self._capsys = host, capsys
        self.lock = str(folder / "run" / "lock")
        self.warnings: list[str] = []
        monkeypatch.setattr(work, "LOCK", self.lock)
        monkeypatch.setattr(work, "boot_host", self._boot_host)
        monkeypatch.setattr(work.os, "geteuid", lambda: 0)
        monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: self.warnings.append(text))

    def _boot_host(self, *, check):
        tree = Tree(str(self.host.root))
        return BootHost(tree, OwnFiles(tree, check=check), self.host.programs, self.host.mounts)

    def run(self, *, check=False, diff=False, **options) -> tuple[int, dict[str, t.Any]]:
        self._capsys.readouterr()
        modes = {"_ansible_check_mode": check, "_ansible_diff": diff}
        with patch_module_args({**options, **modes}), pytest.raises(SystemExit) as caught:
            kernel_arguments.main()
        result = json.loads(self._capsys.readouterr().out)
        assert documented.faults("kernel_arguments", result) == []
        return caught.value.code, result

    def done(self, **options):
        status, result = self.run(**options)
        assert status == 0, result
        return result

    def failed(self, **options):
        status, result = self.run(**options)
        assert (status, result.get("failed")) == (1, True), result
        return result


@pytest.fixture
def runner(folder, monkeypatch, capsys):
    (folder / "host").mkdir()
    (folder / "run").mkdir()
    return Runner(made("grub_debian", folder / "host", monkeypatch), folder, monkeypatch, capsys)


def test_arguments_come_and_go(runner):
    before = runner.host.whole()
    result = runner.done(arguments=BOTH, diff=True)
    expected = {
        "changed": True,
        "loader": "grub_debian",
        "files": [DROP_IN, "/boot/grub/grub.cfg"],
        "present": [],
        "reboot_needed": True,
    }
    assert {key: result[key] for key in expected} == expected
    assert [(entry["before_header"], entry["before"]) for entry in result["diff"]] == [(DROP_IN, "")]
    assert 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX intel_iommu=on iommu=pt"\n' in result["diff"][0]["after"]
    again = runner.done(arguments=BOTH)
    assert (again["changed"], again["files"], "diff" in again) == (False, [], False)
    assert runner.done(state="absent")["changed"] is True
    assert runner.host.whole() == before
    assert runner.done(state="absent")["changed"] is False


def test_check_mode_needs_no_lock_and_writes_nothing(runner):
    before = runner.host.whole()
    with locked(runner.lock, seconds=0):
        assert runner.done(arguments=BOTH, check=True, diff=True)["changed"] is True
    assert runner.host.whole() == before


def test_two_runs_at_once_wait_for_each_other(runner):
    before = runner.host.whole()
    with locked(runner.lock, seconds=0):
        assert runner.failed(arguments=BOTH, lock_timeout=0)["error"]["code"] == "locked"
    assert runner.host.whole() == before


def test_all_options_reach_the_host(runner):
    runner.host.write("/etc/default/grub", 'GRUB_CMDLINE_LINUX="intel_iommu=off"\n')
    refused = runner.failed(arguments=BOTH)
    assert refused["error"]["code"] == "argument_contradicted"
    assert "/etc/default/grub" in refused["msg"]
    assert "contradictions=replace" in refused["msg"]
    runner.done(arguments=BOTH, contradictions="replace")
    assert runner.host.read("/etc/default/grub") == 'GRUB_CMDLINE_LINUX="intel_iommu=on"\n'
    runner.done(arguments=["iommu=pt"], exclusive=True)
    assert runner.host.read("/etc/default/grub") == 'GRUB_CMDLINE_LINUX="intel_iommu=off"\n'
    assert "iommu=pt" in runner.host.read(DROP_IN)


def test_what_the_user_should_know_is_a_warning(folder, monkeypatch, capsys):
    host = made("rpm_ostree", folder, monkeypatch)
    runner = Runner(host, folder, monkeypatch, capsys)
    runner.done(arguments=BOTH)
    assert len(runner.warnings) == 1
    assert "a new deployment" in runner.warnings[0]


@pytest.mark.parametrize(
    ("options", "code", "subject"),
    [
        ({}, "invalid_option", "arguments"),
        ({"arguments": []}, "invalid_option", "arguments"),
        ({"state": "absent", "exclusive": True}, "invalid_option", "exclusive"),
        ({"arguments": ["intel_iommu=on iommu=pt"]}, "invalid_argument", "arguments[0]"),
        ({"arguments": ["quiet", 'a="b"']}, "invalid_argument", "arguments[1]"),
        ({"arguments": BOTH, "contradictions": "ignore"}, "invalid_option", "this task"),
    ],
)
def test_options_that_are_wrong_are_named(runner, options, code, subject):
    before = runner.host.whole()
    error = runner.failed(**options)["error"]
    assert (error["code"], error["subject"]) == (code, subject)
    assert runner.host.whole() == before


def test_only_root_may(runner, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    error = runner.failed(arguments=BOTH)["error"]
    assert (error["code"], error["remedy"]) == ("not_root", "set become: true")


def test_no_arguments_and_exclusive_takes_all_out(runner):
    before = runner.host.whole()
    runner.done(arguments=BOTH)
    assert runner.done(exclusive=True)["changed"] is True
    assert runner.host.whole() == before


def test_nothing_to_put_in_needs_no_boot_loader_that_is_known(runner):
    os.unlink(f"{runner.host.root}/boot/grub/grub.cfg")
    before = runner.host.whole()
    result = runner.done(exclusive=True)
    assert (result["loader"], result["changed"], result["reboot_needed"]) == (None, False, False)
    assert runner.failed(arguments=BOTH)["error"]["code"] == "unknown_boot_loader"
    assert runner.host.whole() == before
