#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_facts
short_description: Gather PCI devices, their IOMMU groups, and which of them may be given to a domain
version_added: 1.0.0
description:
  - Gathers every PCI function of a host from sysfs, with its IOMMU group, driver, NUMA node, SR-IOV relations and
    what it carries.
  - Says for each whether it may be given away now, and if not, every reason why.
  - Merges libvirt's node devices and domain definitions where libvirt is there, and the collection's own record of
    claims.
  - Never changes the host. Works without arguments, without libvirt, and as one of C(ansible_facts_modules).
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._attributes.actiongroup_pci
  - kvm.hostdev._host
  - kvm.hostdev._host.recording
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
  facts:
    description: Action returns an C(ansible_facts) dictionary that will update existing host facts.
    support: full
options:
  libvirt:
    description:
      - Whether libvirt is asked for node devices and domains.
      - With V(auto) facts are gathered without libvirt if it or its Python binding is missing.
        RV(ansible_facts.hostdev.host.libvirt_reason) then says why, and blockers that come from domain definitions are
        unknown.
      - With V(required) the task fails without libvirt. With V(none) libvirt is not asked.
    type: str
    choices: [auto, required, none]
    default: auto
  gather_subset:
    description:
      - Which parts of RV(ansible_facts.hostdev) are gathered. Other parts are neither computed nor returned.
      - Possible are V(all), V(devices) (PCI functions), V(node_devices) (libvirt's other devices, which are returned in
        C(devices) too), V(iommu_groups), V(tree), V(pools), V(claims), V(drift) and V(host).
      - A V(!) before a name leaves that part out, as with M(ansible.builtin.setup). If all names have a V(!), all other
        parts are gathered. With V(!all) only the parts that are named without a V(!) are gathered.
      - Each run replaces the whole of RV(ansible_facts.hostdev). If you need the results of several runs, register each
        of them.
    type: list
    elements: str
    default: [all]
  capability:
    description:
      - Returns only devices that have one of these capabilities, by libvirt's names such as V(pci), V(usb_device),
        V(scsi), V(net) or V(storage). A capability nested in another counts too, so V(fc_host) returns SCSI hosts for
        fibre channel, V(mdev_types) devices that can have mediated devices, and V(phys_function) virtual functions.
      - Without libvirt there are no node devices. The network interfaces, disks and so on that PCI functions carry then
        take their place, here and with O(affected_by).
    type: list
    elements: str
    default: []
  passthrough:
    description:
      - Returns only devices that a guest could be given if nobody else had them.
      - PCI functions must be endpoints without a blocker. Functions that somebody has now are returned too, and so are
        functions whose IOMMU group has other members that would have to come along.
      - USB devices other than hubs, and SCSI devices, must not be used by the host itself. The host uses a device if a
        mounted file system, swap, a volume group or the like is on it, if an interface of it has an address or a route,
        or if a process other than a domain's QEMU has it open.
    type: bool
    default: false
  available:
    description:
      - Returns only those devices of O(passthrough) that nobody has, by a claim or in the definition of a domain. The
        same must be true for the members of the IOMMU group, for devices below the device, for the physical function of
        a virtual function, and for the controller of a USB or SCSI device.
      - If a domain names a USB device only by its ids, it may take any device with these ids. So none of them is
        available.
    type: bool
    default: false
  affected_by:
    description:
      - Returns only the other devices that are touched when this device is given away. Give the name of any device, or
        the address of a PCI function.
      - These are all devices of its IOMMU group, and the virtual functions of every physical function among them.
        Devices that are not PCI functions belong to the group of their function. For a device without a group, these
        are all devices below it.
      - It can't be combined with O(capability), O(passthrough), O(available), O(specs) or O(expired).
    type: str
  specs:
    description:
      - Returns only PCI functions that fit one of these device specs. They are written like the device specs in
        O(kvm.hostdev.pci_passthrough_claim#module:device_spec). Tags do not count. A text such as V(10de:20b2) is a
        device spec too.
      - An empty list is an error, since no device fits it. Without the option all devices are returned.
    type: list
    elements: raw
  expired:
    description:
      - Returns only devices that are overdue. These were claimed with
        O(kvm.hostdev.pci_passthrough_claim#module:limits) that set C(until), and by the host's clock that time is over.
    type: bool
    default: false
  fields:
    description:
      - Which fields of each device are returned. C(name), C(address) and C(capability) always are.
      - A field that no device can have is an error. On a host without PCI functions this is not checked.
    type: list
    elements: str
  tenant:
    description:
      - The tenant that the task is for, see O(kvm.hostdev.pci_passthrough_claim#module:tenant). Errors and warnings
        then name no owner. With V(*), for administrators, they do.
      - A record that can't be used is then an error and not a warning, since it is not known which claims there are.
      - The facts themselves have all claims. Hide them from tenants with C(no_log), as C(kvm.hostdev.form_verify)
        does.
    type: str
notes:
  - The options that choose devices affect only RV(ansible_facts.hostdev.devices), not the other parts.
  - Run it as root (C(become=true)) to get all facts. Without root the kernel hides serial numbers from vital product
    data and the files that other users' processes have open, and libvirt may not be reachable.
seealso:
  - module: kvm.hostdev.pci_passthrough_claim
  - module: kvm.hostdev.pci_passthrough_release
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Gather all about the host's devices
  become: true
  kvm.hostdev.pci_facts:

- name: Show the addresses that may be given away
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev.devices | selectattr('claimable', 'defined') | selectattr('claimable')
      | map(attribute='address') }}"

- name: Gather the free virtual functions of Intel cards, with nothing else
  become: true
  kvm.hostdev.pci_facts:
    gather_subset: [devices]
    available: true
    specs:
      - {vendor_id: "8086", device_type: type-VF}
    fields: [numa_node, physical_function, iommu_group]
  register: free_functions

- name: Gather the A100s, with the ids that lspci -nn prints
  become: true
  kvm.hostdev.pci_facts:
    gather_subset: [devices]
    specs: ["10de:20b2"]

- name: Gather USB sticks and SCSI disks that no domain has
  become: true
  kvm.hostdev.pci_facts:
    capability: [usb_device, scsi]
    available: true

- name: Gather what is overdue
  become: true
  kvm.hostdev.pci_facts:
    gather_subset: [devices, node_devices, claims]
    expired: true

- name: See what goes with a network card
  become: true
  kvm.hostdev.pci_facts:
    affected_by: "0000:01:00.0"
    gather_subset: [devices, node_devices]
    fields: [parent, driver, interface, block]
  register: affected

- name: Gather all but pools and tree, as facts of a play
  ansible.builtin.gather_facts:
  vars:
    ansible_facts_modules: [kvm.hostdev.pci_facts]
  module_defaults:
    kvm.hostdev.pci_facts:
      gather_subset: ["!pools", "!tree"]

- name: Show why the others may not be given away
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.blockers | map(attribute='code') | unique | join(', ') }}"
  loop: "{{ ansible_facts.hostdev.devices | selectattr('blockers', 'defined') | selectattr('blockers') }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
