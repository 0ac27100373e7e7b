# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a domain's XML takes of the host by other names than a device's."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.host_parts import (
    functions_of_arguments,
    interfaces_below,
)

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


@pytest.mark.parametrize(
    ("argument", "addresses"),
    [
        ("vfio-pci,host=0000:01:00.0", ["0000:01:00.0"]),
        ("vfio-pci,host=01:00.1,addr=02.0", ["0000:01:00.1"]),
        ("vfio-pci,sysfsdev=/sys/bus/pci/devices/10000:e1:00.0", ["10000:e1:00.0"]),
        ('{"driver":"vfio-pci","host":"0000:3B:1f.7"}', ["0000:3b:1f.7"]),
        ("file=nvme://0000:44:00.0/1,if=none", ["0000:44:00.0"]),
        ("e1000,mac=52:54:00:12:34:56,addr=03.0", []),
        ("vfio-pci,host=0000:01:20.0", []),
        ("hostfwd=tcp:10.0.0.1:22.0", []),
        ("-device", []),
    ],
)
def test_functions_are_found_in_arguments_to_qemu(argument, addresses):
    arguments = "".join(f"<q:arg value='{value}'/>" for value in ("-device", argument, argument))
    xml = f"<domain xmlns:q='{QEMU}'><devices/><q:commandline>{arguments}</q:commandline></domain>"
    assert functions_of_arguments(parse_layout(xml)) == addresses


def test_what_is_noted_of_a_domain_is_no_argument():
    xml = "<domain><metadata><commandline><arg value='host=01:00.0'/></commandline></metadata><devices/></domain>"
    assert functions_of_arguments(parse_layout(xml)) == []


def test_interfaces_below_a_domains_own_are_told_once():
    direct = "<interface type='direct'><source dev='eth1' mode='vepa'/></interface>"
    other = "<interface type='bridge'><source bridge='br0'/></interface><interface type='direct'/>"
    xml = f"<domain><devices>{direct}{other}{direct}</devices></domain>"
    assert interfaces_below(parse_layout(xml)) == ["eth1"]
