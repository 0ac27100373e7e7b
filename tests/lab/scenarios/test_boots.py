# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that boot by themselves: kernel arguments come from the files of their loaders, and disks outlive the power."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.self_booting import SelfBooting

#: What an administrator does; the first line shows that the image's grub.cfg is the one that the tool writes.
GRUB = """
cp /boot/grub/grub.cfg /run/installed; update-grub; cmp /boot/grub/grub.cfg /run/installed
mkdir -p /etc/default/grub.d
echo 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX lab.added"' > /etc/default/grub.d/lab.cfg
sed -i 's/intel_iommu=off/intel_iommu=on/' /etc/default/grub
update-grub
"""
SYSTEMD_BOOT = """
sed -i 's/intel_iommu=off/lab.added intel_iommu=on/' /boot/efi/loader/entries/*.conf /etc/kernel/cmdline
sync
"""


def _moved(host: SelfBooting) -> None:
    host.power_cycle(topology.renumbered())
    assert topology.moved(topology.IGB_PF) == "0000:02:00.0"
    assert "igb" in host.sh(f"readlink /sys/bus/pci/devices/{topology.moved(topology.IGB_PF)}/driver").stdout


@pytest.mark.parametrize(
    ("loader", "edit", "boot_again"),
    [("grub", GRUB, SelfBooting.reboot), ("systemd-boot", SYSTEMD_BOOT, _moved)],
    ids=["grub", "systemd-boot with a card more"],
)
def test_what_is_written_for_the_loader_holds_from_the_next_boot_on(
    self_booting: Callable[[str], SelfBooting], loader: str, edit: str, boot_again: Callable[[SelfBooting], None]
) -> None:
    host = self_booting(loader)
    before = _arguments(host)
    assert "intel_iommu=off" in before
    assert _groups(host) == 0
    host.sh("sh -eux", text=edit)
    assert _arguments(host) == before
    boot_again(host)
    assert _arguments(host) == (before - {"intel_iommu=off"}) | {"lab.added", "intel_iommu=on"}
    assert _groups(host) > 10


def _arguments(host: Lab) -> set[str]:
    return set(host.get("/proc/cmdline").split())


def _groups(host: Lab) -> int:
    return int(host.sh("ls /sys/kernel/iommu_groups | wc -l").stdout)
