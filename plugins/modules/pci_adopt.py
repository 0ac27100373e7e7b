#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_adopt
short_description: Write devices into the record that were given to guests by hand
version_added: 1.0.0
description:
  - Reads which PCI devices domains have, in their definitions or running, and which virtual functions (VFs) exist.
    Those that are not on record yet are written into the record. From then on the modules of this collection treat them
    as if they had claimed or made them.
  - Nothing else on the host is changed, no driver, no domain, no definition and nothing in sysfs.
  - RV(fighters) names each place on the host that binds devices or makes VFs by itself, at boot or when a domain
    starts, with file and line, and what to do about it.
  - No guard refuses a device, since it is given away already. Left out, with a warning that says why, are devices that
    are in the definitions of two domains, that another owner holds, or that are not on the host.
  - A release of adopted devices leaves the domain's definition, the driver and the VFs as they were.
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._attributes.actiongroup_pci
  - kvm.hostdev._host
  - kvm.hostdev._host.recording
attributes:
  check_mode:
    support: full
    details: The result is the same, and nothing is written.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  domains:
    description:
      - Names or UUIDs of the domains whose devices are adopted. By default these are all domains.
    type: list
    elements: str
  vfs:
    description:
      - Whether existing VFs that this collection did not make are adopted, with their number and settings, and with the
        MTU and the e-switch mode of their PF.
      - VFs that the host itself uses are left out while the host's drivers may bind them.
    type: bool
    default: true
  take_over:
    description:
      - Whether VFs are also adopted if something else on the host makes them. Then remove that maker. By default such
        VFs are left out. RV(fighters) names their makers.
    type: bool
    default: false
  unattached_owner:
    description:
      - The name of an owner that gets all devices that are bound to a VFIO driver and that no domain has, each with a
        request of its own.
      - By default such devices are only listed in RV(unattached).
    type: str
  persist:
    description:
      - Whether the adopted claims and VFs come back when the host is rebooted. A warning names each other setting that
        acts at boot too.
      - V(true) puts the files that bring devices back on the host, see the guide on reboots.
      - A claim that was on record before keeps its own setting, unless it gets a device now and this is V(true).
      - V(false) also applies to domains that libvirt starts with the host. But the next run of
        M(kvm.hostdev.pci_passthrough_claim) for such a domain makes its devices come back, unless it says otherwise.
    type: bool
    default: false
  lock_timeout:
    description:
      - How many seconds to wait for another run on this host.
    type: int
    default: 60
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
  - libvirt's Python binding (C(python3-libvirt)) for the system's Python, for what domains have
seealso:
  - module: kvm.hostdev.pci_facts
  - module: kvm.hostdev.pci_passthrough_claim
  - module: kvm.hostdev.pci_passthrough_release
  - module: kvm.hostdev.pci_sriov
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Show what would be written down
  become: true
  check_mode: true
  diff: true
  kvm.hostdev.pci_adopt:

- name: Write down what all domains have, and the VFs that there are
  become: true
  kvm.hostdev.pci_adopt:

- name: Write down the devices of one domain, which come back after a reboot
  become: true
  kvm.hostdev.pci_adopt:
    domains: [web1]
    vfs: false
    persist: true

- name: Take over the VFs that a unit makes, and what is bound for a program
  become: true
  kvm.hostdev.pci_adopt:
    take_over: true
    unattached_owner: dpdk0

- name: Stop when something would bind devices beside the record
  become: true
  check_mode: true
  kvm.hostdev.pci_adopt:
  register: adoption
  failed_when: adoption.fighters | length > 0
"""

RETURN = r"""
msg:
  description: What was written down, or in check mode would be, in one line.
  returned: always
  type: str
  sample: 1 device of web1 and the VFs of 0000:01:00.0 written down; 1 place binds devices or makes VFs beside the
    record, see fighters
lines:
  description: What was written down, or in check mode would be, with a line for each device and PF.
  returned: success
  type: list
  elements: str
  sample:
    - "web1: nic0 0000:01:10.0 (8086:10ca, vfio-pci), in its definition and its guest"
    - "0000:01:00.0 (enp1s0): 4 VFs, autoprobe on"
