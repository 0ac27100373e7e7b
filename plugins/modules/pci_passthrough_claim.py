#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_passthrough_claim
short_description: Claim PCI devices for a libvirt domain by what they are, bind them and attach them
version_added: 1.0.0
description:
  - Makes a domain, or a free owner, hold the devices that its named requests ask for. A second run with the same
    requests changes nothing, except that it mends what has drifted in between.
  - It chooses free devices that fit, refuses devices that the host itself needs, and takes IOMMU group mates along only
    with consent. It binds the devices to C(vfio-pci) by C(driver_override), and attaches them to the domain's
    definition and to the running domain. From its record M(kvm.hostdev.pci_passthrough_release) restores everything.
  - A run that fails undoes what it did. If a run was killed, the next one finishes or undoes its work.
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._attributes.actiongroup_pci
  - kvm.hostdev._host
  - kvm.hostdev._host.recording
  - kvm.hostdev._host.change
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  domain:
    description:
      - Name or UUID of the libvirt domain that gets the devices. Give either this or O(owner).
    type: str
  owner:
    description:
      - A free name for whoever gets the devices, for use without a domain, such as DPDK on the host. The devices are
        claimed and bound, but not attached.
    type: str
  requests:
    description:
      - The devices that the owner wants. A request keeps its devices for as long as they fit. Requests of the same
        owner that are not named here stay as they are.
      - An entry may also be a text with an alias and a count, such as V(a100:2). The whole option may be one text of
        such entries with commas, as in a Nova flavor. Such a request has the name of its alias. If an alias is
        repeated, the second request is named V(a100-2) and so on.
    type: list
    elements: raw
    required: true
    suboptions:
      name:
        description: The name of the request, different from the names of the owner's other requests.
        type: str
        required: true
      count:
        description: How many devices. A larger number than before takes more devices, a smaller one gives some back.
        type: int
        default: 1
      specs:
        description:
          - Device specs. A device must fit one of them. O(device_spec) says how they are written.
          - A physical function is only taken if a spec asks for C(device_type=type-PF), or has its address, serial or
            stable path. If it has no virtual functions, both of its ids are enough too, provided that only physical
            functions have these ids. A virtual function with a vDPA device is only taken for C(device_type=vdpa).
          - Tags in a spec are demands for the tags that O(device_spec) gives a device.
          - Exactly one of O(requests[].specs), O(requests[].address), O(requests[].alias),
            O(requests[].first_available), O(requests[].usb) and O(requests[].scsi) is needed.
        type: list
        elements: raw
      first_available:
        description:
          - Alternatives, the first choice first. Each is a list of device specs as O(requests[].specs). All devices of
            the request come from one alternative, the first that can be had. RV(alternative) says which one it is.
          - Devices that the request has already stay, even if an earlier alternative can be had by now.
        type: list
        elements: raw
      address:
        description: The address of the one device wanted, such as V(0000:3b:00.0).
        type: str
      alias:
        description: The name of an entry of O(aliases). The request uses the specs, or alternatives, and the NUMA
          policy of that entry.
        type: str
      usb:
        description:
          - The one USB device wanted, which a domain gets through its own USB controller. The device must fit all keys
            that are given. If several devices fit, the first free one is taken, in the order of their names.
          - Only for a O(domain). Nothing is bound, O(device_spec) and O(group_members) do not apply, and
            O(requests[].count) and O(requests[].numa_policy) are not possible. This is also true for
            O(requests[].scsi).
        type: dict
        suboptions:
          vendor_id:
            description: Four hexadecimal digits in quotes, given together with O(requests[].usb.product_id).
            type: str
          product_id:
            description: Four hexadecimal digits in quotes.
            type: str
          serial:
            description: The serial number, to choose one of several devices of the same kind.
            type: str
          port:
            description: The port that the device is in, such as V(1-2), or V(1-2.4) behind a hub. Required without ids.
            type: str
      scsi:
        description:
          - The one SCSI device wanted, a disk, a tape drive or another, which a domain gets through its own SCSI
            controller.
        type: dict
        suboptions:
          adapter:
            description: The host's SCSI host, such as V(scsi_host2), or its number. Required.
            type: raw
          bus:
            description: The bus, or channel.
            type: int
            default: 0
          target:
            description: The target.
            type: int
            default: 0
          lun:
            description: The logical unit. Required.
            type: int
      numa_policy:
        description:
          - Which NUMA nodes the devices may be on, compared with the nodes that the domain is bound to. V(required)
            means the same node, V(socket) any node of the same socket, V(legacy) the same node or an unknown one, and
            V(preferred) any node, the same one first.
          - Without it the policy of the alias is used. If there is none, it is V(legacy).
        type: str
        choices: [required, preferred, socket, legacy]
      guest_address:
        description:
          - The address at which the guest sees the device, such as V(0000:05:00.0). Only for a request for one device.
            The bus is the index of a PCI controller of the domain. Behind a C(pcie-root-port) slot and function are
            V(00.0).
          - Without it libvirt chooses the address, which is then on record. If somebody detaches the device while it is
            claimed, the next run puts it back at this address.
          - Functions that share a slot on the host share one in the domain's definition too, with the same function
            numbers. If function 0 is not among them, the lowest one becomes function 0. The address belongs to the
            request of function 0. In a running domain each function has a slot of its own until the next start, since
            libvirt can only plug in a function 0.
        type: str
      network:
        description:
          - Network settings, for virtual functions only. The domain gets the device as an C(interface) of type
            C(hostdev), even if the mapping is empty.
          - libvirt sets C(mac) and C(vlan) through the physical function when the guest gets the device, and puts back
            what was there when the guest lets it go. Without C(mac) libvirt makes one up.
        type: dict
        suboptions:
          mac:
            description: The MAC address, which must be a unicast address. Only for a request for one device.
            type: str
          vlan:
            description: The VLAN, V(1) to V(4094). The network card adds its tag to outgoing frames and removes it from
              incoming ones.
            type: int
          trust:
            description:
              - Whether the guest may use functions that the driver of the physical function otherwise forbids, such as
                promiscuous mode and changes of the MAC address.
              - This and C(spoof_check) are set when the device is claimed, and a release puts back what was there.
            type: bool
          spoof_check:
            description: Whether the network card drops frames that the guest sends from other MAC addresses than its
              own.
            type: bool
      rom:
        description: The expansion ROM that the guest sees.
        type: dict
        suboptions:
          bar:
            description: Whether the guest sees the ROM at all.
            type: bool
          file:
            description: The absolute path of an image on the host, which the guest sees instead of the device's own
              ROM.
            type: path
      boot_order:
        description:
          - The place of the device in the guest's boot order, from V(1). Only for a request for one device. libvirt
            refuses it for a domain that has C(boot) elements in its C(os).
        type: int
      driver:
        description:
          - The VFIO driver that the device is bound to, such as V(mlx5_vfio_pci). By default it is the variant driver
            that the kernel's modules have for the device, or V(vfio-pci) if there is none.
          - While a guest runs with a device, the device keeps its driver.
        type: str
      managed:
        description:
          - Overrides O(managed) for the devices of this request. The tag C(managed) in O(device_spec) overrides both.
        type: bool
  constraints:
    description:
      - What the devices of several requests must share, or must not share. A constraint may name requests of this task
        and others that the owner has on record, for PCI devices only.
      - A constraint stays on record with the claim, and applies to later tasks that name some of its requests. It is
        removed when a task names all of its requests without it, and when one of its requests is released.
      - If the requests could be served, but not with the constraints, the task fails with V(constraint_unmet).
      - The guide on devices that belong together explains them.
    type: list
    elements: raw
    suboptions:
      requests:
        description:
          - The names of the requests. The constraint applies to all devices of all of them together.
          - With one request it applies to the devices of that request, such as two GPUs below one switch.
        type: list
        elements: str
        required: true
      match:
        description:
          - The attribute that all the devices must share. Give exactly one of this and O(constraints[].distinct).
          - V(pcie_switch) is a PCIe switch above all of them, V(pcie_root) the root bus, V(numa_node) the NUMA node,
            V(socket) the socket of that node, V(slot) the card, V(iommu_group) the IOMMU group. Any other text is the
            name of a tag that an entry of O(device_spec) gives.
          - An unknown value, such as a NUMA node that the firmware does not tell, matches no other value.
        type: str
      distinct:
        description:
          - The attribute that no two of the devices may share, one of those of O(constraints[].match).
          - An unknown value is not distinct from any other value.
        type: str
      pair:
        description:
          - Whether each device of the first request gets a device of the second for itself, and the constraint applies
            only within each such pair. It needs two requests with the same O(requests[].count).
          - RV(pairs) says which devices belong together.
        type: bool
        default: false
  prefer:
    description:
      - Wishes, written as O(constraints). They are met as far as possible, the first one first, and never keep a
        request from being served. RV(met) says how far each was met.
      - They stay on record like constraints. No held device is given back for a wish.
    type: list
    elements: raw
  device_spec:
    description:
      - The allow list. A device may be taken if it fits one of these device specs. The first spec that it fits gives it
        its tags. Without this option every device without a blocker may be taken.
      - An entry is a mapping, or both ids in one text as C(lspci -nn) prints them, such as V(10de:20b2), or Nova's JSON
        text of a mapping or of a list of mappings.
      - Criteria are C(address) (an address, which for a physical function includes its virtual functions; a pattern
        such as V(*:3b:*.0); or a mapping of regular expressions for C(domain), C(bus), C(slot), C(function)),
        C(devname) (a network interface), C(parent_ifname) (that of a virtual function's physical function),
        C(vendor_id), C(product_id), C(subsystem_vendor_id) and C(subsystem_product_id) (four hexadecimal digits, or
        V(*)), C(class) (two, four or six hexadecimal digits), C(device_type) (V(type-PCI), V(type-PF), V(type-VF),
        V(vdpa)), C(numa_node), C(pcie_root) (a root bus such as V(pci0000:16)), C(pcie_switch) (the address of a switch
        above), C(slot) (an address without its function), C(serial), C(stable_path) and C(driver) (V(none) for a device
        without one).
      - Comparisons are C(iommu_group_size), C(total_vfs), C(memory) (the largest prefetchable BAR, which is not the
        card's memory), C(link_speed) in GT/s and C(link_width) (the most that both the device and the port above can
        do). Each is a number, V(>= N), V(<= N), or several of these with commas, such as V(>= 16 GiB, <= 32 GiB). An
        unknown value fits none.
      - Tags are C(managed), C(live_migratable), C(one_time_use), C(trusted) and C(remote_managed) (booleans),
        C(physical_network), and free tags in the mapping C(tags). C(resource_class) and C(traits) are accepted, but
        have no effect.
      - A warning names each entry that fits no device of the host, or only devices that an earlier entry fits.
      - Write ids in quotes. YAML takes C(1000), C(0302) and C(0x10de) for numbers.
      - The guide on device specs explains each key.
    type: list
    elements: raw
  aliases:
    description:
      - Device specs with a C(name), for O(requests[].alias). Entries of the same name are alternatives. They must have
        the same C(numa_policy) and the same C(device_type), if any.
      - An entry is a mapping, or Nova's JSON text of one. It has C(vendor_id) and C(product_id) (exactly four
        hexadecimal digits), or one of C(class), C(subsystem_vendor_id), C(subsystem_product_id), C(serial),
        C(stable_path), C(driver), C(pcie_root), C(pcie_switch), C(slot), C(iommu_group_size), C(total_vfs), C(memory),
        C(link_speed), C(link_width) and C(tags).
      - Instead of all these it may have C(first_available), as O(requests[].first_available), and only C(numa_policy)
        beside it. Then no other entry may have its name.
      - It may also have C(device_type) (except V(vdpa)), C(numa_node), C(live_migratable), C(numa_policy),
        C(resource_class), C(traits) and C(capability_type). The last three have no effect.
    type: list
    elements: raw
    default: []
  labels:
    description:
      - Labels of the claim, as a mapping of names to values, such as C(team) to V(vision). O(limits) can be for claims
        with certain labels, and the facts show them. Numbers and booleans are kept as texts.
      - They stay on record until a task gives others. V({}) removes them. With O(tenant) none is removed.
    type: dict
  tenant:
    description:
      - The tenant that the task is for, such as the tenant that filled in a form. The claim gets the label C(tenant)
        with this name, and keeps all its other labels. O(labels) are added to these.
      - A claim on record that has another label C(tenant), or none, is left as it is. The task fails with
        V(not_the_tenants), in check mode too.
      - Errors and warnings call the owners of other claims, and other domains, C(another owner).
      - With V(*), for administrators, every claim may be changed, and the label stays.
    type: str
  limits:
    description:
      - How many devices owners may hold on the host, and when these are due back. Keep the limits in the inventory, so
        that they are the same in every task.
      - Devices are counted in the record, under the lock, so that competing tasks never exceed a limit. A task fails
        with V(limit_reached) and changes nothing if more devices would be held than the limit allows, and more than are
        held before it. If a limit is lowered, held devices stay.
      - Each entry needs at least one of O(limits[].most) and O(limits[].until).
      - The guide on limits explains them.
    type: list
    elements: raw
    suboptions:
      owners:
        description:
          - A shell pattern such as V(ci-*), or a list of them. The limit is for claims whose owner, or whose domain by
            its name or UUID, fits one of them. Without it the limit is for every owner.
        type: raw
      labels:
        description: The limit is for claims that have all these O(labels).
        type: dict
      alias:
        description:
          - The name of an entry of O(aliases). The limit is for devices that fit it, whichever request asked for them.
        type: str
      specs:
        description:
          - Device specs instead of O(limits[].alias). Without either the limit is for every device, including USB and
            SCSI devices and group mates that came along.
        type: list
        elements: raw
      most:
        description: How many such devices may be held.
        type: int
      per:
        description: Whether V(all) these claims together may hold that many devices, or each V(owner) by itself.
        type: str
        choices: [all, owner]
        default: all
      until:
        description:
          - When such devices are due back. It is a time with its offset from UTC such as V(2026-12-01T18:00:00+01:00),
            or a duration such as V(90m), V(8h), V(2d) or V(1w). After a time no device is claimed under the limit any
            more.
          - A duration counts from the time when each device was claimed. Running the same task again does not prolong
            it. A longer duration, or a later time, prolongs it for the devices of the requests that the task names. If
            several limits apply, the earliest time counts. A task without O(limits) leaves it as it is.
          - Overdue devices stay with their owner and are shown in the facts.
            O(kvm.hostdev.pci_passthrough_release#module:expired) gives them back.
        type: str
  group_members:
    description:
      - What to do when a device shares its IOMMU group with others, which would leave the host too.
      - With V(refuse) the task fails and names the group mates. V(claim) takes the whole group. A list of addresses
        takes these group mates.
      - Group mates are bound and held with the claim, and attached only when a request asks for them.
    type: raw
    default: refuse
  allow:
    description:
      - The codes of the blockers that this claim accepts. These are possible.
      # guards: begin, written by ./run docs --write from plugins/module_utils/_model/guards/registry.py
      - V(boot_vga) - the firmware booted with it, or a console of the host is on it (its framebuffer, a serial port).
      - V(default_route) - a default route leaves through it, in the main routing table or in another one, which the
        detail names.
      - V(enslaved) - it is a port of a bridge or bond, carries a VLAN or the like, or a program takes its packets
        (packet socket, XDP).
      - V(in_domain_xml) while that domain does not run - another domain names it as a hostdev; or a domain, even the
        claim's own, has something that it carries (a disk, a USB or SCSI device, an interface, another node in
        C(/dev)).
      - V(in_interface_hostdev) while that domain does not run - another domain names it as an interface of type
        C(hostdev).
      - V(ip_configured) - the host has an address on it, has a route through it, or sends its kernel's messages through
        it (netconsole).
      - V(mgmt_nic) - another ssh connection to the host (port 22) comes in or goes out through it.
      - V(network_storage) unless the root file system is among them - file systems or disks of the host come over it
        (NFS, iSCSI, NVMe over fabrics).
      - V(other_netns) - its interface is in another network namespace, a container's or a service's.
      - V(watchdog) - it is a watchdog, which resets the host if it runs and is no longer fed.
      # guards: end
    type: list
    elements: str
    default: []
  attach:
    description:
      - Where the devices are attached. V(config) is the domain's definition, V(live) the running domain.
      - A place that the domain does not have now is skipped, such as V(live) while it is shut off. With an empty list
        devices are only claimed and bound. Devices that are attached already stay attached.
    type: list
    elements: str
    choices: [config, live]
    default: [config, live]
  managed:
    description:
      - Whether libvirt binds the devices by itself when it starts the domain after a reboot of the host.
      - With V(false) the devices must be bound already when the domain starts. The guide on guests says what happens to
        them when it stops.
    type: bool
    default: true
  on_mismatch:
    description:
      - What to do when a held device no longer fits its request. With V(fail) the task fails. V(replace) gives the
        device back and takes another one.
    type: str
    choices: [fail, replace]
    default: fail
  numa_cells:
    description:
      - The host's NUMA nodes that the owner runs on, for the C(numa_policy) of O(requests) and O(aliases).
      - By default they are taken from the domain, from its C(numatune), or without that from the CPUs that it is pinned
        to by C(vcpupin) or by the C(cpuset) of its C(vcpu). For a running domain its current settings count. A domain
        without any of these is bound to no node.
      - If no node is known, V(required) and V(socket) can't be followed, and a warning says so.
    type: list
    elements: int
  ensure_root_ports:
    description:
      - How many C(pcie-root-port) controllers shall be free in the domain's definition after all devices are attached.
        Missing ones are added. Each PCIe device that is attached to a running domain needs one.
      - They take effect at the domain's next start, and stay when the devices are released. By default none are added.
    type: int
  require_reset:
    description:
      - Whether to refuse devices for which the kernel knows no reset method. The next guest finds the state that the
        last guest left in such a device.
    type: bool
    default: false
  persist:
    description:
      - Whether the PCI devices come back when the host is rebooted, before its own services touch them and before
        libvirt starts a domain. The guide on reboots says how, and which files this puts on the host.
      - By default this is V(true) for a domain that libvirt starts with the host, since such a domain would not start
        without its device, or would start with another device at its address. For other owners the default is what it
        was before, at first V(false).
      - It needs systemd on the host. It has no effect on USB and SCSI devices.
    type: bool