msg:
  description: How much was gathered, in one line.
  returned: always
  type: str
  sample: 60 PCI functions, 12 claimable, 31 other devices, 24 IOMMU groups, 4 pools, 2 claims, no drift
ansible_facts:
  description: Facts to add to ansible_facts.
  returned: success
  type: dict
  contains:
    hostdev:
      description: All facts about the host's devices.
      returned: always
      type: dict
      contains:
        devices:
          description:
            - PCI functions in order of their addresses, then libvirt's other node devices by name.
            - The other node devices also have libvirt's own fields, with libvirt's names in snake case, and with names
              of lists in the plural. Numbers are numbers, ids are hexadecimal digits without C(0x). A nested capability
              is a field of that name.
            - A device that could not be read completely has the fields that could be read.
            - With O(fields) each has C(name), C(address), C(capability) and those fields.
          type: list
          elements: dict
          returned: when gathered
          contains:
            address:
              description: The PCI address. For a network interface it is the MAC address.
              type: str
              returned: for PCI functions, and where libvirt has one
            name:
              description: The name of the device, by libvirt.
              type: str
              returned: always
            capability:
              description:
                - Libvirt's name for the kind of device, V(pci) for PCI functions. Null for a device that could not be
                  read completely.
              type: str
              returned: always
            path:
              description: The folder in sysfs. Null if libvirt does not tell it.
              type: str
              returned: for all, unless O(fields) leaves it out
            parent:
              description:
                - For a PCI function the address of the bridge above it, null without one. For other devices the name of
                  the parent.
              type: str
              returned: for all, unless O(fields) leaves it out
            driver:
              description: The driver that it has, null without one.
              type: str
              returned: for all, unless O(fields) leaves it out
            capabilities:
              description: The capabilities nested in it, by libvirt.
              type: list
              elements: str
              returned: for devices that are no PCI functions, with libvirt
            stable_path:
              description:
                - The way through the bridges, with each bus counted from its bridge. It stays the same
                  when a card elsewhere changes the numbers of buses.
              type: str
              returned: for PCI functions
            vendor_id:
              description: The vendor, four hexadecimal digits.
              type: str
              returned: for PCI functions and USB devices
            vendor_name:
              description:
                - Its name in the host's C(pci.ids), null without one. For a USB device its own
                  text.
              type: str
              returned: for PCI functions and USB devices
            product_id:
              description: The product, four hexadecimal digits.
              type: str
              returned: for PCI functions and USB devices
            product_name:
              description:
                - Its name in the host's C(pci.ids), null without one. For a USB device its own
                  text.
              type: str
              returned: for PCI functions and USB devices
            subsystem_vendor_id:
              description: The vendor of the card, four hexadecimal digits.
              type: str
              returned: for PCI functions
            subsystem_product_id:
              description: The card's product id, as its vendor has given it, four hexadecimal digits.
              type: str
              returned: for PCI functions
            subsystem_name:
              description:
                - The name of the card in C(pci.ids), or the name of its vendor. Null if neither is there.
              type: str
              returned: for PCI functions
            revision:
              description: The revision, two hexadecimal digits.
              type: str
              returned: for PCI functions
            class:
              description: Class, subclass and interface, two hexadecimal digits each.
              type: str
              returned: for PCI functions
            class_name:
              description: The name of class and subclass in C(pci.ids). Null if it is not there.
              type: str
              returned: for PCI functions
            serial:
              description:
                - The serial number of the card, or of its disk, or the MAC address of its first interface, or the
                  device serial number of PCI Express, the first of these that is known. Null if there is none, as for a
                  VF.
              type: str
              returned: for PCI functions, and where libvirt has one
            device_type:
              description: V(type-PCI), V(type-PF), V(type-VF) or V(vdpa).
              type: str
              returned: for PCI functions
            driver_override:
              description:
                - The driver that it is pinned to, null without one. V(unreadable) while the kernel hangs in a write to
                  the device, or a driver keeps its lock.
              type: str
              returned: for PCI functions
            candidate_drivers:
              description: The modules of the host that would drive it, and drivers that are built into the kernel.
              type: list
              elements: str
              returned: for PCI functions
            vfio_driver:
              description: The driver that a claim binds it to, null for a bridge.
              type: str
              returned: for PCI functions
            header_type:
              description: V(0) for an endpoint, V(1) or V(2) for a bridge.
              type: int
              returned: for PCI functions
            iommu_group:
              description:
                - The number of its IOMMU group, null without one. It may change with each boot.
              type: int
              returned: for PCI functions
            numa_node:
              description: Its NUMA node. Null if the host does not tell it.
              type: int
              returned: for PCI functions
            pcie_root:
              description: The root bus that it is below, such as V(pci0000:3a).
              type: str
              returned: for PCI functions
            pcie_switch:
              description:
                - The address of the nearest PCI Express switch above it. Null if there is none, or if it is not known.
              type: str
              returned: for PCI functions
            pcie_switches:
              description: All PCI Express switches above it, nearest first. Empty means that there are none, null that
                they are not known.
              type: list
              elements: str
              returned: for PCI functions
            slot:
              description: Its address without the function. A VF is in the slot of its PF.
              type: str
              returned: for PCI functions
            socket:
              description: The socket of its NUMA node. Null if the host does not tell it.
              type: int
              returned: for PCI functions
            link:
              description: The PCI Express link, null for a conventional device.
              type: dict
              returned: for PCI functions; network interfaces have libvirt's own fields here
              contains:
                current_speed:
                  description: The current speed in the kernel's words. Null if the kernel does not tell it.
                  type: str
                current_width:
                  description: The current number of lanes. Null if the kernel does not tell it.
                  type: int
                max_speed:
                  description: The highest speed in the kernel's words. Null if the kernel does not tell it.
                  type: str
                max_width:
                  description: The highest number of lanes. Null if the kernel does not tell it.
                  type: int
            bars:
              description: The windows of memory and ports.
              type: list
              elements: dict
              returned: for PCI functions
              contains:
                index:
                  description: The number, from 0 to 5.
                  type: int
                size:
                  description: The size in bytes.
                  type: int
                io:
                  description: Whether it is a window of I/O ports.
                  type: bool
                is_64bit:
                  description: Whether it may lie above 4 GiB.
                  type: bool
                prefetchable:
                  description: Whether it is prefetchable.
                  type: bool
                resizable_sizes:
                  description: The sizes in bytes that it can have. Empty for a BAR of fixed size.
                  type: list
                  elements: int
            rom:
              description: Whether it has an expansion ROM.
              type: bool
              returned: for PCI functions
            reset_methods:
              description:
                - How the kernel can reset it, in the kernel's order. Empty if it can't, null if it does not tell
                  (before Linux 5.15).
              type: list
              elements: str
              returned: for PCI functions
            d3cold_allowed:
              description: Whether the kernel may take its power away. Null if the kernel does not tell it.
              type: bool
              returned: for PCI functions
            boot_vga:
              description: Whether the firmware booted with it as display.
              type: bool
              returned: for PCI functions
            physical_function:
              description: For a VF the address of its PF, otherwise null.
              type: str
              returned: for PCI functions
            virtual_functions:
              description: The addresses of its VFs.
              type: list
              elements: str
              returned: for PCI functions
            total_vfs:
              description: How many VFs it can have.
              type: int
              returned: for PCI functions
            num_vfs:
              description: How many VFs it has.
              type: int
              returned: for PCI functions
            children:
              description: Devices of the kernel that it carries. Values that the kernel does not tell are left out.
              type: list
              elements: dict
              returned: for PCI functions
              contains:
                kind:
                  description: V(net), V(block), V(nvme), V(usb), V(scsi_host), V(drm), V(vdpa) or V(mdev_type).
                  type: str
                name:
                  description: The name, by the kernel.
                  type: str
                address:
                  description: The MAC address.
                  type: str
                  returned: for V(net)
                operstate:
                  description: The state, by the kernel.
                  type: str
                  returned: for V(net)
                addr_assign_type:
                  description: Where the MAC address comes from, by the kernel's number.
                  type: str
                  returned: for V(net)
                size:
                  description: Sectors of 512 bytes, as a text.
                  type: str
                  returned: for V(block)
                serial:
                  description: The serial number.
                  type: str
                  returned: for V(block) and V(nvme)
                model:
                  description: The model.
                  type: str
                  returned: for V(nvme)
                firmware_rev:
                  description: The revision of the firmware.
                  type: str
                  returned: for V(nvme)
                available_instances:
                  description: How many more mediated devices of this type can be made, as a text.
                  type: str
                  returned: for V(mdev_type)
            used_by:
              description: The domains that have it, or a part of it.
              type: list
              elements: dict
              returned: for PCI functions, USB devices that are no hubs, and SCSI devices
              contains:
                domain:
                  description: The name of the domain.
                  type: str
                uuid:
                  description: Its UUID.
                  type: str
                via:
                  description:
                    - In which way it has it, V(hostdev), V(interface), V(disk) for a disk on the device, or another
                      word.
                  type: str
                active:
                  description: Whether the domain runs.
                  type: bool
                config:
                  description: Whether it has the device in its definition.
                  type: bool
                live:
                  description: Whether it runs with the device.
                  type: bool
            status:
              description:
                - Its state on record in OpenStack Nova's words, such as V(available) or V(claimed), or
                  V(needs_cleaning). V(available) only means that nobody holds it. Whether it may be given away is in
                  C(claimable).
              type: str
              returned: for PCI functions
            owner:
              description:
                - Who holds it, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner). Null if nobody does.
              type: dict
              returned: for PCI functions
            claimable:
              description: Whether anybody could claim it now, without any consent.
              type: bool
              returned: for PCI functions
            blockers:
              description:
                - Every reason why it may not be given away now. For a USB or SCSI device they say what the host itself
                  uses it for.
              type: list
              elements: dict
              returned: for PCI functions, USB devices that are no hubs, and SCSI devices
              contains:
                code:
                  description: A stable word for the reason, see the guide on troubleshooting.
                  type: str
                address:
                  description:
                    - The device that the reason is about, which may also be a group mate or a device below it. For a
                      USB or SCSI device its C(name).
                  type: str
                detail:
                  description: What was found.
                  type: str
                override:
                  description: The option of a claim that accepts it. Null if there is none.
                  type: str
                remedy:
                  description: What to do.
                  type: str
            affected:
              description: The other devices that are touched when it is given away, by address or name.
              type: list
              elements: str
              returned: for PCI functions
            vpd:
              description: The vital product data, by libvirt's names.
              type: dict
              returned: for PCI functions whose data libvirt could read
            hub:
              description: Whether it is a hub.
              type: bool
              returned: for USB devices
            root_hub:
              description: Whether it is a root hub.
              type: bool
              returned: for USB devices
            warning:
              description: What could not be read. The task also warns about it.
              type: str
              returned: for devices that could not be read completely
          sample:
            - address: "0000:01:10.0"
              name: pci_0000_01_10_0
              capability: pci
              path: /sys/devices/pci0000:00/0000:00:10.0/0000:01:10.0
              stable_path: 0000_00_10.0-00_10.0
              parent: "0000:00:10.0"
              vendor_id: "8086"
              vendor_name: Intel Corporation
              product_id: 10ca
              product_name: 82576 Virtual Function
              subsystem_vendor_id: "1af4"
              subsystem_product_id: "1100"
              subsystem_name: Red Hat, Inc.
              revision: "01"
              class: "020000"
              class_name: Ethernet controller
              serial: null
              device_type: type-VF
              driver: igbvf
              driver_override: null
              candidate_drivers: [igbvf]
              vfio_driver: vfio-pci
              header_type: 0
              iommu_group: 21
              numa_node: null
              pcie_root: pci0000:00
              pcie_switch: null
              pcie_switches: []
              slot: "0000:01:00"
              socket: null
              link: {current_speed: 2.5 GT/s PCIe, current_width: 1, max_speed: 2.5 GT/s PCIe, max_width: 1}
              bars:
                - {index: 0, size: 16384, io: false, is_64bit: true, prefetchable: true, resizable_sizes: []}
                - {index: 3, size: 16384, io: false, is_64bit: true, prefetchable: true, resizable_sizes: []}
              rom: false
              reset_methods: [flr]
              d3cold_allowed: null
              boot_vga: false
              physical_function: "0000:01:00.0"
              virtual_functions: []
              total_vfs: 0
              num_vfs: 0
              children:
                - {kind: net, name: enp1s0v0, addr_assign_type: "1", address: "5a:86:3d:6f:2a:54", operstate: down}
              used_by: []
              status: available
              owner: null
              claimable: true
              blockers: []
              affected: [net/enp1s0v0]
            - name: net_enp1s0v0_5a_86_3d_6f_2a_54
              capability: net
              capabilities: ["80203"]
              parent: pci_0000_01_10_0
              path: /sys/devices/pci0000:00/0000:00:10.0/0000:01:10.0/net/enp1s0v0
              driver: null
              interface: enp1s0v0
              address: "5a:86:3d:6f:2a:54"
              link: {speed: null, state: down}
              features: [rx, tx, sg, tso, gso, gro, rxvlan, txvlan, txudptnl]
              link_type: "80203"
            - name: scsi_0_0_0_0
              capability: scsi
              capabilities: []
              parent: scsi_target0_0_0
              path: /sys/devices/pci0000:00/0000:00:04.0/virtio2/host0/target0:0:0/0:0:0:0
              driver: sd
              host: 0
              bus: 0
              target: 0
              lun: 0
              type: disk
              used_by: []
              blockers:
                - code: mounted_fs
                  address: scsi_0_0_0_0
                  detail: /dev/sda1 is mounted at /srv
                  override: null
                  remedy: unmount it where the detail says (`umount`), and take it out of `/etc/fstab`
            - name: usb_usb2
              capability: usb_device
              capabilities: []
              parent: pci_0000_00_05_0
              path: /sys/devices/pci0000:00/0000:00:05.0/usb2
              driver: usb
              devnode: /dev/bus/usb/002/001
              bus: 2
              device: 1
              product_name: 3.0 root hub
              product_id: "0003"
              vendor_name: Linux Foundation
              vendor_id: 1d6b
              hub: true
              root_hub: true
        iommu_groups:
          description: The IOMMU groups.
          type: list
          elements: dict
          returned: when gathered
          contains:
            id:
              description: The number of the group.
              type: int
            devices:
              description: The addresses of its functions.
              type: list
              elements: str
            viable:
              description: Whether a guest could use the group with its current drivers.
              type: bool
          sample:
            - {id: 12, devices: ["0000:00:14.0", "0000:05:01.0", "0000:05:02.0"], viable: false}
        tree:
          description: Names of all devices as a tree.
          type: list
          elements: dict
          returned: when gathered
          contains:
            name:
              description: The name of the device. V(computer) is the host itself, as libvirt names it.
              type: str
            children:
              description: The devices below it, in the same form.
              type: list
              elements: dict
          sample: [{name: computer, children: [{name: pci_0000_00_02_0, children: []}]}]
        pools:
          description: Counts of the devices that could be claimed now. Devices that look the same to a request count
            together.
          type: list
          elements: dict
          returned: when gathered
          contains:
            vendor_id:
              description: The vendor, four hexadecimal digits.
              type: str
            product_id:
              description: The product, four hexadecimal digits.
              type: str
            class:
              description: Class, subclass and interface, two hexadecimal digits each.
              type: str
            device_type:
              description: V(type-PCI), V(type-PF), V(type-VF) or V(vdpa).
              type: str
            numa_node:
              description: The NUMA node. Null if it is not known.
              type: int
            pcie_root:
              description: The root bus.
              type: str
            pcie_switches:
              description: The switches above, nearest first. Null if they are not known.
              type: list
              elements: str
            memory:
              description: The largest prefetchable BAR in bytes. Null if it is not known.
              type: int
            link_speed:
              description:
                - The highest speed that both the device and the port above it can do, in GT/s. Null if it is not known.
              type: float
            link_width:
              description: The most lanes that both can do. Null if it is not known.
              type: int
            total_vfs:
              description: How many VFs each can have.
              type: int
            iommu_group_size:
              description: How many functions are in the IOMMU group of each. Null without a group.
              type: int
            physical_function:
              description: For VFs the address of their PF, otherwise null.
              type: str
            parent_ifname:
              description: The network interface of the PF. Null if there is none.
              type: str
            remote_managed:
              description: V(false) for PFs and VFs, since tags are not known here. Null for others.
              type: bool
            count:
              description: How many such devices there are.
              type: int
          sample:
            - vendor_id: "8086"
              product_id: 10ca
              class: "020000"
              device_type: type-VF
              numa_node: null
              pcie_root: pci0000:00
              pcie_switches: []
              memory: 16384
              link_speed: 2.5
              link_width: 1
              total_vfs: 0
              iommu_group_size: 1
              physical_function: "0000:01:00.0"
              parent_ifname: enp1s0
              remote_managed: false
              count: 3
        claims:
          description: The claims on record.
          type: list
          elements: dict
          returned: when gathered
          contains:
            owner:
              description: The owner, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner).
              type: dict
            requests:
              description: Its requests, as O(kvm.hostdev.pci_passthrough_claim#module:requests) has them.
              type: list
              elements: dict
            devices:
              description: Its devices, as RV(kvm.hostdev.pci_passthrough_claim#module:devices).
              type: list
              elements: dict
            node_devices:
              description: Its USB and SCSI devices, as RV(kvm.hostdev.pci_passthrough_claim#module:node_devices).
              type: list
              elements: dict
              returned: where there are any
            persist:
              description: Whether the devices come back when the host is rebooted.
              type: bool
              returned: where they do
            allow:
              description: The blocker codes that were accepted.
              type: list
              elements: str
              returned: where any was
            declared:
              description: The names of the requests that M(kvm.hostdev.pci_passthrough) claimed.
              type: list
              elements: str
              returned: where there are any
            labels:
              description: The labels of the claim.
              type: dict
              returned: where anything was
            constraints:
              description:
                - The constraints on record, as they were given to M(kvm.hostdev.pci_passthrough_claim). Those on
                  several owners name all requests C(OWNER/REQUEST), with a domain by its UUID.
              type: list
              elements: dict
              returned: where there are any
            prefer:
              description: The wishes on record, in the same form.
              type: list
              elements: dict
              returned: where there are any
            overdue:
              description: The addresses and names of devices that are overdue.
              type: list
              elements: str
              returned: where there are any
          sample:
            - owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}
              requests:
                - {name: nic, count: 1, specs: [{vendor_id: "8086", product_id: 10ca, device_type: type-VF}]}
              devices:
                - address: "0000:01:10.0"
                  request: nic
                  role: requested
                  identity:
                    class_id: "020000"
                    pf_class_id: "020000"
                    pf_product_id: 10c9
                    pf_serial: "52:54:00:12:34:57"
                    pf_stable_path: 0000_00_10.0-00_00.0
                    pf_subsystem_product_id: "1100"
                    pf_subsystem_vendor_id: 1af4
                    pf_vendor_id: "8086"
                    product_id: 10ca
                    serial: null
                    stable_path: 0000_00_10.0-00_10.0
                    subsystem_product_id: "1100"
                    subsystem_vendor_id: 1af4
                    vendor_id: "8086"
                    vf_number: "0"
                  original: {driver: igbvf, driver_override: null}
                  adopted: false
                  attach: [config, live]
                  guest_address: "0000:01:00.0"
                  since: "2024-11-28T08:00:00Z"
                  until: "2024-11-28T16:00:00Z"
              labels: {team: vision}
              overdue: ["0000:01:10.0"]
        drift:
          description:
            - Every difference between the record, the drivers and the domains. Devices that are set aside, and held
              devices that do not respond, are among them.
          type: list
          elements: dict
          returned: when gathered
          contains:
            code:
              description: A stable word for the difference, see the guide on the record.
              type: str
            address:
              description: The device, by its address or name.
              type: str
            owner:
              description:
                - The owner of the device, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner). Null if nobody
                  owns it.
              type: dict
            detail:
              description: What differs.
              type: str
          sample:
            - code: half_attached
              address: "0000:01:10.0"
              owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}
              detail: the running guest of domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02) has it, the definition
                lacks it
        host:
          description: Facts of the host that matter for passthrough.
          type: dict
          returned: when gathered
          contains:
            iommu:
              description: Whether the IOMMU is on.
              type: bool
              returned: always
              sample: true
            iommu_reason:
              description: Which IOMMU units work, or why none does and what to do about it.
              type: str
              returned: always
              sample: "on: dmar0"
            vfio_present:
              description: Whether the vfio-pci driver is loaded.
              type: bool
              returned: always
              sample: false
            vfio_available:
              description: Whether vfio-pci is loaded or could be.
              type: bool
              returned: always
              sample: true
            kernel:
              description: The kernel's release.
              type: str
              returned: always
              sample: 6.12.48+deb13-amd64
            boot_id:
              description: The kernel's id of this boot.
              type: str
              returned: always
              sample: 5f2a1c9e-6e0d-4f55-9f57-2f2a3f1c6d11
            numa_nodes:
              description: The NUMA nodes that are online.
              type: list
              elements: dict
              returned: always
              contains:
                id:
                  description: The number of the node.
                  type: int
                socket:
                  description:
                    - The socket of its CPUs. Null if it is not known, as for a node without online CPUs.
                  type: int
              sample: [{id: 0, socket: 0}, {id: 1, socket: 1}]
            gathered_at:
              description:
                - When gathering began, by the host's clock, in UTC and ISO 8601. Cached facts are as old as that.
                - If a host has not changed, two gatherings differ only in this.
              type: str
              returned: always
              sample: "2026-11-28T07:00:00Z"
            libvirt:
              description: Whether libvirt could be asked.
              type: bool
              returned: always
              sample: true
            libvirt_reason:
              description: Why libvirt could not be asked; empty when it could.
              type: str
              returned: always
              sample: ""
            domains:
              description: The names of all domains, running or not.
              type: list
              elements: str
              returned: when libvirt could be asked, and devices, pools or drift are gathered
              sample: [db1, web1]
            libvirt_version:
              description: Version of libvirt.
              type: str
              returned: when libvirt could be asked
              sample: 11.3.0
            hypervisor:
              description: The hypervisor that libvirt uses.
              type: str
              returned: when libvirt could be asked
              sample: QEMU
            hypervisor_version:
              description: Its version.
              type: str
              returned: when the hypervisor has one
              sample: 10.0.3
