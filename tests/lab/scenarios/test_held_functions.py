# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions with drivers that serve others: a process by /dev/uioN, a guest by a mediated device. Given once let go."""

from __future__ import annotations

from tests.lab import guest, topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.scenarios.giving import assert_given, claiming, giving, refused
from tests.lab.state import HostState, read_state, reading, state_at

NIC, EDU = topology.CONVENTIONAL
_MEDIATED = "6b766d00-0000-4000-8000-00000000000a"
_HOSTDEV = (
    f"<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='{_MEDIATED}'/></source></hostdev>"
)
_DEVICES = "/sys/bus/pci/devices"
_FREE = f"echo {NIC} > {_DEVICES}/{NIC}/driver/unbind"
_PROBE = f"echo {NIC} > /sys/bus/pci/drivers_probe"

_BEGIN = f"""
modprobe -a uio_pci_generic lab_mdev
{_FREE}
echo uio_pci_generic > {_DEVICES}/{NIC}/driver_override
{_PROBE}
udevadm settle
setsid sleep infinity < /dev/$(ls {_DEVICES}/{NIC}/uio) > /dev/null 2>&1 & echo $! > /run/lab-holder
echo {_MEDIATED} > {_DEVICES}/{EDU}/mdev_supported_types/lab_mdev-empty/create
virsh -q define /dev/stdin
virsh -q start db1
"""
_LET_GO = f"""
kill $(cat /run/lab-holder)
rm /run/lab-holder
virsh -q destroy db1
echo 1 > /sys/bus/mdev/devices/{_MEDIATED}/remove
"""
# Each step whatever became of the others.
_END = f"""
{_FREE}
echo > {_DEVICES}/{NIC}/driver_override
{_PROBE}
rmmod lab_mdev
rmmod uio_pci_generic
udevadm settle
"""


def test_functions_behind_uio_and_mediated_devices_are_refused_while_held_and_given_and_go_back_to_their_drivers(
    lab: Lab, before: HostState
) -> None:
    definition = guest.domain_xml("db1", kernel=False).replace("</devices>", f"{_HOSTDEV}</devices>")
    try:
        lab.sh(_BEGIN, text=definition)
        result = play(
            lab.inventory(),
            tasks(
                reading("held"),
                claiming("nic", NIC),
                claiming("edu", EDU),
                reading("refused"),
                {"name": "let go", "ansible.builtin.raw": _LET_GO},
                *giving(NIC, EDU),
                reading("taken back"),
            ),
        )
    finally:
        lab.sh("test ! -e /run/lab-holder || { sh; virsh -q destroy db1; }", text=_LET_GO, check=False)
        left = lab.sh(_END, check=False).stderr
        lab.sh("virsh -q define /dev/stdin", text=guest.domain_xml("db1"))
    assert result.code == 0, result.output
    by_uio, by_guest = refused(result, "nic"), refused(result, "edu")
    assert set(by_uio[NIC]) == {"held_by_process"}, by_uio
    assert "(sleep) has /dev/uio" in by_uio[NIC]["held_by_process"]
    assert set(by_guest[EDU]) == {"has_mdevs", "in_domain_xml"}, by_guest
    assert f"{_MEDIATED} (lab_mdev-empty)" in by_guest[EDU]["has_mdevs"]
    assert "domain db1" in by_guest[EDU]["in_domain_xml"]
    held = state_at(result, "held")
    assert state_at(result, "refused") == held
    assert_given(result, NIC, EDU)
    assert state_at(result, "taken back").bindings == held.bindings
    assert (held.driver(NIC), held.driver(EDU)) == ("uio_pci_generic", "lab_mdev")
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, []), left