seealso:
  - module: kvm.hostdev.pci_passthrough_release
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Give a virtual function of an Intel NIC to a running domain
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: web1
    requests:
      - name: nic
        specs:
          - {vendor_id: "8086", product_id: "10ca", device_type: type-VF}

- name: Give two T4 to a domain, by the ids that lspci -nn prints
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: train1
    requests:
      - {name: gpu, specs: ["10de:1eb8"], count: 2}

- name: Give two GPUs and the disk of NUMA node 1 to a domain, from an allow list
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: train1
    device_spec:
      - {vendor_id: "10de", class: "0302", tags: {pool: training}}
      - {class: "0108", numa_node: 1}
    aliases:
      - {name: a100, vendor_id: "10de", product_id: "20b5", device_type: type-PF}
    requests:
      - {name: gpu, alias: a100, count: 2}
      - {name: disk, specs: [{class: "0108", numa_node: 1}]}
    attach: [config]

- name: Give a guest a disk of the NUMA node it is bound to; nobody gets the disk after it before it was erased
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: db1
    device_spec:
      - {class: "0108", one_time_use: true}
    requests:
      - {name: disk, specs: [{class: "0108"}], numa_policy: required}

- name: Take a card with all functions of its IOMMU group
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: desk1
    requests:
      - {name: gpu, address: "0000:01:00.0"}
      - {name: sound, address: "0000:01:00.1"}
    group_members: claim

