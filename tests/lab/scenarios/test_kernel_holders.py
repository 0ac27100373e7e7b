# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that a real kernel holds for what no process or mount of the host shows are refused by name, and free after."""

from __future__ import annotations

from typing import Any

from tests.lab import guest, topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.scenarios import names
from tests.lab.scenarios.giving import assert_given, claiming, giving
from tests.lab.scenarios.idle import Idle, lasting, own_blockers
from tests.lab.state import HostState, read_state, reading, state_at

_NAMES = f"""{names.DISKS}
nvmet=/sys/kernel/config/nvmet/subsystems/lab lio=/sys/kernel/config/target/core/iblock_0
"""
_FUNCTIONS = (
    *(topology.MULTIFUNCTION[2], topology.NVME, topology.NUMA_NVME),
    *(topology.SCSI_HBA, topology.USB_CONTROLLER),
)

# Each on a disk of its own: an NVMe target, a SCSI target, a cache without anything to cache for, a mapper's table
# without a UUID, and a file system that only another mount namespace has.
_FIRST = """
modprobe -a nvmet target_core_mod target_core_iblock bcache
mkdir -p $nvmet/namespaces/1
echo -n $nvme > $nvmet/namespaces/1/device_path
echo 1 > $nvmet/namespaces/1/enable
mkdir -p $lio/lab
echo "udev_path=$slot" > $lio/lab/control
echo 1 > $lio/lab/enable
make-bcache --bucket 64k -C $numa > /dev/null
udevadm settle
test -e /sys/class/block/${numa#/dev/}/bcache || echo $numa > /sys/fs/bcache/register
dmsetup create lab-joined --table "0 $(blockdev --getsz $scsi) linear $scsi 0"
mkfs.ext4 -q $usb
mkdir -p /mnt/lab
cat > /run/lab-mount << END
mount $usb /mnt/lab
echo \\$\\$ > /run/lab-mounted
exec sleep infinity
END
setsid unshare --mount --propagation private sh -e /run/lab-mount > /dev/null 2>&1 < /dev/null &
await test -e /run/lab-mounted
"""

# Each step whatever became of the others.
_FIRST_ENDS = """
kill $(cat /run/lab-mounted)
while test -e /sys/fs/ext4/${usb#/dev/}; do sleep 1; done
dmsetup remove lab-joined
for cache in /sys/fs/bcache/*-*; do echo 1 > $cache/unregister; done
while test -e /sys/class/block/${numa#/dev/}/bcache; do sleep 1; done
rmdir $lio/lab $lio
echo 0 > $nvmet/namespaces/1/enable
rmdir $nvmet/namespaces/1 $nvmet
wipefs --quiet --all $numa $usb
udevadm settle
rm -f /run/lab-mount /run/lab-mounted && rmdir /mnt/lab
"""

# A loop device, the journal and the log of file systems that lie elsewhere, and the disk of a domain that does not run.
_SECOND = """
losetup --find $nvme
mke2fs -q -F -b 1024 -O journal_dev $slot
truncate -s 16M /var/tmp/lab.img
mkfs.ext4 -q -F -b 1024 -J device=$slot /var/tmp/lab.img
truncate -s 64M /var/tmp/lab-xfs.img
mkfs.xfs -q --unsupported -f -l logdev=$scsi /var/tmp/lab-xfs.img
mkdir -p /mnt/lab /mnt/lab-xfs
mount -o loop /var/tmp/lab.img /mnt/lab
mount -o loop,logdev=$scsi /var/tmp/lab-xfs.img /mnt/lab-xfs
virsh -q attach-disk plain1 $numa vdb --config --sourcetype block
"""

_SECOND_ENDS = """
virsh -q detach-disk plain1 vdb --config
umount /mnt/lab /mnt/lab-xfs
losetup --detach $(losetup --noheadings --output NAME --associated $nvme)
wipefs --quiet --all $slot $scsi
udevadm settle
rm -f /var/tmp/lab.img /var/tmp/lab-xfs.img && rmdir /mnt/lab /mnt/lab-xfs
"""

