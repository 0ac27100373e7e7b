# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guards of one function: what it is, and who uses it."""

from __future__ import annotations

import typing as t

from ..errors import few
from .blocker import Blocker, blocker
from .consent import NOBODY, Consent
from .domain import domain_blockers
from .mates import CLASS_HOST_BRIDGE, CLASS_ISA_BRIDGE
from .registry import guards_in

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from ..host.uses import DomainUse, HostUse

CLASS_SMBUS = "0c05"
_CLASS_OTHER_BRIDGE = "0680"
_NVIDIA = "10de"
SILENT = "its config space reads all ones"

# Intel QAT and DSA functions that vfio-pci does not take (drivers/vfio/pci/vfio_pci.c, vfio_pci_dev_in_denylist).
_DENYLIST = frozenset(f"8086{product}" for product in ["0435", "0443", "0b25", "0cfe", "19e2", "19e3", "37c8", "37c9"])


def own_blockers(inventory: Inventory, device: PciDevice, consent: Consent = NOBODY) -> list[Blocker]:
    """The reasons that lie in the function itself and in who uses it."""
    address = device.address
    # Ten thousand functions are asked, of which few have anything to say: nothing else is made before one has.
    findings = [
        (code, detail)
        for code, guard in (_OF_BRIDGES if device.is_bridge else _OF_FUNCTIONS)
        if (detail := guard(inventory, device, consent)) is not None
    ]
    host_uses, domain_uses = inventory.host_uses.get(address, ()), inventory.domain_uses.get(address, ())
    part_uses = inventory.part_uses.get(address, ())
    if not findings and not host_uses and not domain_uses and not part_uses:
        return []
    reasons = use_blockers(address, host_uses, findings)
    reasons += domain_blockers(address, _foreign(domain_uses, consent))
    reasons += domain_blockers(address, part_uses)  # what the asking domain itself has of it goes as well
    return [reason for reason in reasons if not reason.accepted(consent.allow)]


def _foreign(uses: t.Iterable[DomainUse], consent: Consent) -> t.Iterator[DomainUse]:
    """The uses that stand against the asker: its own too where that would lose a mediated device by it."""
    return (use for use in uses if use.uuid != consent.owner_uuid or not use.has_function)


def use_blockers(
    address: str, uses: t.Collection[HostUse], findings: t.Iterable[tuple[str, str]] = ()
) -> list[Blocker]:
    """Blockers of what the host uses a device for, after `findings`, those of guards; each code once, with all details.

    A volume can lie on several parts of one device. Where one use may not be accepted the code may not.
    """
    details: dict[str, dict[str, None]] = {}
    for code, detail in [*findings, *((use.code, use.detail) for use in uses)]:
        details.setdefault(code, {})[detail] = None
    stay = {use.code for use in uses if not use.allowable}
    return [blocker(code, address, "; ".join(several), allowable=code not in stay) for code, several in details.items()]


# The guards.


def not_endpoint(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    return f"PCI bridge (header type {device.header_type})" if device.is_bridge else None


def host_bridge(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    return "host bridge (class 0600)" if device.class_id.startswith(CLASS_HOST_BRIDGE) else None


def isa_smbus(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    if not device.class_id.startswith((CLASS_ISA_BRIDGE, CLASS_SMBUS)):
        return None
    kind = "ISA bridge" if device.class_id.startswith(CLASS_ISA_BRIDGE) else "SMBus controller"
    return f"{kind} (class {device.class_id[:4]}, driver {device.driver or 'none'})"


def iommu_off(inventory: Inventory, _device: PciDevice, _consent: Consent) -> str | None:
    return None if inventory.host.iommu else inventory.host.iommu_reason


def no_group(inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    if device.iommu_group is not None or not inventory.host.iommu:
        return None
    # Only without an IOMMU (enable_unsafe_noiommu_mode) does VFIO take a function that has no group.
    return "its group is VFIO's own, without an IOMMU (vfio-noiommu)" if device.vfio else "no iommu_group link in sysfs"


def reserved_memory(inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    if device.iommu_group is None or device.iommu_group not in inventory.reserved_memory:
        return None
    regions = inventory.reserved_memory[device.iommu_group]
    return f"IOMMU group {device.iommu_group} has reserved memory of type direct at {regions}"


def denylisted(inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    if device.vendor_id + device.product_id in _DENYLIST and inventory.host.denylist:
        return "on the denylist of vfio-pci; see its parameter disable_denylist"
    return None


def not_responding(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    return None if device.responding else SILENT


def fabric_device(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    # Twenty years ago NVIDIA made network controllers of this class, which were no PCI Express.
    if device.vendor_id == _NVIDIA and device.class_id.startswith(_CLASS_OTHER_BRIDGE) and device.express:
        return f"NVSwitch (class {_CLASS_OTHER_BRIDGE} of NVIDIA's)"
    return "it manages the NVLink fabric (SW_MNG in its VPD)" if device.manages_fabric else None


def vgpu_type_unset(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    return "its nvidia/current_vgpu_type is 0" if device.vgpu_type == 0 else None


def driver_missing(inventory: Inventory, _device: PciDevice, _consent: Consent) -> str | None:
    return None if inventory.host.vfio_available else f"no vfio-pci in kernel {inventory.host.kernel_release}"


def pf_has_vfs(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    return f"{device.num_vfs} VFs: {few(device.virtual_functions)}" if device.num_vfs else None


def no_reset(_inventory: Inventory, device: PciDevice, consent: Consent) -> str | None:
    return "its reset_method in sysfs is empty" if consent.require_reset and device.reset_methods == () else None


def boot_vga(_inventory: Inventory, device: PciDevice, _consent: Consent) -> str | None:
    return "boot_vga is 1 in sysfs" if device.boot_vga and not device.vfio else None


_OF_FUNCTIONS = guards_in(globals())
# A bridge stays with the host; the other guards are of functions that might leave it.
_OF_BRIDGES = guards_in({guard.__name__: guard for guard in (not_endpoint, not_responding, no_reset, boot_vga)})