claims:
  description: What was written down, or in check mode would be, for each owner.
  returned: success
  type: list
  elements: dict
  contains:
    owner:
      description: Who has it, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner).
      type: dict
    requests:
      description: The requests that were made for it, each with one address.
      type: list
      elements: dict
    devices:
      description: The devices, as RV(kvm.hostdev.pci_passthrough_claim#module:devices).
      type: list
      elements: dict
    persist:
      description: Whether the claim comes back when the host is rebooted.
      type: bool
  sample:
    - owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}
      requests: [{name: nic0, address: "0000:01:10.0"}]
      devices:
        - address: "0000:01:10.0"
          request: nic0
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
          original: {driver: vfio-pci, driver_override: vfio-pci}
          adopted: true
          attach: [config, live]
          stood_before:
            config: <hostdev mode="subsystem" type="pci" managed="yes"><source><address domain="0x0000" bus="0x01"
              slot="0x10" function="0x0" /></source></hostdev>
            live: <hostdev mode="subsystem" type="pci" managed="yes"><source><address domain="0x0000" bus="0x01"
              slot="0x10" function="0x0" /></source><alias name="hostdev0" /><driver name="vfio" /></hostdev>
          since: "2024-11-28T08:00:00Z"
      persist: false
vfs:
  description: The physical functions whose VFs were written down, or in check mode would be.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: The physical function's PCI address.
      type: str
    interface:
      description: Its network interface, null without one.
      type: str
    number:
      description: How many VFs it has.
      type: int
    autoprobe:
      description: Whether the host's drivers may bind the VFs. Null if the kernel does not tell it.
      type: bool
    mtu:
      description: The MTU of its Ethernet interface. Null if it is 1500, or without such an interface.
      type: int
    eswitch_mode:
      description: The mode of its e-switch. Null if it is V(legacy), or without an e-switch.
      type: str
    settings:
      description:
        - The settings, by the VF's number. C(spoof_check) is there if it differs from the value with which the driver
          makes VFs. If that value is not known for the driver, a warning says so.
      type: dict
    persist:
      description: Whether they come back when the host is rebooted.
      type: bool
  sample:
    - address: "0000:01:00.0"
      interface: enp1s0
      number: 4
      autoprobe: true
      mtu: null
      eswitch_mode: null
      settings: {}
      persist: false
unattached:
  description: Devices that are bound to a VFIO driver, and that neither a domain nor the record has.
  returned: success
  type: list
  elements: str
  sample: ["0000:05:00.0"]
fighters:
  description:
    - Places on the host that bind devices or make VFs by themselves, at boot or when a domain starts.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: What it is, such as V(driverctl), V(modprobe.d), V(kernel command line) or V(udev rule).
      type: str
    path:
      description: The file.
      type: str
    line:
      description: The line, counted from 1. 0 stands for the whole file.
      type: int
    detail:
      description: What it does.
      type: str
    address:
      description: The device that it names. Null if it names none or several.
      type: str
    ids:
      description: The vendor and product ids of devices that it takes, all devices with these ids.
      type: list
      elements: str
    remedy:
      description: How to stop it.
      type: str
  sample:
    - kind: driverctl
      path: /etc/driverctl.d/pci-0000:01:10.0
      line: 1
      detail: binds 0000:01:10.0 to vfio-pci
      address: "0000:01:10.0"
      ids: []
      remedy: rm /etc/driverctl.d/pci-0000:01:10.0, and not driverctl unset-override, which takes it from a running
        guest at once
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
  sample:
    code: unknown_domain
    subject: domain web2
    found: libvirt has no domain of that name or UUID; it has web1, db1
    wanted: a defined or running domain
    remedy: did you mean web1?
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import HOST_OPTIONS, RECORDING_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    find_binding(module)
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.adopt import adopt

    return adopt(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                **HOST_OPTIONS,
                **RECORDING_OPTIONS,
                "domains": {"type": "list", "elements": "str"},
                "vfs": {"type": "bool", "default": True},
                "take_over": {"type": "bool", "default": False},
                "unattached_owner": {"type": "str"},
                "persist": {"type": "bool", "default": False},
                "lock_timeout": {"type": "int", "default": 60},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
