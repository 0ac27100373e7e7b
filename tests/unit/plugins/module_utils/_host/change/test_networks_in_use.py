# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NICs that only a look beyond sysfs shows to be in use are not taken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost

VF = "0000:01:10.0"


@pytest.fixture
def host(folder):
    return FakeHost(folder)


def move_away(host, address):
    """What moving a function's interface into a container's network namespace leaves in sysfs."""
    folder = Path(os.path.realpath(host.root / f"sys/bus/pci/devices/{address}")) / "net"
    (name,) = os.listdir(folder)
    shutil.rmtree(folder / name)
    os.unlink(host.root / f"sys/class/net/{name}")


def test_a_vf_in_a_containers_namespace_is_not_chosen(host):
    move_away(host, VF)
    host.claim({"name": "nic", "specs": [{"product_id": "10ca"}]})
    (device,) = host.record["claims"][0]["devices"]
    assert device["address"] != VF
    assert host.kernel.driver(VF) == "igbvf"


def test_a_vf_in_a_containers_namespace_is_taken_when_that_is_accepted(host):
    move_away(host, VF)
    with pytest.raises(HostdevError, match="other_netns"):
        host.claim({"name": "nic", "address": VF})
    host.claim({"name": "nic", "address": VF}, allow=["other_netns"])
    assert host.kernel.driver(VF) == "vfio-pci"
