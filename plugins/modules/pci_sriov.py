#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_sriov
short_description: Make the virtual functions of SR-IOV devices, and set them
version_added: 1.0.0
description:
  - Sees to it that physical functions (PFs) have as many virtual functions (VFs) as asked for, with the settings asked
    for, and takes them away again with all as it was.
  - The kernel changes the number of VFs only through 0, takes each from whoever has it, and asks nobody, a guest
    neither. So this module refuses where one of them is claimed, in a domain, in another network namespace or in use
    by the host, and names each with its user.
  - What is written is read back, since some drivers make another number of VFs, or none, and say success. Where a
    setting is refused all is led back to what it was.
  - VFs that others made are reported and left, see O(take_over).
  - The kernel forgets all of this when the host is started anew. With O(persist) it comes back.
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._attributes.actiongroup_pci
  - kvm.hostdev._host
  - kvm.hostdev._host.recording
attributes:
  check_mode:
    support: full
    details: Whether a driver takes a setting can only be tried. What is known of drivers is told in check mode too.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  address:
    description:
      - The PCI address of the PF, or a pattern of addresses as in a device specification.
    type: str
  devname:
    description:
      - The name of the PF's network interface.
    type: str
  specs:
    description:
      - Device specifications, as of M(kvm.hostdev.pci_passthrough_claim). All PFs that one of them fits are meant, and
        of each the same is asked. All of them are done, or none.
    type: list
    elements: raw
  state:
    description:
      - V(present) makes and sets the VFs.
      - V(absent) gives the PF back as it was before this module came, with the number of VFs, their settings where
        they were others', autoprobe, MTU and interface up or down. VFs that this module did not make or take over
        stay.
    type: str
    choices: [present, absent]
    default: present
  number:
    description:
      - How many VFs each PF has, or V(max) for as many as its driver can make now (C(sriov_totalvfs)).
      - Needed unless O(state=absent).
    type: raw
  settings:
    description:
      - What is set for every VF. What is left out stays as it is, and what was set before stays set. O(vfs) goes before
        it.
      - C(mac) is the MAC address (zeros let the VF choose), C(vlan) and C(qos) are the VLAN and its priority,
        C(vlan_protocol) is V(802.1Q) or V(802.1ad), C(min_tx_rate) and C(max_tx_rate) are in Mbit/s and 0 for none,
        C(spoof_check), C(trust) and C(query_rss) are booleans, C(link_state) is V(auto), V(enable) or V(disable).
      - C(mtu) is the MTU of the VF's own interface on the host, in bytes. It wants O(autoprobe=true), or another driver
        of the host that has the VF, and is refused for a VF without such an interface. A guest sets the MTU of a VF
        that it has.
      - Not every driver has each of them. What is known to be refused is refused before anything is written.
    type: dict
  vfs:
    description:
      - What is set for single VFs, each by its number C(vf), 0 for the first, with the keys of O(settings). Of a VLAN's
        number, priority and protocol what an entry leaves out is what O(settings) has.
      - While a guest has a VF as C(<interface type='hostdev'>) its MAC address and VLAN are libvirt's, and what a claim
        has set (C(network) of its request) is the claim's. These are set once the guest has let it go. So is an C(mtu)
        that was set before.
    type: list
    elements: dict
    default: []
  autoprobe:
    description:
      - Whether the host's own drivers take the VFs. Without, VFs have no network interface on the host, so that nothing
        there can come to use them.
      - It is of VFs that are made. Those that are there keep the driver and the interface that they have, and a warning
        says so.
      - With it NetworkManager and systemd-networkd are kept off the interfaces of all VFs of the PF, which are to be
        given away, by C(/etc/udev/rules.d/90-kvm-hostdev-vfs.rules) and
        C(/etc/systemd/network/00-kvm-hostdev-vfs.network). Both files go with the VFs. An interface that the host is to
        use itself is configured without these two.
    type: bool
    default: false
  mtu:
    description:
      - The least MTU of the PF's interface, in bytes. A larger one is left. Some drivers restart the PF to change it,
        and with it all VFs, so that none may be in use. Those of VFs are C(mtu) of O(settings) and O(vfs).
    type: int
  eswitch_mode:
    description:
      - The mode of the PF's e-switch. V(switchdev) needs a driver that has one. Left as it is by default.
    type: str
    choices: [legacy, switchdev]
  take_over:
    description:
      - Whether VFs that others made become this module's, and PFs that somebody else makes VFs of as well. Without,
        they are left as they are where there are as many as asked for, with nothing set and O(persist) not counted,
        and an error where there are fewer.
      - Others are systemd-udevd, systemd-networkd, NetworkManager, netplan, parameters of kernel modules, units, udev
        rules and scripts. Those that were found are in RV(pfs[].makers), with file and line. They go on as before,
        and may change the VFs again at the next boot, until they are taken out there. Once they are, nothing makes the
        VFs at boot but O(persist).
    type: bool
    default: false
  persist:
    description:
      - Whether the VFs come back when the host is started anew, with all that is set of them. The guide on reboots says
        how. VFs of which a claim that comes back holds one do so as well. A later run without it takes it back.
    type: bool
    default: false
  allow:
    description:
      - Blocker codes that are accepted of the PF, since its driver may restart it as VFs are made. The host's network
        may be gone for some seconds then. V(mgmt_nic), V(ssh_nic), V(default_route) and V(network_storage) are asked
        for. They are accepted as well when the VFs are made again, at boot or by the playbook kvm.hostdev.reconcile.
        A later run without it takes that back.
    type: list
    elements: str
    default: []
  lock_timeout:
    description:
      - How many seconds to wait for another run on this host.
    type: int
    default: 60