# A disk is there a while after its driver is.
_BACK = f"""{names.FUNCTIONS}
has_disk() {{ test -n "$(find /sys/bus/pci/devices/$1/ -name 'nvme*n1' -o -path '*/block/sd?')"; }}
for function in {" ".join(_FUNCTIONS)}; do await has_disk $function; done
udevadm settle
"""


def _busy(lab: Lab, begin: str, end: str, address: str) -> tuple[dict[str, dict[str, str]], dict[str, Any], str]:
    """Return details of functions' own blockers while something goes on, the answer to a claim, and what went wrong."""
    try:
        lab.sh("bash -eu", text=_NAMES + begin)
        result = play(
            lab.inventory(),
            tasks(
                {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["devices"]}},
                claiming("claim", address),
            ),
        )
    finally:
        left = lab.sh("bash -u", text=_NAMES + end, check=False).stderr
    assert result.code == 0, result.output
    facts = result.of("facts").result["ansible_facts"]["hostdev"]
    return own_blockers(facts), result.of("claim").result, left


def _new_codes(busy: dict[str, dict[str, str]], usual: dict[str, dict[str, str]]) -> dict[str, set[str]]:
    codes = {address: set(details) - set(usual[address]) for address, details in busy.items()}
    return {address: new for address, new in codes.items() if new}


def test_what_the_kernel_holds_is_refused_by_name_and_given_once_it_is_free(
    lab: Lab, idle: Idle, before: HostState
) -> None:
    usual = own_blockers(idle.facts)
    first, first_claim, left = _busy(lab, _FIRST, _FIRST_ENDS, topology.NVME)
    assert _new_codes(first, usual) == {
        topology.NVME: {"kernel_holder"},
        topology.MULTIFUNCTION[2]: {"kernel_holder"},
        topology.NUMA_NVME: {"kernel_holder"},
        topology.SCSI_HBA: {"kernel_holder"},
        topology.USB_CONTROLLER: {"mounted_fs"},
    }, left
    assert "nvmet/subsystems/lab" in first[topology.NVME]["kernel_holder"]
    assert "iblock_0/lab" in first[topology.MULTIFUNCTION[2]]["kernel_holder"]
    assert "bcache" in first[topology.NUMA_NVME]["kernel_holder"]
    assert "lab-joined" in first[topology.SCSI_HBA]["kernel_holder"]
    assert "/mnt/lab in the mount namespace of process" in first[topology.USB_CONTROLLER]["mounted_fs"]
    assert "nvmet" in first_claim["msg"]

    second, second_claim, left_again = _busy(lab, _SECOND, _SECOND_ENDS, topology.NUMA_NVME)
    lab.sh("virsh -q define /dev/stdin", text=guest.domain_xml("plain1"))
    assert _new_codes(second, usual) == {
        topology.NVME: {"kernel_holder"},
        topology.MULTIFUNCTION[2]: {"mounted_fs"},
        topology.NUMA_NVME: {"in_domain_xml"},
        topology.SCSI_HBA: {"mounted_fs"},
    }, left + left_again
    assert "loop" in second[topology.NVME]["kernel_holder"]
    assert "journal" in second[topology.MULTIFUNCTION[2]]["mounted_fs"]
    assert "/mnt/lab-xfs" in second[topology.SCSI_HBA]["mounted_fs"]
    assert "domain plain1" in second_claim["msg"]

    free = play(
        lab.inventory(),
        tasks(
            reading("free"),
            {"name": "facts", "kvm.hostdev.pci_facts": {}},
            *giving(*_FUNCTIONS),
            {"name": "back", "ansible.builtin.raw": _BACK},
            {"name": "after", "kvm.hostdev.pci_facts": {}},
        ),
    )
    assert free.code == 0, free.output + left + left_again
    assert state_at(free, "free") == before
    assert lasting(free.of("facts").result["ansible_facts"]["hostdev"]) == lasting(idle.facts)
    assert_given(free, *_FUNCTIONS, *topology.MULTIFUNCTION)
    # By code: disks may come back by other names.
    blocked = own_blockers(free.of("after").result["ansible_facts"]["hostdev"])
    assert {address: set(details) for address, details in blocked.items()} == {
        address: set(details) for address, details in usual.items()
    }
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])
