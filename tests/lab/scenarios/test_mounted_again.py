# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that systemd mounts the moment it appears: given back it is in use at once, and refused until it is free."""

from __future__ import annotations

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.scenarios import names
from tests.lab.scenarios.giving import assert_given, claiming, giving, refused
from tests.lab.state import HostState, read_state, reading, state_at

_OPTIONS = r"noauto,nofail,x-systemd.wanted-by=dev-disk-by\x2dlabel-lab\x2ddata.device"
_BEGIN = rf"""{names.DISKS}
mkfs.ext4 -q -L lab-data $nvme
mkdir -p /mnt/lab
udevadm settle
echo 'LABEL=lab-data /mnt/lab ext4 {_OPTIONS} 0 0' >> /etc/fstab
systemctl daemon-reload
systemctl start mnt-lab.mount
systemctl stop mnt-lab.mount
"""
_MOUNTED = f"{names.FUNCTIONS} await mountpoint -q /mnt/lab; udevadm settle"
_END = rf"""
umount -q /mnt/lab
sed -i '/^LABEL=lab-data /d' /etc/fstab
systemctl daemon-reload
{names.DISKS}
wipefs --quiet --all $nvme
udevadm settle
rmdir /mnt/lab
"""


def test_a_disk_that_systemd_mounts_when_it_comes_back_is_released_well_and_claimed_only_unmounted(
    lab: Lab, before: HostState
) -> None:
    mounted = {"name": "mounted", "ansible.builtin.raw": _MOUNTED}
    try:
        lab.sh("bash -eu", text=_BEGIN)
        result = play(
            lab.inventory(),
            tasks(
                *giving(topology.NVME),
                mounted,
                reading("mounted again"),
                claiming("claim", topology.NVME),
                reading("refused"),
                {"name": "unmount", "ansible.builtin.raw": "umount /mnt/lab"},
                *giving(topology.NVME),
                mounted,
            ),
        )
    finally:
        left = lab.sh("bash -u", text=_END, check=False).stderr
    assert result.code == 0, result.output
    assert [task.status for task in result.tasks if task.task in ("give", "take back")] == ["changed"] * 4
    assert_given(result, topology.NVME)
    again = state_at(result, "mounted again")
    assert (again.bindings, again.domains, again.claims()) == (before.bindings, before.domains, [])
    details = refused(result, "claim")[topology.NVME]
    assert set(details) == {"mounted_fs"}
    assert details["mounted_fs"].endswith("n1 is mounted at /mnt/lab")
    assert state_at(result, "refused") == again
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, []), left
