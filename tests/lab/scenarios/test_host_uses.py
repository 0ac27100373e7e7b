# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage and network stacks of a real host: each use blocks exactly the functions below it, and ends with the use."""

from __future__ import annotations

from typing import Any

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.scenarios import names
from tests.lab.scenarios.idle import Idle, lasting, own_blockers
from tests.lab.state import HostState, read_state

_NAMES = f"""{names.DISKS}
mirror="$slot $numa"
controller=/dev/$(ls /sys/bus/pci/devices/{topology.NVME_PF}/nvme)
bonded="$(interface {topology.MULTIFUNCTION[0]}) $(interface {topology.MULTIFUNCTION[1]})"
tagged=$(interface {topology.CONVENTIONAL[0]})
routed=$(interface {topology.IGB_VFS[0]}) addressed=$(interface {topology.IGB_VFS[1]})
bridged=$(interface {topology.IGB_VFS[2]}) switched=$(interface {topology.IGB_VFS[3]})
"""

_BUILD = """
printf 'label: gpt\\n,32M\\n,\\n' | sfdisk --quiet $nvme
udevadm settle
vgcreate -qq lab ${nvme}p1
lvcreate -qq -y -n unused -L 8M lab
mkswap -q ${nvme}p2
swapon ${nvme}p2
mdadm --quiet --create /dev/md/lab --run --level=1 --raid-devices=2 --metadata=1.2 $mirror
echo secret | cryptsetup open --type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 --key-file - \
    /dev/md/lab lab
mkfs.btrfs -q -f --mixed -d single -m single $scsi $usb 2>&1
mkdir -p /mnt/lab
mount $scsi /mnt/lab
setsid sleep infinity < $controller > /dev/null 2>&1 & echo $! > /run/lab-holder

# The members keep their MAC addresses, which are their serials: one that was changed no longer counts as the card's.
ip link add lab-bond type bond mode active-backup fail_over_mac active
for member in $bonded; do ip link set $member down master lab-bond; done
ip link add link lab-bond name lab-bond.10 type vlan id 10
ip link set lab-bond up
ip link set lab-bond.10 up
ip address add 192.0.2.1/24 dev lab-bond.10
ip link add lab-bridge type bridge vlan_default_pvid 0
ip link set $bridged master lab-bridge
ip link add link $tagged name lab-vlan type vlan id 20
ip link set $routed up
ip route add default dev $routed table 100
ip rule add from 198.51.100.0/24 table 100
ip address add 203.0.113.5/32 dev $addressed
systemctl start openvswitch-switch
ovs-vsctl --timeout=60 add-br lab-switch -- add-port lab-switch $switched
ip link set lab-switch up
ip address add 198.51.100.1/24 dev lab-switch
udevadm settle
"""

# Each step whatever became of the others.
_TEAR_DOWN = """
ovs-vsctl --timeout=60 del-br lab-switch
systemctl stop openvswitch-switch && rmmod openvswitch
ip address del 203.0.113.5/32 dev $addressed
ip rule del from 198.51.100.0/24 table 100
ip route flush table 100
for link in lab-vlan lab-bridge lab-bond.10 lab-bond; do ip link del $link; done
ip link set $routed down
for member in $bonded $bridged $switched; do ip link set $member down; done
kill $(cat /run/lab-holder)
umount /mnt/lab
cryptsetup close lab
mdadm --quiet --stop /dev/md/lab && mdadm --quiet --zero-superblock $mirror
swapoff ${nvme}p2
vgremove -qq -f lab && pvremove -qq ${nvme}p1
wipefs --quiet --all ${nvme}p2
wipefs --quiet --all $nvme $scsi $usb && blockdev --rereadpt $nvme
udevadm settle
rm -rf /run/lab-holder && rmdir /mnt/lab
"""


def _gather(lab: Lab) -> dict[str, Any]:
    result = play(lab.inventory(), tasks({"name": "facts", "kvm.hostdev.pci_facts": {}}))
    assert result.code == 0, result.output
    return dict(result.of("facts").result["ansible_facts"]["hostdev"])


def test_uses_by_the_host_block_the_functions_below_them_until_they_end(
    lab: Lab, idle: Idle, before: HostState
) -> None:
    try:
        lab.sh("bash -eu", text=_NAMES + _BUILD)
        busy = own_blockers(_gather(lab))
    finally:
        left = lab.sh("bash -u", text=_NAMES + _TEAR_DOWN, check=False).stderr
    idle_again = _gather(lab)

    usual = own_blockers(idle.facts)
    new_codes = {address: set(details) - set(usual[address]) for address, details in busy.items()}
    assert {address: codes for address, codes in new_codes.items() if codes} == {
        topology.NVME: {"lvm", "swap"},
        topology.MULTIFUNCTION[2]: {"md", "kernel_holder"},
        topology.NUMA_NVME: {"md", "kernel_holder"},
        topology.SCSI_HBA: {"mounted_fs"},
        topology.USB_CONTROLLER: {"mounted_fs"},
        topology.NVME_PF: {"held_by_process"},
        topology.MULTIFUNCTION[0]: {"enslaved", "ip_configured"},
        topology.MULTIFUNCTION[1]: {"enslaved", "ip_configured"},
        topology.CONVENTIONAL[0]: {"enslaved"},
        topology.IGB_VFS[0]: {"default_route"},
        topology.IGB_VFS[1]: {"ip_configured"},
        topology.IGB_VFS[2]: {"enslaved"},
        topology.IGB_VFS[3]: {"enslaved", "ip_configured"},
    }, left
    assert "(sleep)" in busy[topology.NVME_PF]["held_by_process"]
    assert "lab-unused" in busy[topology.NVME]["lvm"]
    assert "/mnt/lab" in busy[topology.USB_CONTROLLER]["mounted_fs"]
    assert "encryption" in busy[topology.NUMA_NVME]["kernel_holder"]
    assert "192.0.2." in busy[topology.MULTIFUNCTION[1]]["ip_configured"]
    assert "203.0.113.5" in busy[topology.IGB_VFS[1]]["ip_configured"]
    assert {address for address, details in usual.items() if "bmc" in details} == {topology.BMC}
    assert "watchdog" in usual[topology.WATCHDOG]

    assert lasting(idle_again) == lasting(idle.facts), left
    assert read_state(lab) == before