- name: Give a guest a virtual function in VLAN 42, and a disk whose ROM it does not see
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: web1
    requests:
      - name: nic
        specs: [{vendor_id: "8086", product_id: "10ca"}]
        network: {mac: "52:54:00:12:34:56", vlan: 42, spoof_check: true}
      - name: disk
        address: "0000:04:00.0"
        rom: {bar: false}

- name: Prepare a domain for four devices that are attached while it runs, from its next start on
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: web1
    requests: []
    ensure_root_ports: 4

- name: Give a licence key in a USB port and a tape drive to a domain
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: backup1
    requests:
      - {name: key, usb: {vendor_id: "0951", product_id: "1666", serial: "60A44C413FAE"}}
      - {name: tape, scsi: {adapter: scsi_host2, target: 4, lun: 0}}

- name: Give a GPU and a NIC below the same PCIe switch to a domain, so that they reach each other directly
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: train1
    requests:
      - {name: gpu, specs: ["10de:2330"]}
      - {name: nic, specs: ["15b3:1021"]}
    constraints:
      - {requests: [gpu, nic], match: pcie_switch}

- name: Give four GPUs to a domain, each with a NIC of its own below the same switch, on one NUMA node if possible
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: train1
    requests:
      - {name: gpu, specs: ["10de:2330"], count: 4}
      - {name: nic, specs: ["15b3:1021"], count: 4}
    constraints:
      - {requests: [gpu, nic], match: pcie_switch, pair: true}
    prefer:
      - {requests: [gpu], match: numa_node}

