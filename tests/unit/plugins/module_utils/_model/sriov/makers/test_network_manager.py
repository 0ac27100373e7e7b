# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What NetworkManager's profiles and configuration make of a PF's VFs."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import PfNames, Source
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.network_manager import (
    configuration_makers,
    profile_maker,
)

PF = PfNames("0000:01:00.0", ("enp1s0",), "igb", ("52:54:00:aa:bb:01",))
PROFILE = "/etc/NetworkManager/system-connections/pf.nmconnection"


def profile(sections, sriov="[sriov]\ntotal-vfs=4\nvf.0=trust=true\n", kind="ethernet"):
    return profile_maker(Source(PROFILE, f"[connection]\ntype={kind}\n{sections}\n{sriov}"), PF)


def configured(match, pf=PF):
    text = f"[main]\nplugins=keyfile\n[device-pf]\n{match}\nsriov-num-vfs=3\n"
    return [(maker.line, maker.certain, maker.count) for maker in configuration_makers(Source("/x.conf", text), pf)]


def test_a_profile_of_the_interface_is_found_with_its_line():
    maker = profile("interface-name=enp1s0")
    assert (maker.path, maker.line, maker.text, maker.certain, maker.count) == (
        PROFILE,
        5,
        "[sriov] total-vfs=4",
        True,
        4,
    )


@pytest.mark.parametrize(
    ("sections", "certain"),
    [
        ("[ethernet]\nmac-address=52:54:00:AA:BB:01", True),
        ("[match]\ninterface-name=enp*", True),
        ("[match]\ndriver=igb;ixgbe;", True),
        ("[match]\npath=pci-0000:01:00.0", True),
        ("[match]\ninterface-name=&!enp2s0", False),
        ("", False),
    ],
)
def test_a_profile_is_the_pfs_for_certain_or_perhaps(sections, certain):
    assert profile(sections).certain is certain


@pytest.mark.parametrize(
    "sections",
    [
        "interface-name=enp2s0",
        "[ethernet]\nmac-address=52:54:00:aa:bb:02",
        "[match]\ndriver=ixgbe",
        "interface-name=enp1s0\n[ethernet]\nmac-address=52:54:00:aa:bb:02",
    ],
)
def test_a_profile_of_another_card_is_left_out(sections):
    assert profile(sections) is None


def test_a_profile_without_the_section_or_of_another_type_is_left_out():
    assert profile("interface-name=enp1s0", sriov="") is None
    assert profile("interface-name=enp1s0", kind="vlan") is None


@pytest.mark.parametrize("sriov", ["[sriov]", "[sriov]\nautoprobe-drivers=0"])
def test_a_section_without_a_number_removes_all_vfs(sriov):
    assert profile("interface-name=enp1s0", sriov=sriov).count == 0


@pytest.mark.parametrize(
    ("match", "found"),
    [
        ("match-device=interface-name:enp1s0", [(5, True, 3)]),
        ("match-device=interface-name:=enp1s0", [(5, True, 3)]),
        ("match-device=interface-name:enp2*", []),
        ("match-device=interface-name:enp2s0,driver:igb", [(5, True, 3)]),
        ("match-device=driver:ixgbe;mac:52:54:00:AA:BB:01", [(5, True, 3)]),
        ("match-device=52:54:00:aa:bb:01", [(5, True, 3)]),
        ("match-device=mac:52:54:00:aa:bb:02", []),
        ("match-device=*", [(5, True, 3)]),
        ("match-device=*,except:driver:igb", []),
        ("match-device=except:driver:ixgbe,*", [(5, True, 3)]),
        ("match-device=type:ethernet", [(5, True, 3)]),
        ("match-device=type:wifi", []),
        ("match-device=enp1s0", [(5, True, 3)]),
        ("match-device=dhcp-plugin:x", [(5, False, 3)]),
        ("match-device=*,except:dhcp-plugin:x", [(5, False, 3)]),
        ("#", [(5, True, 3)]),
    ],
)
def test_a_device_section_is_for_the_pf_or_not_or_perhaps(match, found):
    assert configured(match) == found


def test_of_a_pf_without_driver_a_section_by_driver_is_perhaps():
    assert configured("match-device=driver:igb", PfNames("0000:01:00.0")) == [(5, False, 3)]


def test_sections_of_other_things_are_left_out():
    assert configuration_makers(Source("/x.conf", "[connection]\nsriov-num-vfs=3\n[device]\nmanaged=0\n"), PF) == []
