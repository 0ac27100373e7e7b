#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_facts
short_description: Gather PCI devices, their IOMMU groups, and which of them may be given to a domain
version_added: 0.1.0
description:
  - Gathers every PCI function of a host from sysfs, with its IOMMU group, driver, NUMA node, SR-IOV relations and
    what it carries.
  - Says for each whether it may be given away now, and if not, every reason why.
  - Merges libvirt's node devices and domain definitions where libvirt is there, and the collection's own record of
    claims.
  - Never changes the host. Works without arguments, without libvirt, and as one of C(ansible_facts_modules).
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._host
  - kvm.hostdev._host.recording
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  facts:
    description: Action returns an C(ansible_facts) dictionary that will update existing host facts.
    support: full
options:
  libvirt:
    description:
      - Whether libvirt is asked for node devices and domains.
      - With V(auto) the facts do without where libvirt or its Python binding is missing, and
        RV(ansible_facts.hostdev.host.libvirt_reason) says why. Blockers that come from domain definitions are then
        unknown.
      - With V(required) the module fails without libvirt, with V(none) it is not asked.
    type: str
    choices: [auto, required, none]
    default: auto
  gather_subset:
    description:
      - Which parts of RV(ansible_facts.hostdev) are gathered. What is not wanted is not computed and not returned.
      - Possible are V(all), V(devices) (PCI functions), V(node_devices) (libvirt's other devices, which are returned
        along with them), V(iommu_groups), V(tree), V(pools), V(claims), V(drift) and V(host).
      - With a V(!) before its name a part is left out, as with M(ansible.builtin.setup). Nothing but exclusions leaves
        the rest, V(!all) leaves what is named besides.
      - Each run replaces the whole of RV(ansible_facts.hostdev). Where the results of several runs are needed, register
        each of them.
    type: list
    elements: str
    default: [all]
  capability:
    description:
      - Returns only devices that have one of these capabilities, by libvirt's names such as V(pci), V(usb_device),
        V(scsi), V(net) or V(storage). A capability nested in another counts too, so that V(fc_host) returns SCSI hosts
        for fibre channel, V(mdev_types) what mediated devices can be made of, and V(phys_function) virtual functions.
      - Without libvirt the network interfaces, disks and so on that PCI functions carry take the place of node devices
        here and with O(affected_by).
    type: list
    elements: str
    default: []
  passthrough:
    description:
      - Returns only devices that a guest could be given if nobody else had them.
      - Of PCI functions these are endpoints without a blocker. It does not count who has the function now, nor that
        members of its IOMMU group would have to come along.
      - Of USB devices these are all but hubs, and of SCSI devices all, that the host itself does not use. It uses those
        with a mounted file system, swap, a volume group and the like on them, with an interface that has an address or
        a route, and those that a process other than a domain's QEMU has open.
    type: bool
    default: false
  available:
    description:
      - Returns only devices as with O(passthrough) that nobody has either, neither a claim nor the definition of a
        domain. The same must be true of members of the IOMMU group, of what lies below the device, of the physical
        function of a virtual one, and of the function that a USB or SCSI device hangs on.
      - A domain that names a USB device by its ids alone may take each one that has them. So none of them is available.
    type: bool
    default: false
  affected_by:
    description:
      - Returns only what else is touched when this device is given away. It is the name of any device, or the address
        of a PCI function.
      - These are all devices of its IOMMU group, where devices that are no PCI functions belong to the group of the
        function that they hang on; and the virtual functions of every physical function among them. Of a device
        without a group it is all that lies below.
      - Not together with O(capability), O(passthrough), O(available), O(specs) or O(expired).
    type: str
  specs:
    description:
      - Returns only PCI functions that fit one of these device specs. They are written like the device specs in
        O(kvm.hostdev.pci_passthrough_claim#module:device_spec); tags do not count. V(10de:20b2)
        is one too.
      - An empty list, which nothing fits, is an error. Without the option all devices are returned.
    type: list
    elements: raw
  expired:
    description:
      - Returns only devices that are overdue. Their claims were made with
        O(kvm.hostdev.pci_passthrough_claim#module:limits) that said until when, and by the host's clock that is over.
    type: bool
    default: false
  fields:
    description:
      - Which fields of each device are returned. C(name), C(address) and C(capability) always are.
      - A field that no device can have is an error. On a host without PCI functions this is not looked at.
    type: list
    elements: str
notes:
  - Filters choose among RV(ansible_facts.hostdev.devices); they have no effect on the other parts.
  - Run it as root (C(become=true)) for everything it can tell. Without root the kernel hides serial numbers from vital
    product data and what other users' processes have open, and libvirt may not be reachable.
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

- name: Show why the others may not
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.blockers | map(attribute='code') | unique | join(', ') }}"
  loop: "{{ ansible_facts.hostdev.devices | selectattr('blockers', 'defined') | selectattr('blockers') }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