- name: Give two A100 to a domain, or two V100 where no two A100 are free
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: train1
    requests:
      - {name: gpu, count: 2, first_available: [["10de:20b5"], ["10de:1db6"]]}

- name: Give a GPU to a CI job for eight hours, of the four at most that all jobs may have on the host
  become: true
  kvm.hostdev.pci_passthrough_claim:
    owner: ci-4711
    labels: {team: vision}
    aliases:
      - {name: a100, vendor_id: "10de", product_id: "20b2"}
    requests:
      - {name: gpu, alias: a100}
    limits:
      - {owners: "ci-*", alias: a100, most: 4, until: 8h}
      - {labels: {team: vision}, alias: a100, most: 2}

- name: Mirror over two disks that are not below the same root bus
  become: true
  kvm.hostdev.pci_passthrough_claim:
    domain: db1
    requests:
      - {name: mirror, specs: [{class: "0108"}], count: 2}
    constraints:
      - {requests: [mirror], distinct: pcie_root}

- name: Reserve a NIC for DPDK on the host
  become: true
  kvm.hostdev.pci_passthrough_claim:
    owner: dpdk0
    requests:
      - {name: port, address: "0000:81:00.0"}
"""

RETURN = r"""
msg:
  description:
    - What was done, in one line, each request with its devices. Of more than four devices the first four are named. In
      check mode it says what the task C(would change).
  returned: always
  type: str
  sample: >-
    web1: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci, attached to definition and guest
