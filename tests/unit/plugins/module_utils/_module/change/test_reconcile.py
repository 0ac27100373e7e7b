# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pci_reconcile returns, and when it fails."""

from __future__ import annotations

import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change import reconcile as work
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LIVE
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots

NVME, OTHER = "0000:04:00.0", "0000:81:00.0"
DISKS = {"name": "disks", "specs": [{"address": NVME}, {"address": OTHER}], "count": 2}


class FailedError(Exception):
    """The module ended with fail_json; its only argument is what it returned."""


class Module:
    def __init__(self, *, persistent=False, check_mode=False):
        self.params, self.check_mode, self._diff = {"persistent": persistent}, check_mode, False

    def fail_json(self, **result):
        raise FailedError(result)

    def warn(self, text):
        raise AssertionError(text)


@pytest.fixture
def task(lab_host, monkeypatch):
    """A task on a host whose domain has two disks on record."""
    monkeypatch.setattr(work, "flow", lambda module, needs_libvirt: lab_host.flow(check_mode=module.check_mode))
    lab_host.domain.xml[LIVE] = None
    lab_host.claim(DISKS)
    return types.SimpleNamespace(host=lab_host, run=lambda **options: work.reconcile(Module(**options)))


def test_what_has_moved_and_was_done(task):
    Reboots(task.host).start({"04": "06"})
    result = task.run()
    assert result["changed"]
    assert result["moved"] == {NVME: "0000:06:00.0"}
    assert {step["kind"] for step in result["plan"]} == {"hostdev", "driver"}
    assert (result["not_restored"], result["pfs"]) == ([], [])
    assert result["msg"] == (
        "web1: disks = 0000:06:00.0 (1b36:0010), nvme to vfio-pci, attached to definition; "
        f"disks = {OTHER} (1b36:0010), nvme to vfio-pci | {NVME} is at 0000:06:00.0 now"
    )
    again = task.run()
    assert not again["changed"]
    assert again["msg"] == "web1: disks = 0000:06:00.0, 0000:81:00.0 (1b36:0010), as they were"


def test_it_fails_in_the_end_where_something_is_not_back(task):
    Reboots(task.host).start(gone=[NVME])
    with pytest.raises(FailedError) as caught:
        task.run()
    (result,) = caught.value.args
    assert [entry["address"] for entry in result["not_restored"]] == [NVME]
    assert (result["error"]["code"], result["changed"]) == ("not_restored", True)
    assert result["msg"] == result["not_restored"][0]["reason"]
    assert NVME in result["msg"]
    assert task.host.kernel.driver(OTHER) == "vfio-pci"


def test_an_audit_tells_that_and_does_not_fail(task):
    Reboots(task.host).start(gone=[NVME])
    result = task.run(check_mode=True)
    assert [entry["code"] for entry in result["not_restored"]] == ["not_restored"]
    assert result["changed"]
    assert task.host.kernel.driver(OTHER) == "nvme"


def test_only_what_is_persistent(task):
    Reboots(task.host).start()
    assert not task.run(persistent=True)["changed"]
    assert task.run()["changed"]


def test_vfs_of_ours(task):
    task.host.set_vfs(4, take_over=True)
    Reboots(task.host).start()
    assert task.run()["pfs"] == [{"address": "0000:01:00.0", "number": 4, "changed": True}]
    assert task.run()["pfs"] == [{"address": "0000:01:00.0", "number": 4, "changed": False}]
