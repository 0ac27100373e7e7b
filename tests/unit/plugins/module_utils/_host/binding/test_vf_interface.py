# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VF's own interface, which udev renames while it is used, and whose driver may be busy."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.iproute import Answer
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.vf_interface import VfInterface
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

VF = "0000:01:10.0"


class Interface:
    """Its folder, and `ip`, which does what is next in `moods` and then sets the MTU."""

    def __init__(self, root):
        self.net = root / "sys/bus/pci/devices" / VF / "net"
        self.moods = []
        self.asked = []
        (self.net / "eth0").mkdir(parents=True)
        (self.net / "eth0/mtu").write_text("1500\n")

    def rename(self):
        os.rename(self.net / "eth0", self.net / "enp1s0v0")

    def __call__(self, words):
        self.asked.append(words[3])
        mood = self.moods.pop(0) if self.moods else lambda: None
        if isinstance(mood, str):
            return Answer(2, "", mood)
        mood()
        if not (self.net / words[3]).exists():
            return Answer(1, "", f'Cannot find device "{words[3]}"')
        (self.net / words[3] / "mtu").write_text(f"{words[5]}\n")
        return Answer(0)


@pytest.fixture
def ip(tmp_path):
    return Interface(tmp_path)


@pytest.fixture
def interface(tmp_path, ip):
    return VfInterface(Tree(str(tmp_path)), VF, ip, pauses=(0.0, 0.0))


def test_another_name_meanwhile_is_followed(interface, ip):
    ip.moods = [ip.rename]
    assert interface.set_mtu(2000, 0)
    assert (ip.asked, interface.name, interface.mtu) == (["eth0", "enp1s0v0"], "enp1s0v0", 2000)


def test_a_busy_driver_is_asked_again(interface, ip):
    ip.moods = ["RTNETLINK answers: Device or resource busy"]
    assert interface.set_mtu(2000, 0)
    assert interface.mtu == 2000


def test_an_interface_that_goes_meanwhile_is_no_failure(interface, ip):
    ip.moods = [lambda: os.rename(ip.net, ip.net.parent / "elsewhere")]
    assert not interface.set_mtu(2000, 0)
    assert interface.mtu is None


def raising(error):
    def mood():
        raise error

    return mood


@pytest.mark.parametrize(
    ("mood", "found"),
    [
        ("Error: mtu greater than device maximum.", "mtu greater than device maximum"),
        (raising(TimeoutError("process 4711 has been running ip")), "process 4711"),
        (raising(FileNotFoundError("no program ip")), "no program ip"),
    ],
)
def test_a_refusal_names_the_vf_and_is_not_asked_again(interface, ip, mood, found):
    ip.moods = [mood]
    with pytest.raises(HostdevError, match="vf_setting_failed|mtu of") as caught:
        interface.set_mtu(60000, 0)
    assert caught.value.subject == f"mtu of {VF} (no driver)"
    assert found in caught.value.found
    assert len(ip.asked) == 1