devices:
  description: The devices that the owner holds now, with the request each serves; group members serve none.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: The PCI address.
      type: str
    request:
      description: The name of the request that it serves, null for a group mate, which only came along.
      type: str
    role:
      description: V(requested), or V(group_member) for a group mate.
      type: str
    identity:
      description: What it is, by which it is told from any other device.
      type: dict
      contains:
        vendor_id:
          description: The vendor, four hexadecimal digits.
          type: str
        product_id:
          description: The product, four hexadecimal digits.
          type: str
        subsystem_vendor_id:
          description: The vendor of the card, four hexadecimal digits.
          type: str
        subsystem_product_id:
          description: The card's product id, as its vendor has given it, four hexadecimal digits.
          type: str
        class_id:
          description: Class, subclass and interface, two hexadecimal digits each.
          type: str
        serial:
          description: The serial number, null where it has none, as no VF has.
          type: str
        pcie_serial:
          description: The device serial number of PCI Express.
          type: str
          returned: where the device has one
        stable_path:
          description: The way to it through the bridges. It stays the same when another card comes or goes.
          type: str
        vf_number:
          description: Which VF of its PF it is, counted from 0, as a text.
          type: str
          returned: for a VF
        pf_vendor_id:
          description: C(vendor_id) of its PF.
          type: str
          returned: for a VF
        pf_product_id:
          description: C(product_id) of its PF.
          type: str
          returned: for a VF
        pf_subsystem_vendor_id:
          description: C(subsystem_vendor_id) of its PF.
          type: str
          returned: for a VF
        pf_subsystem_product_id:
          description: C(subsystem_product_id) of its PF.
          type: str
          returned: for a VF
        pf_class_id:
          description: C(class_id) of its PF.
          type: str
          returned: for a VF
        pf_serial:
          description: C(serial) of its PF, null where it has none.
          type: str
          returned: for a VF
        pf_pcie_serial:
          description: C(pcie_serial) of its PF.
          type: str
          returned: for a VF whose PF has one
        pf_stable_path:
          description: C(stable_path) of its PF.
          type: str
          returned: for a VF
    original:
      description: What a release restores.
      type: dict
      contains:
        driver:
          description: The driver that it had before it was claimed, null without one.
          type: str
        driver_override:
          description: The driver that it was pinned to, null without one.
          type: str
    adopted:
      description: Whether it was with a VFIO driver before it was claimed, so that a release leaves it there.
      type: bool
    attach:
      description: Where the domain has it, V(config) and V(live).
      type: list
      elements: str
    managed:
      description: The value of the tag C(managed) in the allow list.
      type: bool
      returned: where the tag is there
    one_time_use:
      description: Whether it must be cleaned before others get it.
      type: bool
      returned: where it must
    vf_settings:
      description: The settings that C(network) of the request changed, by name, with their values before.
      type: dict
      returned: where a setting was changed
    guest_address:
      description: Where the guest sees it.
      type: str
      returned: where libvirt has said so
    stood_before:
      description: The element that the domain had for it before it was claimed, by C(config) and C(live).
      type: dict
      returned: where the domain had one
    moved_from:
      description: The device's earlier address, which the domain's definition still has.
      type: str
      returned: where the device was found at another address since
    since:
      description: When it was claimed, in UTC.
      type: str
      returned: where the record tells it
    until:
      description: When it is due back, in UTC.
      type: str
      returned: where limits say so
  sample:
    - address: "0000:01:10.0"
      request: nic
      role: requested
      identity:
        vendor_id: "8086"
        product_id: 10ca
        subsystem_vendor_id: 1af4
        subsystem_product_id: "1100"
        class_id: "020000"
        serial: null
        stable_path: 0000_00_10.0-00_10.0
        vf_number: "0"
        pf_vendor_id: "8086"
        pf_product_id: 10c9
        pf_subsystem_vendor_id: 1af4
        pf_subsystem_product_id: "1100"
        pf_class_id: "020000"
        pf_serial: "52:54:00:12:34:57"
        pf_stable_path: 0000_00_10.0-00_00.0
      original: {driver: igbvf, driver_override: null}
      adopted: false
      attach: [config, live]
      guest_address: "0000:01:00.0"
      since: "2024-11-28T08:00:00Z"
