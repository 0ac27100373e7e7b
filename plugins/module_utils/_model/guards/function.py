# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guards of one function: what it is, and who uses it."""

from __future__ import annotations

import typing as t

from ..host.uses import HostUse
from .blocker import NOBODY, Blocker, Consent, blocker

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory

CLASS_HOST_BRIDGE = "0600"
CLASS_ISA_BRIDGE = "0601"
CLASS_SMBUS = "0c05"


# Intel QAT and DSA functions that vfio-pci does not take (drivers/vfio/pci/vfio_pci.c, vfio_pci_dev_in_denylist).
_DENYLIST = frozenset(f"8086{product}" for product in ["0435", "0443", "0b25", "0cfe", "19e2", "19e3", "37c8", "37c9"])


def own_blockers(inventory: Inventory, device: PciDevice, consent: Consent = NOBODY) -> list[Blocker]:
    """The reasons that lie in the function itself and in who uses it."""
    found = [
        *_kind_blockers(inventory, device),
        *_use_blockers(inventory, device, consent),
    ]
    return [reason for reason in found if reason.code not in consent.allow or reason.override is None]


def by_code(uses: t.Iterable[HostUse]) -> list[tuple[str, str]]:
    """Blocker codes with their details, each once: a volume can lie on several parts of one device."""
    details: dict[str, dict[str, None]] = {}
    for use in uses:
        details.setdefault(use.code, {})[use.detail] = None
    return [(code, "; ".join(found)) for code, found in details.items()]


def _kind_blockers(inventory: Inventory, device: PciDevice) -> t.Iterator[Blocker]:
    address = device.address
    if device.is_bridge:
        yield blocker("not_endpoint", address, f"PCI bridge (header type {device.header_type})")
        return
    if device.class_id.startswith(CLASS_HOST_BRIDGE):
        yield blocker("host_bridge", address, "host bridge (class 0600)")
    elif device.class_id.startswith((CLASS_ISA_BRIDGE, CLASS_SMBUS)):
        kind = "ISA bridge" if device.class_id.startswith(CLASS_ISA_BRIDGE) else "SMBus controller"
        yield blocker("isa_smbus", address, f"{kind} (class {device.class_id[:4]}, driver {device.driver or 'none'})")
    if not inventory.host.iommu:
        yield blocker("iommu_off", address, inventory.host.iommu_reason)
    elif device.iommu_group is None:
        yield blocker("no_group", address, "no iommu_group link in sysfs")
    if inventory.host.denylist and device.vendor_id + device.product_id in _DENYLIST:
        yield blocker("denylisted", address, "on the denylist of vfio-pci; see its parameter disable_denylist")
    if not inventory.host.vfio_available:
        yield blocker("driver_missing", address, f"no vfio-pci in kernel {inventory.host.kernel_release}")
    # While VFs are being made they are there before sriov_numvfs says so (drivers/pci/iov.c, sriov_enable).
    vfs = max(device.num_vfs, len(device.virtual_functions))
    if vfs:
        yield blocker("pf_has_vfs", address, f"{vfs} VFs: {', '.join(device.virtual_functions)}")


def _use_blockers(inventory: Inventory, device: PciDevice, consent: Consent) -> t.Iterator[Blocker]:
    address = device.address
    if consent.require_reset and device.reset_methods == ():
        yield blocker("no_reset", address, "its reset_method in sysfs is empty")
    uses = [*inventory.host_uses.get(address, ())]
    if device.boot_vga and not device.vfio:
        uses.insert(0, HostUse("boot_vga", address, "boot_vga is 1 in sysfs"))
    for code, detail in by_code(uses):
        yield blocker(code, address, detail)
    for domain_use in inventory.domain_uses.get(address, ()):
        if domain_use.uuid == consent.owner_uuid:
            continue
        code = "in_interface_hostdev" if domain_use.via == "interface" else "in_domain_xml"
        where = "running with it" if domain_use.live else "defined with it"
        # Two definitions may name one device as long as only one of them runs.
        yield blocker(
            code, address, f"domain {domain_use.domain} ({domain_use.uuid}) is {where}", allowable=not domain_use.live
        )
