# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether NetworkManager or networkd manages an interface."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.managed_links import managers
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree


def asked(folder, **files):
    for path, text in {"sys/class/net/vf0/ifindex": "7\n", **files}.items():
        local = folder / path
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(text)
    return managers(Tree(str(folder)), "vf0")


def test_a_host_without_either_has_no_managers(tmp_path):
    assert asked(tmp_path) == {}


def test_an_interface_that_is_gone_has_no_managers(tmp_path):
    (tmp_path / "run/NetworkManager").mkdir(parents=True)
    assert managers(Tree(str(tmp_path)), "vf0") == {}


@pytest.mark.parametrize(
    ("state", "properties", "managed"),
    [
        ("[device]\nmanaged=true\n", "", True),
        ("[device]\nmanaged=true\n", "E:NM_UNMANAGED=1\n", True),
        ("[device]\nmanaged=false\n", "", False),
        ("[device]\nroute-metric-default-aspired=100\n", "E:NM_UNMANAGED=1\n", False),
        ("", "I:123\nE:NM_UNMANAGED=1\n", False),
        ("", "E:NM_UNMANAGED=0\n", None),
        ("", "", None),
    ],
)
def test_network_manager_tells_by_its_state_or_udev_for_it(tmp_path, state, properties, managed):
    files = {"run/NetworkManager/devices/7": state, "run/udev/data/n7": properties}
    assert asked(tmp_path, **files) == {"NetworkManager": managed}


@pytest.mark.parametrize(
    ("state", "managed"),
    [("configured", True), ("pending", True), ("failed", True), ("unmanaged", False), ("linger", False), ("", False)],
)
def test_networkd_tells_by_its_state(tmp_path, state, managed):
    files = {"run/systemd/netif/links/7": f"# This is private data\nADMIN_STATE={state}\nOPER_STATE=off\n"}
    assert asked(tmp_path, **files) == {"systemd-networkd": managed}


def test_an_interface_that_networkd_does_not_know_is_not_its_own(tmp_path):
    assert asked(tmp_path, **{"run/systemd/netif/links/8": "ADMIN_STATE=configured\n"}) == {"systemd-networkd": False}