node_devices:
  description: The USB and SCSI devices that the owner holds now, with the request each serves.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name, by libvirt.
      type: str
    capability:
      description: V(usb_device) or V(scsi).
      type: str
    request:
      description: The name of the request that it serves.
      type: str
    identity:
      description:
        - The identity. A USB device has C(vendor_id), C(product_id) and C(serial), a SCSI device C(vendor), C(model)
          and C(wwid). Each is a text, or null if there is none.
      type: dict
    attach:
      description: Where the domain has it, V(config) and V(live).
      type: list
      elements: str
    stood_before:
      description: The element that the domain had for it before it was claimed, by C(config) and C(live).
      type: dict
      returned: where the domain had one
    since:
      description: When it was claimed, in UTC.
      type: str
      returned: where the record tells it
    until:
      description: When it is due back, in UTC.
      type: str
      returned: where limits say so
  sample:
    - name: usb_1_2
      capability: usb_device
      request: key
      identity: {vendor_id: "0951", product_id: "1666", serial: 60A44C413FAE}
      attach: [config, live]
plan:
  description: The steps taken, or in check mode the steps to take, each with the state before and after.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - V(driver) binds a PCI function, V(hostdev) puts one into a domain or takes it out, V(node) does so with a USB
          or SCSI device, V(vf_settings) sets a VF through its PF, V(root_ports) adds controllers to a domain.
      type: str
    address:
      description: The PCI address. For V(node) it is libvirt's name of the device.
      type: str
      returned: for all kinds but V(root_ports)
    domain:
      description: The name of the domain.
      type: str
      returned: for V(hostdev), V(node) and V(root_ports)
    uuid:
      description: Its UUID.
      type: str
      returned: for V(hostdev), V(node) and V(root_ports)
    place:
      description: V(config) or V(live).
      type: str
      returned: for V(hostdev) and V(node)
    pf:
      description: The address of the PF.
      type: str
      returned: for V(vf_settings)
    index:
      description: Which VF of it, counted from 0.
      type: int
      returned: for V(vf_settings)
    by_kernel:
      description: Whether the kernel chooses the driver.
      type: bool
      returned: for V(driver), where it does
    before:
      description:
        - The state before. It is C(driver) and C(driver_override) of a device, the settings of a VF by name, the XML of
          an element (null if it is not there), or the indexes of controllers.
      type: raw
    after:
      description: The state after, as RV(plan[].before).
      type: raw
  sample:
    - kind: driver
      address: "0000:01:10.0"
      before: {driver: igbvf, driver_override: null}
      after: {driver: vfio-pci, driver_override: vfio-pci}
