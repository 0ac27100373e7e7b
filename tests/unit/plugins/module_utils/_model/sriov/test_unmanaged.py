# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that keep the host's network services off VFs, as they are written."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.sections import entries
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.unmanaged import (
    GivenAway,
    network_file,
    udev_rules,
)

ONE = GivenAway("0000:01:00.0", "8086:10c9")
SOME = GivenAway("0000:03:00.1", "15b3:101d", ("0000:03:01.0", "0000:03:01.2"))


def test_rules_mark_the_vfs_of_their_pfs_in_order():
    assert udev_rules([SOME, ONE]) == (
        "# Made by kvm.hostdev for VFs that are given to guests; goes with them.\n"
        'ACTION!="add|change|move", GOTO="kvm_hostdev_end"\n'
        'SUBSYSTEM!="net", GOTO="kvm_hostdev_end"\n'
        'TEST!="device/physfn", GOTO="kvm_hostdev_end"\n'
        'ATTR{device/physfn/uevent}=="*PCI_ID=8086:10C9*PCI_SLOT_NAME=0000:01:00.0*", ENV{KVM_HOSTDEV_VF}="1"\n'
        'ATTR{device/physfn/uevent}=="*PCI_ID=15B3:101D*PCI_SLOT_NAME=0000:03:00.1*", '
        'KERNELS=="0000:03:01.0|0000:03:01.2", ENV{KVM_HOSTDEV_VF}="1"\n'
        'ENV{KVM_HOSTDEV_VF}=="1", ENV{NM_UNMANAGED}="1", ENV{ID_NET_MANAGED_BY}="kvm.hostdev"\n'
        'LABEL="kvm_hostdev_end"\n'
    )
    assert udev_rules([SOME, ONE]) == udev_rules([ONE, SOME])


def test_an_older_networkd_goes_by_the_mark_of_the_rules():
    found = [(entry.name, entry.key, entry.value) for entry in entries(network_file([ONE]))]
    assert found == [("Match", "Property", "KVM_HOSTDEV_VF=1"), ("Link", "Unmanaged", "yes")]


def test_without_vfs_there_are_no_files():
    assert udev_rules([]) == network_file([]) == ""
