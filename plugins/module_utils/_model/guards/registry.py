# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All blocker codes in one table, from which guards, messages, module documentation and guides are made.

A new guard is one entry here and one function of the code's name: in function.py for what a PCI function is, in
group.py for what a group mate is, else in domain.py, usb_scsi.py, record.py or request.py. What the host uses a device
for needs no function: a HostUse has the code.
"""

from __future__ import annotations

import typing as t

NEVER, BY_ALLOW, BY_GROUP_MEMBERS = "never", "allow", "group_members"


class Guard(t.NamedTuple):
    """One code. The texts are half sentences on the device, with options, paths and commands in backticks.

    `remedy` is the step that leads on from here; `{address}` in it is the function at fault. `see` is a command that
    shows on the host what it is about. `allowable` says which option of a claim accepts it, `note` when it does.
    """

    code: str
    meaning: str
    remedy: str
    see: str
    allowable: str = NEVER
    note: str = ""


STAYS = "it stays with the host: ask for another device"
_AGAIN = "release that claim's request, then claim again"

# What the device is, its group, who uses it, what record and request say. Guards are asked in this order.
_TABLE = (
    Guard(
        "not_endpoint",
        "it is a bridge or a USB hub, which serves the devices behind it and stays with the host",
        "ask for a device behind it",
        "`lspci -Dt`",
    ),
    Guard("host_bridge", "it is a host bridge, the root of its PCI bus", STAYS, "`lspci -Ds ADDRESS`"),
    Guard(
        "isa_smbus",
        "it is the platform's own ISA bridge or SMBus controller",
        "it stays with the host, and with it its whole IOMMU group: ask for a device of another group",
        "`lspci -Ds ADDRESS`",
    ),
    Guard(
        "iommu_off",
        "no IOMMU is on, so a guest's device could write to all of the host's memory; the detail says why",
        "switch it on as the detail says, then boot anew",
        "`ls /sys/class/iommu`; `dmesg | grep -i -e DMAR -e AMD-Vi -e smmu -e iommu`; `cat /proc/cmdline`",
    ),
    Guard(
        "no_group",
        "the kernel put the function into no IOMMU group",
        "see `dmesg | grep -i iommu` for why the IOMMU leaves it out (it may be off for the device's PCI segment), "
        "or ask for another device",
        "`ls -l /sys/bus/pci/devices/ADDRESS/iommu_group`",
    ),
    Guard(
        "denylisted",
        "`vfio-pci` refuses the device as unsafe to give away",
        "if you accept the risk, write `options vfio-pci disable_denylist=1` into `/etc/modprobe.d/` and reload "
        "`vfio-pci`",
        "`dmesg | grep denylist`",
    ),
    Guard(
        "reserved_memory",
        "the firmware reserves memory for a device of its group (RMRR, a reserved region of type `direct`), and the "
        "kernel gives no such device to a guest",
        "see the maker's notes on RMRR for a switch in the firmware's set-up, or ask for another device",
        "`cat /sys/bus/pci/devices/ADDRESS/iommu_group/reserved_regions`",
    ),
    Guard(
        "not_responding",
        "it does not answer, and its config space reads all ones, since it fell off its bus or never woke up",
        "power the host off and on, which resets what a reboot may not; see `dmesg` for why it stopped answering",
        "`lspci -Dxs ADDRESS`; `dmesg | grep ADDRESS`",
    ),
    Guard(
        "fabric_device",
        "it is an NVSwitch, or a function that manages the NVLink fabric, on which all GPUs of the host depend",
        STAYS,
        "`lspci -Dnnvvs ADDRESS`; `nvidia-smi topo -m`",
    ),
    Guard(
        "vgpu_type_unset",
        "it is a VF of a GPU on which NVIDIA's driver has made no vGPU, so that a guest would find nothing in it",
        "write one of the types in `/sys/bus/pci/devices/{address}/nvidia/creatable_vgpu_types` into "
        "`current_vgpu_type` there, or ask for another device",
        "`cat /sys/bus/pci/devices/ADDRESS/nvidia/current_vgpu_type`",
    ),
    Guard(
        "driver_missing",
        "the host's kernel has no `vfio-pci`",
        "install the package with the kernel's modules, for the kernel that runs (`uname -r`)",
        "`modinfo vfio-pci`",
    ),
    Guard(
        "pf_has_vfs",
        "it is a physical function with virtual functions, and the kernel gives it away only without them; or a "
        "virtual function of it that was not made again after a reboot is on record",
        "ask for its virtual functions (`device_type: type-VF`), or once nobody has them remove them: "
        "`kvm.hostdev.pci_sriov` with `address: {address}, state: absent`, or with `number: 0, take_over: true` where "
        "others made them",
        "`ls -d /sys/bus/pci/devices/ADDRESS/virtfn*`",
    ),
    Guard(
        "has_mdevs",
        "mediated devices are made on it, each of which may be a guest's",
        "once nobody has them remove them: `echo 1 > /sys/bus/mdev/devices/UUID/remove`, or `mdevctl stop`",
        "`mdevctl list`; `ls /sys/bus/mdev/devices`",
    ),
    Guard(
        "no_reset",
        "no reset method is known, and `require_reset` asks for one; otherwise this is a warning",
        "claim without `require_reset`, or ask for another device",
        "`cat /sys/bus/pci/devices/ADDRESS/reset_method`",
    ),
    Guard(
        "boot_vga",
        "the firmware booted with it, or a console of the host is on it (its framebuffer, a serial port)",
        "have another way to the host, by network or serial line, and accept that the console goes",
        "`cat /sys/bus/pci/devices/ADDRESS/boot_vga`; `cat /proc/fb`",
        BY_ALLOW,
    ),
    Guard(
        "group_used_by_domain",
        "another owner or another domain has a group mate; or, for a USB or SCSI device, somebody holds its controller",
        "release {address} there with `kvm.hostdev.pci_passthrough_release`, or ask for another device",
        "`virsh dumpxml`; `ansible_local.hostdev.claims`",
    ),
    Guard(
        "group_blocked",
        "a group mate can't be taken from the host; the detail has the mate's own blockers",
        "put the card into a slot with a group of its own",
        "`blockers` of the mate that the blocker's `address` names",
        note="but the mate's own blockers may be",
    ),
    Guard(
        "group_incomplete",
        "the kernel isolates a group as a whole, so a group mate would have to leave the host as well",
        "set `group_members` to claim, or to a list with {address}; or put the card into a slot with a group of its "
        "own",
        "`ls /sys/bus/pci/devices/ADDRESS/iommu_group/devices`",
        BY_GROUP_MEMBERS,
        "but `group_members` takes the mates along",
    ),
    Guard(
        "root_disk",
        "the host runs from it, by a file system of the system (`/`, `/boot`, `/usr`, `/var` ...)",
        STAYS,
        "`findmnt /`; `lsblk -s`",
    ),
    Guard(
        "mounted_fs",
        "a file system on it, or one with its log or journal on it, is mounted by the host or in a container",
        "unmount it where the detail says (`umount`), and take it out of `/etc/fstab`",
        "`lsblk -o NAME,MOUNTPOINTS`; `lsns -t mnt`",
    ),
    Guard(
        "swap",
        "the host swaps to it",
        "take the swap out of use (`swapoff`), and out of `/etc/fstab`",
        "`swapon --show`",
    ),
    Guard(
        "lvm",
        "a volume group lies on it",
        "deactivate the volume group (`vgchange -an`), or move its volumes elsewhere (`pvmove`)",
        "`pvs`",
    ),
    Guard(
        "md",
        "a software RAID lies on it",
        "stop the RAID (`mdadm --stop`), or take the disk out of it",
        "`cat /proc/mdstat`",
    ),
    Guard(
        "zfs",
        "it is a member of an imported ZFS pool; or it was made for ZFS but names no pool, and a pool is imported",
        "export the pool (`zpool export`), or take the disk out of it; if the pool no longer exists, wipe the label "
        "(`zpool labelclear`)",
        "`zpool status`; `lsblk -o NAME,FSTYPE,LABEL,PARTTYPENAME`",
    ),
    Guard(
        "kernel_holder",
        "the kernel has the disk open for something of its own, which the detail names, such as the device mapper "
        "(encryption, multipath), bcache, DRBD, a loop device or an export (nvmet, LIO, USB/IP); or it uses the device "
        "itself, for memory of the host (CXL) or as a DMA engine",
        "take the device out of what the detail names, or stop that",
        "`lsblk -s`; `ls /sys/class/block/DISK/holders`; `dmsetup ls --tree`",
    ),
    Guard(
        "default_route",
        "a default route leaves through it, in the main routing table or in another one, which the detail names",
        "have the default route leave through another interface",
        "`ip route show table all default`",
        BY_ALLOW,
    ),
    Guard(
        "ssh_nic",
        "the ssh connection of this very run comes in or goes out through it",
        "let Ansible reach the host through another interface (`ansible_host`)",
        "`echo $SSH_CONNECTION`; `ip route get` the peer's address",
    ),
    Guard(
        "mgmt_nic",
        "another ssh connection to the host (port 22) comes in or goes out through it",
        "end that session, or accept that it breaks",
        "`ss -tn sport = :22`",
        BY_ALLOW,
    ),
    Guard(
        "ip_configured",
        "the host has an address on it, has a route through it, or sends its kernel's messages through it (netconsole)",
        "take the address or the route off (`ip address del`, `ip route del`), and out of the network's configuration",
        "`ip address`; `ip route show table all`; `ls /sys/kernel/config/netconsole`",
        BY_ALLOW,
    ),
    Guard(
        "enslaved",
        "it is a port of a bridge or bond, carries a VLAN or the like, or a program takes its packets (packet socket, "
        "XDP)",
        "take it out of the bridge or bond (`ip link set INTERFACE nomaster`), the VLAN off (`ip link del`), or end "
        "the program that the detail names",
        "`ip -d link`; `bridge link`; `ss -0p`",
        BY_ALLOW,
    ),
    Guard(
        "other_netns",
        "its interface is in another network namespace, a container's or a service's",
        "end what has the interface, or move it back (`ip -n NAMESPACE link set INTERFACE netns 1`)",
        "`lsns -t net`; `ip netns`",
        BY_ALLOW,
    ),
    Guard(
        "network_storage",
        "file systems or disks of the host come over it (NFS, iSCSI, NVMe over fabrics)",
        "unmount them (`umount`), or log out (`iscsiadm -m node -u`, `nvme disconnect`)",
        "`findmnt -t nfs,nfs4`; `iscsiadm -m session`; `nvme list-subsys`",
        BY_ALLOW,
        "unless the root file system is among them",
    ),
    Guard(
        "bmc",
        "it leads to the controller that manages the host (BMC), its power included",
        STAYS,
        "`lspci -Dnnks ADDRESS`",
    ),
    Guard(
        "watchdog",
        "it is a watchdog, which resets the host if it runs and is no longer fed",
        "stop what feeds it (systemd's `RuntimeWatchdogSec`), and unload its driver",
        "`wdctl`",
        BY_ALLOW,
    ),
    Guard(
        "held_by_process",
        "a process has a device node of it open, or a process that binds or unbinds it hangs in the kernel",
        "end the process; if it hangs in the kernel, only a reboot ends it",
        "`lsof` or `fuser -v` of the device node named",
    ),
    Guard(
        "in_domain_xml",
        "another domain names it as a hostdev; or a domain, even the claim's own, has something that it carries (a "
        "disk, a USB or SCSI device, an interface, another node in `/dev`)",
        "take it out of that domain (`virsh detach-device DOMAIN FILE`), or ask for another device",
        "`virsh dumpxml` of the domain named",
        BY_ALLOW,
        "while that domain does not run",
    ),
    Guard(
        "in_interface_hostdev",
        "another domain names it as an interface of type `hostdev`",
        "take it out of that domain (`virsh detach-interface DOMAIN hostdev`), or ask for another device",
        "`virsh domiflist` of the domain named",
        BY_ALLOW,
        "while that domain does not run",
    ),
    Guard(
        "identity_changed",
        "another device than the claimed one is at the address",
        f"do not start the domain, whose definition names another device now; {_AGAIN}",
        "`ansible_facts.hostdev.drift`",
    ),
    Guard(
        "moved",
        "it is a claimed device that was at another address when it was claimed",
        "run the playbook kvm.hostdev.reconcile: record and definition follow the device",
        "`ansible_facts.hostdev.drift`",
    ),
    Guard(
        "set_aside",
        "an earlier run could neither finish nor undo its work on it; reason, time and commands are on record",
        "mend it by the commands that are on record, or let `kvm.hostdev.pci_passthrough_release` with "
        "`addresses: [{address}]` try again",
        "`ansible_local.hostdev.set_aside`",
    ),
    Guard(
        "not_in_device_spec",
        "the device that a request asks for by address is not permitted by `device_spec`",
        "permit it in `device_spec`, where the first entry that it fits counts",
        "`lspci -Dnnvs ADDRESS`, and the allow list",
    ),
)

GUARDS: t.Mapping[str, Guard] = {guard.code: guard for guard in _TABLE}
"""The blocker codes that this release can give, each with what is to be said of it."""

ALLOWABLE = frozenset(guard.code for guard in _TABLE if guard.allowable == BY_ALLOW)
"""The codes that `allow` may accept. What would break the host, or what the kernel refuses, is not among them."""


def guards_in(names: t.Mapping[str, t.Any]) -> tuple[tuple[str, t.Callable[..., t.Any]], ...]:
    """The guards among the names of a file, with their codes, in the order of the table.

    A guard returns the blocker's detail, or None; where a device has several at fault, their addresses and details.
    """
    return tuple((code, names[code]) for code in GUARDS if code in names)
