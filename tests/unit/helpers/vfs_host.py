# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fake host as tests of pci_sriov begin with it, and what they ask of it."""

from __future__ import annotations

import os
import typing as t

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost

VF = "0000:01:10.{}"
FOLDER = f"/sys/bus/pci/devices/{IGB_PF}"


def without_vfs(host: FakeHost) -> FakeHost:
    """The host with a PF that has no VFs, and is down; what was done for that is not in the logs."""
    host.kernel.store(f"{FOLDER}/sriov_numvfs", "0")
    host.links.online = False
    host.kernel.log.clear()
    host.links.log.clear()
    return host


def vfs(host: FakeHost) -> list[str]:
    return sorted(name for name in os.listdir(f"{host.root}{FOLDER}") if name.startswith("virtfn"))


def made(host: FakeHost) -> dict[str, t.Any]:
    """What is on record of PFs with VFs of ours, by their addresses."""
    return {entry["address"]: entry for entry in host.record.get("vfs", [])}


def refused(call: t.Callable[[], object]) -> HostdevError:
    with pytest.raises(HostdevError) as caught:
        call()
    return caught.value


class Killed(BaseException):
    """What ends a run with nothing undone."""


def killed_at(host: FakeHost, monkeypatch: pytest.MonkeyPatch, method: str, number: int = 4) -> None:
    """Let a run that makes VFs end as it comes to a method of the PFs."""

    def die(*_args: object) -> t.NoReturn:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(host.system.pfs), method, die)
        with pytest.raises(Killed):
            host.set_vfs(number)
