# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Why a function may not be given away now: the blockers, and the kernel's rule for IOMMU groups.

The rule of the kernel, from 5.19 (drivers/iommu/iommu.c, iommu_device_use_default_domain): a group can be given to a
user when every member has no driver, a VFIO driver or pci-stub, or a driver that declares driver_managed_dma, which
among PCI drivers is pcieport. Before 5.19 (drivers/vfio/vfio.c, vfio_dev_driver_allowed) every function whose header
type is not 0 was exempt, whatever its driver.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..host.device import HostUse

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from ..host.node_device import NodeDevice

CLASS_HOST_BRIDGE = "0600"
CLASS_ISA_BRIDGE = "0601"
CLASS_SMBUS = "0c05"

CODES: dict[str, str] = {
    "not_endpoint": "a bridge routes for the devices behind it and stays with the host",
    "host_bridge": "the host bridge is the root of its PCI bus",
    "iommu_off": "without an IOMMU a guest's device could write to all of the host's memory",
    "no_group": "the kernel put the function into no IOMMU group",
    "group_incomplete": "the kernel isolates a group as a whole; a group mate would have to come along",
    "group_blocked": "a group mate can't be taken from the host, so the group can't be given away",
    "root_disk": "the host runs from it",
    "mounted_fs": "a file system on it is mounted",
    "swap": "the host swaps to it",
    "lvm": "a volume group lies on it",
    "md": "a software RAID lies on it",
    "zfs": "it is a member of an imported ZFS pool",
    "default_route": "the host's default route leaves through it",
    "mgmt_nic": "somebody's ssh connection comes through it",
    "ssh_nic": "the ssh connection of this very run comes through it",
    "ip_configured": "the host has an address on it",
    "enslaved": "it is a port of a bridge, bond or VLAN of the host",
    "boot_vga": "the firmware booted with it, or the host's console is on its framebuffer",
    "bmc": "it leads to the controller that manages the host, its power included",
    "watchdog": "it resets the host when it is no longer fed",
    "isa_smbus": "the platform's own ISA bridge or SMBus controller",
    "pf_has_vfs": "the kernel refuses to give a PF away while it has VFs",
    "in_domain_xml": "another domain names it as a hostdev or disk",
    "in_interface_hostdev": "another domain names it as an interface of type hostdev",
    "group_used_by_domain": "a group mate is with another owner",
    "held_by_process": "a process or the device mapper has it open",
    "driver_missing": "the host's kernel has no vfio-pci driver",
    "denylisted": "vfio-pci refuses the device as unsafe to give away",
    "no_reset": "no reset method is known, and the claim requires one",
    "not_in_device_spec": "the allow list does not permit it",
    "moved": "the device of a claim, which sat at another address when it was claimed",
    "identity_changed": "another device sits at the address than the one that was claimed",
}
"""The blocker codes that this release can give, and what each means."""

ALLOWABLE = frozenset(
    {
        "boot_vga",
        "default_route",
        "enslaved",
        "in_domain_xml",
        "in_interface_hostdev",
        "ip_configured",
        "mgmt_nic",
        "watchdog",
    }
)
"""The codes that `allow` may accept. What would break the host, or what the kernel refuses, is not among them."""

# A device with one of these stays where it is even when its owner's own domain refers to it.
_DOMAIN_CODES = frozenset({"in_domain_xml", "in_interface_hostdev"})

# Intel QAT and DSA functions that vfio-pci does not take (drivers/vfio/pci/vfio_pci.c, vfio_pci_dev_in_denylist).
_DENYLIST = frozenset(f"8086{product}" for product in ["0435", "0443", "0b25", "0cfe", "19e2", "19e3", "37c8", "37c9"])


@dataclass(frozen=True)
class Blocker:
    """One reason. `address` is the function at fault, a mate's for group codes; `override` is what accepts it.

    Of a USB or SCSI device `address` is its name as a node device.
    """

    code: str
    address: str
    detail: str
    override: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return {"code": self.code, "address": self.address, "detail": self.detail, "override": self.override}


@dataclass(frozen=True)
class Consent:
    """What an asker brings along: codes it accepts, mates it may take, and the domain it asks for.

    `owner_uuid` is the asking domain's UUID: what that domain already refers to does not block it. `members` are
    addresses that come along, `whole_group` lets all mates come along. `held_by_others` maps addresses to a label of
    the other owner that holds them. With `require_reset` a device without a known reset method is refused.
    """

    allow: frozenset[str] = frozenset()
    owner_uuid: str | None = None
    whole_group: bool = False
    members: frozenset[str] = frozenset()
    held_by_others: t.Mapping[str, str] | None = None
    require_reset: bool = False


NOBODY = Consent()


def exempt_from_group(device: PciDevice, kernel: tuple[int, int]) -> bool:
    """Whether the kernel lets the function keep its present driver while its group is with a guest."""
    if device.driver is None or device.vfio or device.driver == "pci-stub":
        return True
    if kernel >= (5, 19):
        return device.driver == "pcieport"
    return device.is_bridge


def group_viable(inventory: Inventory, group: int) -> bool:
    """Whether a guest could use the group as its drivers are now."""
    return all(
        exempt_from_group(inventory.devices[member], inventory.host.kernel) for member in inventory.groups[group]
    )


def blockers(inventory: Inventory, address: str, consent: Consent = NOBODY) -> list[Blocker]:
    """All reasons why the function may not be given away, those of its own first; empty when there is none."""
    device = inventory.devices[address]
    reasons = own_blockers(inventory, device, consent)
    if not device.is_bridge:
        reasons.extend(_group_blockers(inventory, device, consent))
    return reasons


