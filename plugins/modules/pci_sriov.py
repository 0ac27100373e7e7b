#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_sriov
short_description: Make the virtual functions of SR-IOV devices, and change their settings
version_added: 1.0.0
description:
  - Makes physical functions (PFs) have the wanted number of virtual functions (VFs), with the wanted settings. It can
    also remove them again and put everything back as it was.
  - To change the number of VFs the kernel first removes all of them, even those that guests have. So this module fails
    if one of them is claimed, in a domain, in another network namespace or in use by the host. It names each with its
    user.
  - The module reads back what it writes, since some drivers report success but make another number of VFs, or none. If
    a setting is refused, everything is put back as it was.
  - VFs that others made are reported and left alone, see O(take_over).
  - The kernel forgets VFs and settings when the host is rebooted. With O(persist) they come back.
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._attributes.actiongroup_pci
  - kvm.hostdev._host
  - kvm.hostdev._host.recording
attributes:
  check_mode:
    support: full
    details: Whether a driver accepts a setting can only be found out by trying. Check mode refuses settings that a
      driver is known to refuse.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  address:
    description:
      - The PCI address of the PF, or a pattern of addresses as in a device spec.
    type: str
  devname:
    description:
      - The name of the PF's network interface.
    type: str
  specs:
    description:
      - Device specs, as in M(kvm.hostdev.pci_passthrough_claim). The task is for all PFs that fit one of them, with the
        same options for each. All of them are changed, or none.
    type: list
    elements: raw
  state:
    description:
      - V(present) makes and sets the VFs.
      - V(absent) puts the PF back as it was before this module changed it. That is the number of VFs, the settings of
        VFs that others had made, autoprobe, MTU, and whether the interface is up. VFs that this module did not make or
        take over stay.
    type: str
    choices: [present, absent]
    default: present
  number:
    description:
      - How many VFs each PF has, or V(max) for as many as its driver can make now (C(sriov_totalvfs)).
      - Required unless O(state=absent).
    type: raw
  settings:
    description:
      - The settings of every VF. Settings that are left out stay as they are, and those of earlier tasks stay set.
        O(vfs) overrides this.
      - C(mac) is the MAC address (zeros let the VF choose), C(vlan) and C(qos) are the VLAN and its priority,
        C(vlan_protocol) is V(802.1Q) or V(802.1ad), C(min_tx_rate) and C(max_tx_rate) are in Mbit/s and 0 for none,
        C(spoof_check), C(trust) and C(query_rss) are booleans, C(link_state) is V(auto), V(enable) or V(disable).
      - C(mtu) is the MTU of the VF's own interface on the host, in bytes. It needs O(autoprobe=true), or another driver
        of the host that is bound to the VF. For a VF without such an interface it is refused. While a guest has a VF,
        the guest sets its MTU.
      - Not every driver supports each of them. A setting that the driver is known to refuse is refused before anything
        is written.
    type: dict
  vfs:
    description:
      - The settings of single VFs. Each entry has the number of the VF as C(vf), 0 for the first, and keys of
        O(settings). If an entry leaves out number, priority or protocol of a VLAN, those of O(settings) are used.
      - While a guest has a VF as C(<interface type='hostdev'>), libvirt sets its MAC address and VLAN, and the claim
        sets the settings in C(network) of its request. This module then leaves these settings alone. The next run after
        the guest has let the VF go sets them, and an C(mtu) too.
    type: list
    elements: dict
    default: []
  autoprobe:
    description:
      - Whether the host's own drivers bind the VFs. By default they don't, and the VFs have no network interface on the
        host, so that nothing there can begin to use them.
      - It applies to VFs when they are made. Existing VFs keep their driver and interface, and a warning says so.
      - With V(true) the files C(/etc/udev/rules.d/90-kvm-hostdev-vfs.rules) and
        C(/etc/systemd/network/00-kvm-hostdev-vfs.network) keep NetworkManager and systemd-networkd off the interfaces
        of all VFs of the PF. Both files are removed with the VFs. If the host shall use an interface itself, configure
        it without these two services.
    type: bool
    default: false
  mtu:
    description:
      - The lowest MTU that the PF's interface may have, in bytes. A larger MTU stays. Some drivers restart the PF and
        all its VFs to change the MTU, so none of them may be in use. For the MTU of VFs use C(mtu) in O(settings) and
        O(vfs).
    type: int
  eswitch_mode:
    description:
      - The mode of the PF's e-switch. V(switchdev) needs a driver that supports it. By default the mode stays as it is.
    type: str
    choices: [legacy, switchdev]
  take_over:
    description:
      - Whether this module takes over VFs that others made, and PFs on which somebody else makes VFs. By default such
        VFs are left as they are if there are enough of them. Then no settings are made, and O(persist) has no effect.
        If there are fewer, the task fails.
      - Others are systemd-udevd, systemd-networkd, NetworkManager, netplan, parameters of kernel modules, units, udev
        rules and scripts. RV(pfs[].makers) lists those that were found, with file and line. They may change the VFs
        again at the next boot, so remove these settings. After that only O(persist) makes the VFs come back at boot.
    type: bool
    default: false
  persist:
    description:
      - Whether the VFs come back with all their settings when the host is rebooted. The guide on reboots says how. They
        also come back if a claim that comes back holds one of them. A later run without this option switches it off.
    type: bool
    default: false
  allow:
    description:
      - Blocker codes of the PF that are accepted. When VFs are made, the driver may restart the PF, and the host's
        network may be gone for some seconds. Possible are V(mgmt_nic), V(ssh_nic), V(default_route) and
        V(network_storage). They are also accepted when the VFs are made again, at boot or by the playbook
        kvm.hostdev.reconcile. A later run without this option withdraws the consent.
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
  description: What was done, in one line, with C(|) between PFs. In check mode it says what the task C(would change).
  returned: always
  type: str
  sample: "enp1s0 (0000:01:00.0): autoprobe off, interface up, 0 to 4 VFs, trust on of VF 1"
pfs:
  description: The PFs as they are afterwards, or in check mode as they would be.
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
      description: How many VFs it can have.
      type: int
    ours:
      description: Whether the VFs are this module's, so that O(state=absent) takes them away.
      type: bool
    changed:
      description: Whether the PF, its VFs or its record were changed.
      type: bool
    settings:
      description: The settings that this task or earlier ones asked for, by the VF's number.
      type: dict
    makers:
      description: What else on the host makes its VFs, or changes their settings.
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
  description: The changes, or in check mode the changes to make, in their order.
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
      description: The number of the VF, counted from 0.
      type: int
      returned: for V(setting)
    name:
      description: The setting, one of O(settings).
      type: str
      returned: for V(setting)
    before:
      description: The value before. Null if the driver does not tell it.
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
    vfs_in_use:
      description: For each VF, by its address, who uses it, as a list of texts.
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