error:
  description:
    - Why the task failed. C(code) is stable, the other texts are for people and may change.
  returned: failure
  type: dict
  contains:
    code:
      description: A stable word for what is wrong.
      type: str
    subject:
      description: What it is about, such as a device, an option or a file.
      type: str
    found:
      description: What was found.
      type: str
    wanted:
      description: What was wanted. Empty if that is obvious.
      type: str
    remedy:
      description: What to do. Empty if there is nothing to say.
      type: str
    commands:
      description:
        - The commands to type for a record that can't be used, by the names V(restore), V(keep) and V(forget).
      type: raw
      returned: with O(tenant), for V(record_unreadable) and the like
  sample:
    code: no_libvirt
    subject: libvirt at qemu:///system
    found: Connection refused
    wanted: a connection
    remedy: see whether libvirtd or virtqemud runs on the host, and that the task runs as root
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import HOST_OPTIONS, RECORDING_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.facts import facts

    return facts(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                **HOST_OPTIONS,
                **RECORDING_OPTIONS,
                "libvirt": {"type": "str", "choices": ["auto", "required", "none"], "default": "auto"},
                "gather_subset": {"type": "list", "elements": "str", "default": ["all"]},
                "capability": {"type": "list", "elements": "str", "default": []},
                "passthrough": {"type": "bool", "default": False},
                "available": {"type": "bool", "default": False},
                "affected_by": {"type": "str"},
                "specs": {"type": "list", "elements": "raw"},
                "expired": {"type": "bool", "default": False},
                "fields": {"type": "list", "elements": "str"},
                "tenant": {"type": "str"},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
