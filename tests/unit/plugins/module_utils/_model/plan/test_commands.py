# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands by hand of steps."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.pci_xml import root_port_xml
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import (
    DriverStep,
    HostdevStep,
    RootPortsStep,
    VfSettingsStep,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import VFIO

VF1 = "0000:01:10.0"
OWN = Binding("igbvf", None)


def test_the_commands_by_hand_for_a_domain():
    step = HostdevStep(VF1, "web1", UUID, "config", None, "<hostdev/>")
    assert step.command() == f"printf %s '<hostdev />' | virsh attach-device {UUID} /dev/stdin --config"
    assert step.inverse().command() == f"printf %s '<hostdev />' | virsh detach-device {UUID} /dev/stdin --config"


@pytest.mark.parametrize(
    ("step", "command"),
    [
        (
            DriverStep(VF1, OWN, VFIO),
            "echo vfio-pci > /sys/bus/pci/devices/0000:01:10.0/driver_override; "
            "echo 0000:01:10.0 > /sys/bus/pci/devices/0000:01:10.0/driver/unbind; "
            "echo 0000:01:10.0 > /sys/bus/pci/drivers_probe",
        ),
        (
            DriverStep(VF1, VFIO, Binding(None, None)),
            "echo  > /sys/bus/pci/devices/0000:01:10.0/driver_override; "
            "echo 0000:01:10.0 > /sys/bus/pci/devices/0000:01:10.0/driver/unbind",
        ),
        (
            DriverStep(VF1, VFIO, OWN),
            "echo igbvf > /sys/bus/pci/devices/0000:01:10.0/driver_override; "
            "echo 0000:01:10.0 > /sys/bus/pci/devices/0000:01:10.0/driver/unbind; "
            "echo 0000:01:10.0 > /sys/bus/pci/drivers_probe; "
            "echo  > /sys/bus/pci/devices/0000:01:10.0/driver_override",
        ),
        (
            DriverStep(VF1, Binding(None, None), VFIO),
            "echo vfio-pci > /sys/bus/pci/devices/0000:01:10.0/driver_override; "
            "echo 0000:01:10.0 > /sys/bus/pci/drivers_probe",
        ),
    ],
)
def test_the_commands_by_hand_for_a_driver(step, command):
    assert step.command() == command


def test_the_commands_by_hand_for_root_ports_take_the_last_one_out_first():
    step = RootPortsStep("web1", UUID, (1,), (1, 2, 3))

    def virsh(action, index):
        return f"printf %s '{root_port_xml(index)}' | virsh {action} {UUID} /dev/stdin --config"

    assert step.inverse().command() == f"{virsh('detach-device', 3)}; {virsh('detach-device', 2)}"
    assert step.command() == f"{virsh('attach-device', 2)}; {virsh('attach-device', 3)}"


def test_the_command_by_hand_for_settings_of_a_vf():
    step = VfSettingsStep(VF1, "0000:01:00.0", 0, {}, {"trust": True, "spoof_check": False})
    assert step.command() == (
        'ip link set "$(ls /sys/bus/pci/devices/0000:01:00.0/net | head -n 1)" vf 0 trust on spoofchk off'
    )


def test_the_command_that_mends_by_hand_is_quoted_for_the_shell():
    xml = "<hostdev>\n  <alias name='it'/>\n</hostdev>"
    command = HostdevStep("0000:01:00.0", "web1", "uuid-1", "live", None, xml).command()
    assert shlex.split(command) == [
        *("printf", "%s", '<hostdev><alias name="it" /></hostdev>', "|"),
        *("virsh", "attach-device", "uuid-1", "/dev/stdin", "--live"),
    ]