seealso:
  - module: kvm.hostdev.pci_facts
  - module: kvm.hostdev.pci_passthrough_claim
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Make four VFs of a network card
  become: true
  kvm.hostdev.pci_sriov:
    devname: enp1s0
    number: 4

- name: Make all VFs that two cards of a model can have, which guests may not send from addresses not their own
  become: true
  kvm.hostdev.pci_sriov:
    specs:
      - {vendor_id: "8086", product_id: "10c9"}
    number: max
    settings:
      spoof_check: true

- name: Put one VF into a VLAN, and let the guest that gets another one choose its MAC address
  become: true
  kvm.hostdev.pci_sriov:
    address: "0000:01:00.0"
    number: 4
    vfs:
      - {vf: 0, mac: "52:54:00:12:34:56", vlan: 100, qos: 2}
      - {vf: 1, trust: true}

- name: Keep two VFs for the host itself, one with jumbo frames
  become: true
  kvm.hostdev.pci_sriov:
    address: "0000:01:00.0"
    number: 2
    autoprobe: true
    vfs:
      - {vf: 0, mtu: 9000}

- name: Take over VFs that a script made, and make them at each boot in its place
  become: true
  kvm.hostdev.pci_sriov:
    devname: enp1s0
    number: 4
    take_over: true
    persist: true

- name: Make VFs of the card that carries this very connection, which may stop for some seconds
  become: true
  kvm.hostdev.pci_sriov:
    devname: enp1s0
    number: 2
    allow: [ssh_nic, mgmt_nic, default_route]

- name: Give the card back as it was
  become: true
  kvm.hostdev.pci_sriov:
    devname: enp1s0
    state: absent
"""

RETURN = r"""
msg:
  description: What was done, in one line, the PFs with C(|) between them; in check mode what the task C(would change).
  returned: always
  type: str
  sample: "enp1s0 (0000:01:00.0): autoprobe off, interface up, 0 to 4 VFs, trust on of VF 1"
