# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blockers: their codes, what each means, and whose consent lifts one."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

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


def blocker(code: str, address: str, detail: str, *, allowable: bool | None = None) -> Blocker:
    may = code in ALLOWABLE if allowable is None else allowable
    return Blocker(code, address, detail, f"allow: [{code}]" if may else None)