msg:
  description: How much was gathered, in one line.
  returned: success
  type: str
  sample: 60 PCI functions, 12 claimable, 31 other devices, 24 IOMMU groups, 4 pools, 2 claims, no drift
ansible_facts:
  description: Facts to add to ansible_facts.
  returned: always
  type: dict
  contains:
    hostdev:
      description: All that is known of the host's devices.
      returned: always
      type: dict
      contains:
        devices:
          description:
            - PCI functions in order of their addresses, then libvirt's other node devices by name.
            - Of a PCI function C(pcie_switches) are the PCI Express switches above it, nearest first. Empty means none;
              null means that nobody knows.
            - Of a PCI function libvirt adds C(vpd), the vital product data, where it could read some.
            - The others have C(name), C(parent), C(path), C(driver), C(capability), the C(capabilities) nested in it,
              and libvirt's own fields. These have libvirt's names, in snake case and with lists in the plural; numbers
              are numbers, ids hexadecimal digits without C(0x). A nested capability is a field of that name.
            - USB devices have C(hub) and C(root_hub) besides.
            - C(blockers) are the reasons why a device may not be given to a guest now, each with C(code), C(address),
              C(detail), C(override) and C(remedy), the step that leads on from there.
            - PCI functions have C(blockers), and so have USB devices that are no hubs, and SCSI devices. Those of a USB
              or SCSI device tell what the host itself uses it for; C(address) is its C(name).
            - These USB and SCSI devices have C(used_by) too, the domains that have them. C(via) is V(hostdev), or
              V(disk) where a domain has a disk that lies on the device.
            - A device that could not be read whole has what could be read, and a C(warning), which is also one of the
              task. Even its C(capability) may be null.
          type: list
          elements: dict
          returned: when gathered
          sample:
            - address: "0000:01:10.0"
              name: pci_0000_01_10_0
              capability: pci
              stable_path: 0000_00_04.0-00_10.0
              vendor_id: "8086"
              vendor_name: Intel Corporation
              product_id: 10ca
              product_name: 82576 Virtual Function
              class: "020000"
              class_name: Ethernet controller
              device_type: type-VF
              driver: igbvf
              driver_override: null
              iommu_group: 18
              numa_node: 0
              pcie_root: pci0000:00
              pcie_switch: null
              pcie_switches: []
              slot: "0000:01:00"
              socket: 0
              physical_function: "0000:01:00.0"
              candidate_drivers: [igbvf]
              vfio_driver: vfio-pci
              reset_methods: [flr]
              d3cold_allowed: true
              children: [{kind: net, name: enp1s0f0v0, address: "4e:31:7b:02:10:aa", operstate: down}]
              used_by: []
              status: available
              owner: null
              claimable: true
              blockers: []
              affected: [net/enp1s0f0v0]
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
          description:
            - The IOMMU groups. C(viable) says whether a guest could use the group as its drivers are now.
          type: list
          elements: dict
          returned: when gathered
          sample:
            - {id: 9, devices: ["0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3"], viable: false}
        tree:
          description: Names of all devices as a tree, each with its C(children).
          type: list
          elements: dict
          returned: when gathered
          sample: [{name: computer, children: [{name: pci_0000_00_02_0, children: []}]}]
        pools:
          description:
            - Devices that could be claimed now, counted by what a request can tell apart. C(parent_ifname) is the
              network interface of C(physical_function). C(remote_managed) is false for physical and virtual functions,
              since tags are not known here, and null for others.
            - C(memory) is the largest prefetchable BAR in bytes, C(link_speed) in GT/s and C(link_width) in lanes the
              lesser of what the device and the port above it can do. Of these and of where devices sit null is unknown.
          type: list
          elements: dict
          returned: when gathered
          sample:
            - vendor_id: "8086"
              product_id: 10ca
              class: "020000"
              device_type: type-VF
              numa_node: 0
              pcie_root: pci0000:00
              pcie_switches: []
              memory: 16384
              link_speed: 2.5
              link_width: 4
              total_vfs: 0
              iommu_group_size: 1
              physical_function: "0000:01:00.0"
              parent_ifname: enp1s0f0
              remote_managed: false
              count: 4
        claims:
          description:
            - The claims on record, with their owners, requests and devices, and where there are any with their USB and
              SCSI devices as C(node_devices).
            - C(constraints) and C(prefer) are there where the owner has any, as it asked for them with
              M(kvm.hostdev.pci_passthrough_claim). Those over several owners name all requests C(OWNER/REQUEST), a
              domain by its UUID.
            - Of each device C(since) is when it was claimed, in UTC, which earlier releases did not write down, and
              C(until) when it is due back, where limits say so. C(overdue) has the addresses and names of what should
              be back by now, C(labels) what was said of the claim.
          type: list
          elements: dict
          returned: when gathered
          sample:
            - owner: {kind: domain, id: 0f2d7c1e-5d2b-4f0c-9a55-3f1d7a0c2b61, label: train1}
              requests:
                - {name: gpu, count: 1, specs: [{vendor_id: "10de", product_id: "20b2", device_type: type-PF}]}
                - {name: nic, count: 1, first_available: [[{product_id: "1021"}], [{product_id: "101b"}]]}
              constraints:
                - {requests: [gpu, nic], match: pcie_switch}
              prefer:
                - {requests: [gpu], match: numa_node}
              devices:
                - address: "0000:3b:00.0"
                  request: gpu
                  role: requested
                  identity:
                    vendor_id: "10de"
                    product_id: "20b2"
                    subsystem_vendor_id: "10de"
                    subsystem_product_id: "1463"
                    class_id: "030200"
                    serial: "1563221017834"
                    stable_path: 0000_3a_00.0-00_00.0
                  original: {driver: nvidia, driver_override: null}
                  adopted: false
                  attach: [config, live]
                  guest_address: "0000:05:00.0"
                  since: "2026-11-28T08:00:00Z"
                  until: "2026-11-28T16:00:00Z"
              persist: true
              labels: {team: vision}
              overdue: ["0000:3b:00.0"]
        drift:
          description:
            - Every difference between the record, the drivers and the domains, devices that are set aside and held ones
              that do not respond among them.
          type: list
          elements: dict
          returned: when gathered
          sample:
            - code: not_attached
              address: "0000:3b:00.0"
              owner: {kind: domain, id: 0f2d7c1e-5d2b-4f0c-9a55-3f1d7a0c2b61, label: train1}
              detail: domain train1 (0f2d7c1e-5d2b-4f0c-9a55-3f1d7a0c2b61) does not have it
        host:
          description: The host as far as passthrough is concerned.
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
              description:
                - The NUMA nodes that are online, each with the C(socket) of its CPUs, null where it is not known.
                - A node without CPUs that are online, such as one that is memory alone, is one of them, with null.
              type: list
              elements: dict
              returned: always
              sample: [{id: 0, socket: 0}, {id: 1, socket: 1}]
            gathered_at:
              description:
                - When gathering began, by the host's clock, in UTC and ISO 8601. Cached facts are as old as that.
                - Two gatherings of a host that did not change differ in this alone.
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
            libvirt_version:
              description: Version of libvirt.
              type: str
              returned: when libvirt could be asked
              sample: 11.3.0
            hypervisor:
              description: The hypervisor that libvirt drives.
              type: str
              returned: when libvirt could be asked
              sample: QEMU
            hypervisor_version:
              description: Its version.
              type: str
              returned: when the hypervisor has one
              sample: 10.0.3
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
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