pfs:
  description: The PFs, as they are afterwards, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: The PF's PCI address.
      type: str
    interface:
      description: Its network interface, null without one.
      type: str
    number:
      description: How many VFs it has.
      type: int
    total:
      description: How many it can have.
      type: int
    ours:
      description: Whether the VFs are this module's, so that O(state=absent) takes them away.
      type: bool
    changed:
      description: Whether anything of it was changed, or of what is on record.
      type: bool
    settings:
      description: What was asked for, now or before, by the VF's number.
      type: dict
    makers:
      description: What else on the host makes its VFs, or sets them.
      type: list
      elements: str
  sample:
    - address: "0000:01:00.0"
      interface: enp1s0
      number: 4
      total: 7
      ours: true
      changed: true
      settings: {"1": {trust: true}}
      makers: []
plan:
  description: What was changed, or in check mode would be, in this order.
  returned: success
  type: list
  elements: dict
  contains:
    pf:
      description: The PF's PCI address.
      type: str
    kind:
      description: V(eswitch), V(autoprobe), V(mtu), V(up), V(number) or V(setting).
      type: str
    vf:
      description: Which VF it is of, counted from 0.
      type: int
      returned: for V(setting)
    name:
      description: The setting, one of O(settings).
      type: str
      returned: for V(setting)
    before:
      description: The value before, null where the driver does not tell it.
      type: raw
    after:
      description: The value after.
      type: raw
  sample:
    - {pf: "0000:01:00.0", kind: autoprobe, before: true, after: false}
    - {pf: "0000:01:00.0", kind: up, before: false, after: true}
    - {pf: "0000:01:00.0", kind: number, before: 0, after: 4}
    - {pf: "0000:01:00.0", kind: setting, vf: 1, name: trust, before: false, after: true}
error:
  description:
    - Why nothing was done. C(code) is stable, the other texts are for people.
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
      description: What was wanted, empty where that goes without saying.
      type: str
    remedy:
      description: What to do, empty where nothing can be said.
      type: str
    vfs_in_use:
      description: Who uses each VF, by its address a list of texts.
      type: dict
      returned: for V(vfs_in_use)
    vfs:
      description: The VFs that are in the way.
      type: list
      elements: raw
      returned: where VFs can't be taken away or set
    setting:
      description: The setting that was refused.
      type: str
      returned: where the driver refuses one
    blockers:
      description: The reasons, as RV(kvm.hostdev.pci_facts#module:ansible_facts.hostdev.devices[].blockers).
      type: list
      elements: dict
      returned: for devices that may not be given away
    undo_failed:
      description: Why what was done could not be undone, in the form of this error.
      type: dict
      returned: where the undo failed
    commands:
      description:
        - What to type for what is left, one command for each step. For V(record_unreadable) and the like the ways out
          by name, V(restore), V(keep) or V(forget).
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
    code: vfs_in_use
    subject: 0000:01:00.0 (4 -> 7 VFs)
    found: "VF 0 (0000:01:10.0): held by domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02)"
    wanted: "VFs that nobody uses: the kernel changes their number only through 0, and asks nobody"
    remedy: release them with kvm.hostdev.pci_passthrough_release, take them out of their domains, and out of the
      host's use; or leave the number as it is
    vfs_in_use:
      "0000:01:10.0": [held by domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02)]
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import HOST_OPTIONS, RECORDING_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    find_binding(module)
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.sriov import set_vfs

    return set_vfs(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                **HOST_OPTIONS,
                **RECORDING_OPTIONS,
                "address": {"type": "str"},
                "devname": {"type": "str"},
                "specs": {"type": "list", "elements": "raw"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "number": {"type": "raw"},
                "settings": {"type": "dict"},
                "vfs": {"type": "list", "elements": "dict", "default": []},
                "autoprobe": {"type": "bool", "default": False},
                "mtu": {"type": "int"},
                "eswitch_mode": {"type": "str", "choices": ["legacy", "switchdev"]},
                "take_over": {"type": "bool", "default": False},
                "persist": {"type": "bool", "default": False},
                "allow": {"type": "list", "elements": "str", "default": []},
                "lock_timeout": {"type": "int", "default": 60},
            },
            mutually_exclusive=[("address", "devname", "specs")],
            required_one_of=[("address", "devname", "specs")],
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
