# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.platform import Boot, missing
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.words import (
    Doing,
    arguments_told,
    iommu_told,
    memory_lock_told,
    modules_told,
)

STILL = Doing(changed=False, absent=False, check_mode=False)
DONE, WOULD = STILL._replace(changed=True), STILL._replace(changed=True, check_mode=True)
NONE = STILL._replace(absent=True)
GONE = NONE._replace(changed=True)
BOTH = ("intel_iommu=on", "iommu=pt")


@pytest.mark.parametrize(
    ("doing", "arguments", "loader", "reboot", "line"),
    [
        (DONE, BOTH, "grub", True, "intel_iommu=on, iommu=pt written (grub); a reboot is needed"),
        (WOULD, BOTH, "grub", True, "intel_iommu=on, iommu=pt would be written (grub); a reboot is needed"),
        (STILL, BOTH, "grub", False, "intel_iommu=on, iommu=pt, as before"),
        (STILL, BOTH, "grub", True, "intel_iommu=on, iommu=pt, as before; a reboot is needed"),
        (DONE, (), "grub", False, "arguments written (grub)"),
        (GONE, BOTH, "grub", True, "intel_iommu=on, iommu=pt taken out (grub); a reboot is needed"),
        (GONE, (), "grub", False, "all arguments of ours taken out (grub)"),
        (NONE, (), None, False, "arguments: nothing of ours to take out"),
        (DONE, ("a\nb",), "grub", False, r"a\nb written (grub)"),
    ],
)
def test_the_kernels_arguments(doing, arguments, loader, reboot, line):
    assert arguments_told(doing, arguments, loader, reboot_needed=reboot) == line


@pytest.mark.parametrize(
    ("doing", "files", "rebuilt", "reboot", "line"),
    [
        (DONE, ["/etc/a"], True, True, "VFIO at boot written (/etc/a); initramfs made anew; a reboot is needed"),
        (WOULD, ["/etc/a"], True, False, "VFIO at boot would be written (/etc/a); initramfs would be made anew"),
        (STILL, [], False, False, "VFIO at boot, as before"),
        (GONE, ["/etc/a"], False, False, "VFIO at boot taken out (/etc/a)"),
        (NONE, [], False, False, "VFIO at boot: nothing of ours to take out"),
    ],
)
def test_the_modules_at_boot(doing, files, rebuilt, reboot, line):
    assert modules_told(doing, files, rebuilt=rebuilt, reboot_needed=reboot) == line


def test_the_memory_lock():
    daemons = ("libvirtd", "virtqemud")
    assert memory_lock_told(DONE, "64G", daemons) == "memory lock of 64G written (libvirtd, virtqemud)"
    assert memory_lock_told(STILL, "64G", daemons) == "memory lock of 64G, as before"
    assert memory_lock_told(GONE, None, daemons) == "memory lock taken out (libvirtd, virtqemud)"


def test_the_iommu():
    on = Boot("x86_64", enabled=True, reason="on: dmar0", tables=frozenset({"DMAR"}))
    off = Boot("x86_64", enabled=False, reason="off: x", tables=frozenset({"IVRS"}), kvm=False)
    assert iommu_told(on, missing(on)) == "intel: the IOMMU is on: dmar0; nothing is missing"
    assert iommu_told(off, missing(off)) == "amd: the IOMMU is off: x; 2 things missing"
    assert iommu_told(off, missing(off)[:1]).endswith("1 thing missing")