def own_blockers(inventory: Inventory, device: PciDevice, consent: Consent = NOBODY) -> list[Blocker]:
    """The reasons that lie in the function itself and in who uses it."""
    found = [
        *_kind_blockers(inventory, device),
        *_use_blockers(inventory, device, consent),
    ]
    return [blocker for blocker in found if blocker.code not in consent.allow or blocker.override is None]


def node_blockers(inventory: Inventory, node: NodeDevice) -> list[Blocker]:
    """What the host itself uses a USB or SCSI device for: the device, or what lies below it."""
    uses = inventory.host_uses_within(node.path) if node.path is not None else ()
    return [_blocker(code, node.name, detail) for code, detail in _by_code(uses)]


def _by_code(uses: t.Iterable[HostUse]) -> list[tuple[str, str]]:
    """Blocker codes with their details, each once: a volume can lie on several parts of one device."""
    details: dict[str, dict[str, None]] = {}
    for use in uses:
        details.setdefault(use.code, {})[use.detail] = None
    return [(code, "; ".join(found)) for code, found in details.items()]


def _blocker(code: str, address: str, detail: str, *, allowable: bool | None = None) -> Blocker:
    may = code in ALLOWABLE if allowable is None else allowable
    return Blocker(code, address, detail, f"allow: [{code}]" if may else None)


def _kind_blockers(inventory: Inventory, device: PciDevice) -> t.Iterator[Blocker]:
    address = device.address
    if device.is_bridge:
        yield _blocker("not_endpoint", address, f"PCI bridge (header type {device.header_type})")
        return
    if device.class_id.startswith(CLASS_HOST_BRIDGE):
        yield _blocker("host_bridge", address, "host bridge (class 0600)")
    elif device.class_id.startswith((CLASS_ISA_BRIDGE, CLASS_SMBUS)):
        kind = "ISA bridge" if device.class_id.startswith(CLASS_ISA_BRIDGE) else "SMBus controller"
        yield _blocker("isa_smbus", address, f"{kind} (class {device.class_id[:4]}, driver {device.driver or 'none'})")
    if not inventory.host.iommu:
        yield _blocker("iommu_off", address, inventory.host.iommu_reason)
    elif device.iommu_group is None:
        yield _blocker("no_group", address, "no iommu_group link in sysfs")
    if inventory.host.denylist and device.vendor_id + device.product_id in _DENYLIST:
        yield _blocker("denylisted", address, "on the denylist of vfio-pci; see its parameter disable_denylist")
    if not inventory.host.vfio_available:
        yield _blocker("driver_missing", address, f"no vfio-pci in kernel {inventory.host.kernel_release}")
    # While VFs are being made they are there before sriov_numvfs says so (drivers/pci/iov.c, sriov_enable).
    vfs = max(device.num_vfs, len(device.virtual_functions))
    if vfs:
        yield _blocker("pf_has_vfs", address, f"{vfs} VFs: {', '.join(device.virtual_functions)}")


def _use_blockers(inventory: Inventory, device: PciDevice, consent: Consent) -> t.Iterator[Blocker]:
    address = device.address
    if consent.require_reset and device.reset_methods == ():
        yield _blocker("no_reset", address, "its reset_method in sysfs is empty")
    uses = [*inventory.host_uses.get(address, ())]
    if device.boot_vga and not device.vfio:
        uses.insert(0, HostUse("boot_vga", address, "boot_vga is 1 in sysfs"))
    for code, detail in _by_code(uses):
        yield _blocker(code, address, detail)
    for domain_use in inventory.domain_uses.get(address, ()):
        if domain_use.uuid == consent.owner_uuid:
            continue
        code = "in_interface_hostdev" if domain_use.via == "interface" else "in_domain_xml"
        where = "running with it" if domain_use.live else "defined with it"
        # Two definitions may name one device as long as only one of them runs.
        yield _blocker(
            code, address, f"domain {domain_use.domain} ({domain_use.uuid}) is {where}", allowable=not domain_use.live
        )


def comes_along(mate: PciDevice) -> bool:
    """Whether a group mate must be held with its group: bridges and the platform's own functions stay, undriven."""
    return not mate.is_bridge and not mate.class_id.startswith((CLASS_HOST_BRIDGE, CLASS_ISA_BRIDGE))


def _group_blockers(inventory: Inventory, device: PciDevice, consent: Consent) -> t.Iterator[Blocker]:
    held_by_others = consent.held_by_others or {}
    for mate in inventory.group_mates(device.address):
        if mate.address in held_by_others:
            yield _blocker("group_used_by_domain", mate.address, f"held by {held_by_others[mate.address]}")
            continue
        if not comes_along(mate):
            if not exempt_from_group(mate, inventory.host.kernel):
                yield _blocker("group_blocked", mate.address, f"driver {mate.driver} keeps it with the host")
            continue
        reasons = own_blockers(inventory, mate, consent)
        if reasons and all(reason.code in _DOMAIN_CODES for reason in reasons):
            yield _blocker("group_used_by_domain", mate.address, "; ".join(reason.detail for reason in reasons))
        elif reasons:
            why = "; ".join(f"{reason.code}: {reason.detail}" for reason in reasons)
            yield _blocker("group_blocked", mate.address, why)
        elif not consent.whole_group and mate.address not in consent.members:
            yield Blocker(
                "group_incomplete",
                mate.address,
                f"same IOMMU group {device.iommu_group}, driver {mate.driver or 'none'}",
                "group_members: claim",
            )