claim:
  description:
    - The owner's claim as it is on record now, without its devices, which are in RV(devices) and RV(node_devices).
  returned: success
  type: dict
  contains:
    owner:
      description: Who has the devices.
      type: dict
      contains:
        kind:
          description: V(domain), or V(name) for an owner that is not a domain.
          type: str
        id:
          description: The UUID of the domain, or the free name.
          type: str
        label:
          description: The name of the domain, or the free name.
          type: str
    requests:
      description: The requests on record, in the form of O(requests), including those of earlier tasks.
      type: list
      elements: dict
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
      description:
        - The names of the requests that M(kvm.hostdev.pci_passthrough) claimed, which its
          O(kvm.hostdev.pci_passthrough#module:purge) may give back.
      type: list
      elements: str
      returned: where there are any
    labels:
      description: The labels of the claim.
      type: dict
      returned: where anything was
    constraints:
      description: The constraints on record, in the form of O(constraints), including those of earlier tasks.
      type: list
      elements: dict
      returned: where there are any
    prefer:
      description: The wishes on record, in the form of O(prefer), including those of earlier tasks.
      type: list
      elements: dict
      returned: where there are any
  sample:
    owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}
    requests:
      - {name: nic, count: 1, specs: [{vendor_id: "8086", product_id: 10ca, device_type: type-VF}]}
pairs:
  description:
    - For each constraint and each wish with O(constraints[].pair), the pairs in C(devices). The device of the first
      request comes first. For a wish, pairs that do not meet it are left out.
  returned: success
  type: list
  elements: dict
  contains:
    requests:
      description: The names of the requests.
      type: list
      elements: str
    match:
      description: The attribute that the devices must share.
      type: str
      returned: for one that has O(constraints[].match)
    distinct:
      description: The attribute that they must not share.
      type: str
      returned: for one that has O(constraints[].distinct)
    pair:
      description: V(true).
      type: bool
    devices:
      description: The addresses of the devices of each pair.
      type: list
      elements: list
  sample:
    - requests: [gpu, nic]
      match: pcie_switch
      pair: true
      devices: [["0000:19:00.0", "0000:1a:00.0"], ["0000:9a:00.0", "0000:9b:00.0"]]
met:
  description:
    - The wishes of O(prefer), and of earlier tasks, in their order. C(met) says how many pairs of devices meet the
      wish, and C(of) how many pairs there are. With O(constraints[].pair) these are the pairs of the two requests,
      without it all pairs that the devices can form.
  returned: success
  type: list
  elements: dict
  contains:
    requests:
      description: The names of the requests.
      type: list
      elements: str
    match:
      description: The attribute that the devices must share.
      type: str
      returned: for one that has O(constraints[].match)
    distinct:
      description: The attribute that they must not share.
      type: str
      returned: for one that has O(constraints[].distinct)
    pair:
      description: Whether it applies within pairs.
      type: bool
      returned: where it is
    met:
      description: How many pairs of devices meet it.
      type: int
    of:
      description: How many pairs there are.
      type: int
  sample:
    - {requests: [gpu], match: numa_node, met: 1, of: 1}
