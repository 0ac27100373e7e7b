# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do about libvirt's errors.

QEMU's and the kernel's own words, which libvirt passes on under a general number, are not translated.
"""

from __future__ import annotations

import typing as t

from . import errors

# By a part of the message, in small letters; the first that fits counts.
_BY_WORDS = (
    (
        ("cannot allocate memory", "memory_lock", "memlock", "failed to map"),
        "the guest's whole memory is locked for the device: let the limit cover it and 1 GiB more, with "
        "<memtune><hard_limit unit='GiB'>...</hard_limit></memtune> in the domain, or LimitMEMLOCK of the service that "
        "starts QEMU; a huge guest also needs vfio_iommu_type1's dma_entry_limit",
    ),
    (
        ("no more available pci slots", "no more available pci addresses", "no free pci slot"),
        "add <controller type='pci' model='pcie-root-port'/> to the domain, for a conventional device "
        "<controller type='pci' model='pcie-to-pci-bridge'/>, then stop and start it; or set attach to [config]",
    ),
    (
        ("is in use by driver", "in use by domain", "already in use", "is already in the domain"),
        "see which domain has the device with kvm.hostdev.pci_facts (used_by), and detach it there",
    ),
    (
        ("is not viable",),
        "a device of the same IOMMU group is with a driver of the host: take the whole group, group_members: claim",
    ),
    (
        ("is not hotpluggable", "does not support hotplug", "hotplug is not supported"),
        "the guest's bus takes no device while it runs: set attach to [config] and start the domain anew",
    ),
)
_BY_NUMBER = {
    errors.NO_DOMAIN: "the domain was undefined or ended meanwhile: see virsh list --all, and run the task again",
    errors.OPERATION_INVALID: "the domain was started or stopped meanwhile: see virsh domstate, and run the task again",
    errors.OPERATION_TIMEOUT: "another job of the domain holds its lock (a backup, a migration, a hanging virsh): see "
    "virsh domjobinfo, let it end, and run the task again",
    errors.ACCESS_DENIED: "libvirt's access control does not permit it to this user: run the task as root, or see its "
    "policy",
    errors.CONFIG_UNSUPPORTED: "this domain, or this version of libvirt or QEMU, can't have such a device as it is "
    "written",
    errors.OPERATION_UNSUPPORTED: "this hypervisor can't do that: see uri, and virsh uri",
    errors.NO_CONNECT: "see whether libvirtd or virtqemud runs on the host",
}


def remedy(error: Exception) -> str | None:
    """What to do about it, None where nothing better is known than to look into the logs."""
    text = str(error).lower()
    for words, what in _BY_WORDS:
        if any(word in text for word in words):
            return what
    return _BY_NUMBER.get(t.cast("int", errors.number(error)))