alternative:
  description:
    - For each request with O(requests[].first_available), the alternative that serves it, counted from 0. It is the
      index in C(claim.requests[].first_available).
  returned: success
  type: dict
  sample: {gpu: 1}
search:
  description:
    - V(complete) if no better way to choose the devices exists, by the order in the guide on devices that belong
      together. V(bounded) if there were too many ways to look at all of them, so that a better one may exist. The
      constraints are kept in both cases.
  returned: success
  type: str
  sample: complete
stopped:
  description: The domains that were stopped hard, see O(on_detach_timeout). They are shut off now.
  returned: success
  type: list
  elements: str
  sample: []
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
    blockers:
      description: The reasons, as RV(kvm.hostdev.pci_facts#module:ansible_facts.hostdev.devices[].blockers).
      type: list
      elements: dict
      returned: for devices that may not be given away
    refused:
      description: For each device that would fit, by address or name, why it was refused.
      type: dict
      returned: where devices are refused
    constraints:
      description: The constraints that can't be kept together, as they were given.
      type: list
      elements: dict
      returned: for V(constraint_unmet)
    limit:
      description: The limit that is reached.
      type: dict
      returned: for V(limit_reached)
      contains:
        most:
          description: How many devices it permits. Null for a limit that only sets a time.
          type: int
        per:
          description: V(owner) or V(all).
          type: str
    held:
      description: For each owner, the devices that count for the limit.
      type: list
      elements: dict
      returned: for V(limit_reached)
      contains:
        owner:
          description: The owner, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner).
          type: dict
        devices:
          description: Its devices.
          type: list
          elements: dict
          contains:
            name:
              description: The address or name.
              type: str
            since:
              description: When it was claimed. Null if that is not known.
              type: str
            until:
              description: When it is due back. Null if it is never due.
              type: str
        wanted:
          description: How many more it wants.
          type: int
    group_members:
      description: The addresses of the group mates that would have to come along.
      type: list
      elements: str
      returned: for V(group_incomplete)
    driver:
      description: The driver that the device has now, null without one.
      type: str
      returned: for a device whose driver was not changed
    kernel_messages:
      description: The last lines of the kernel's log about the device.
      type: list
      elements: str
      returned: for a device whose driver was not changed
    asked:
      description: How many times the guest was asked to let the device go.
      type: int
      returned: for V(detach_timeout)
    answers:
      description: The guest's answers.
      type: list
      elements: str
      returned: for V(detach_timeout)
    stopped:
      description: The domains that were stopped hard before the error.
      type: list
      elements: str
      returned: where any was
    undo_failed:
      description: Why the changes could not be undone, in the form of this error.
      type: dict
      returned: where the undo failed
    commands:
      description:
        - The commands to type for the work that is left, one for each step. For V(record_unreadable) and the like they
          have names, V(restore), V(keep) or V(forget).
      type: raw
      returned: where there is something to type
    record:
      description: Why the record could not be written after the undo, in the form of this error.
      type: dict
      returned: where it could not
    set_aside:
      description: The devices that nobody gets until they are mended.
      type: list
      elements: str
      returned: where there are any
  sample:
    code: device_blocked
    subject: 0000:00:02.0, asked for by request disk
    found: "root_disk (0000:00:02.0: /dev/vda is mounted at /)"
    wanted: a device that nothing keeps with the host and that is free
    remedy: "it stays with the host: ask for another device"
    blockers:
      - code: root_disk
        address: "0000:00:02.0"
        detail: /dev/vda is mounted at /
        override: null
        remedy: "it stays with the host: ask for another device"
    refused: {"0000:00:02.0": "root_disk (0000:00:02.0: /dev/vda is mounted at /)"}
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.options import (
    ALLOW_LIST_OPTIONS,
    CHANGE_OPTIONS,
    REQUEST_OPTIONS,
    TERMS_OPTIONS,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import RECORDING_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    find_binding(module)
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.claim import claim

    return claim(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                **CHANGE_OPTIONS,
                **RECORDING_OPTIONS,
                "domain": {"type": "str"},
                "owner": {"type": "str"},
                **REQUEST_OPTIONS,
                **ALLOW_LIST_OPTIONS,
                **TERMS_OPTIONS,
                "tenant": {"type": "str"},
            },
            mutually_exclusive=[("domain", "owner")],
            required_one_of=[("domain", "owner")],
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
