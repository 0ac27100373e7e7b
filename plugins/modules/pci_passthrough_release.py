#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_passthrough_release
short_description: Give claimed PCI devices back to the host as they were
version_added: 1.0.0
description:
  - Gives devices back, so that they are no longer claimed. It takes them out of the running domain and of its
    definition, restores the driver and the C(driver_override) that each had before M(kvm.hostdev.pci_passthrough_claim)
    took it, and verifies this.
  - A second run changes nothing, since the devices are no longer claimed.
  - A device that was bound to a VFIO driver before it was claimed stays bound to it.
  - If a domain had a device in its definition before it was claimed, that part of the definition stays or is put back.
    A running domain that had the device before keeps it.
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
      - Name or UUID of the domain whose claim is released, completely or by O(names) or O(addresses). The domain need
        not exist any more.
    type: str
  owner:
    description:
      - The free name of the owner whose claim is released, instead of a domain.
    type: str
  names:
    description:
      - Releases only the requests with these names. With O(addresses), those devices are given back too.
    type: list
    elements: str
    default: []
  addresses:
    description:
      - Releases only the devices at these addresses. Without O(domain) or O(owner) it does not matter who holds them.
        USB and SCSI devices are released with O(domain), or by O(names).
      - For a device that is set aside the release is tried again. If it succeeds, the device can be claimed again.
    type: list
    elements: str
    default: []
  orphans:
    description:
      - Whether to release the claims of all domains that no longer exist. It can't be combined with O(domain) or
        O(owner).
    type: bool
    default: false
  expired:
    description:
      - Whether to release overdue devices, of all owners or of the one in O(domain) or O(owner). These were claimed
        with O(kvm.hostdev.pci_passthrough_claim#module:limits) that set C(until), and by the host's clock that time is
        over.
      - Running guests are asked for their devices, see O(on_detach_timeout). If devices of one owner can't be given
        back, those of the others still are, and the task fails at its end.
      - It can't be combined with O(names), O(addresses) or O(orphans).
    type: bool
    default: false
  to:
    description:
      - Which driver the devices go to.
      - V(recorded) is the driver that each had when it was claimed. If somebody else had bound a device to a VFIO
        driver by then, it stays bound to that and is in RV(still_bound). If libvirt had bound it for the running guest,
        it goes to the host's driver to which libvirt would give it back.
      - V(host) is the driver that the host would choose by itself, without any C(driver_override).
    type: str
    choices: [recorded, host]
    default: recorded
  cleaned:
    description:
      - Declares that devices for one-time use, given back by this run or before, are clean and may be claimed again.
        O(domain), O(owner) or O(addresses) say which devices.
      - A device is for one-time use if the entry of C(device_spec) that permitted its claim has C(one_time_use). If it
        is given back without this option, its C(status) is V(needs_cleaning), and nobody gets it.
    type: bool
    default: false
  tenant:
    description:
      - The tenant that the task is for. The task fails with V(not_the_tenants) if a claim that it would release does
        not have this tenant as its label C(tenant), see O(kvm.hostdev.pci_passthrough_claim#module:tenant). With V(*),
        for administrators, every claim may be released. Errors and warnings name no owner of another tenant.
    type: str
seealso:
  - module: kvm.hostdev.pci_passthrough_claim
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Give all devices of a domain back to the host
  become: true
  kvm.hostdev.pci_passthrough_release:
    domain: web1

- name: Give back what one request holds
  become: true
  kvm.hostdev.pci_passthrough_release:
    domain: train1
    names: [disk]

- name: Give back one device, whoever has it
  become: true
  kvm.hostdev.pci_passthrough_release:
    addresses: ["0000:81:00.0"]

- name: Give a disk for one-time use back to others, now that it was erased
  become: true
  kvm.hostdev.pci_passthrough_release:
    addresses: ["0000:04:00.0"]
    cleaned: true

- name: Take the devices at the next start of the domain at the latest, whatever its guest does now
  become: true
  kvm.hostdev.pci_passthrough_release:
    domain: web1
    on_detach_timeout: definition

- name: Get a device back at any price, even that of what the guest has not written to its disks
  become: true
  kvm.hostdev.pci_passthrough_release:
    domain: web1
    detach_timeout: 120
    on_detach_timeout: force

- name: Give a device that was found bound to vfio-pci to the host's own driver
  become: true
  kvm.hostdev.pci_passthrough_release:
    owner: dpdk0
    to: host

- name: Try again to give back a device that is set aside
  become: true
  kvm.hostdev.pci_passthrough_release:
    addresses: ["0000:04:00.0"]

- name: Give back what is overdue
  become: true
  kvm.hostdev.pci_passthrough_release:
    expired: true

- name: Clean up after domains that were undefined
  become: true
  kvm.hostdev.pci_passthrough_release:
    orphans: true
"""

RETURN = r"""
msg:
  description:
    - What was given back, in one line, with C(|) between owners. If there are more than four devices, only the first
      four are named. In check mode it says what the task C(would change).
  returned: always
  type: str
  sample: "web1: 0000:01:10.0 (8086:10ca) given back, vfio-pci to igbvf"
still_bound:
  description:
    - The addresses of devices that were given back and stay bound to a VFIO driver, since they had it before they were
      claimed. O(to=host) gives such devices to the host's own driver.
  returned: success
  type: list
  elements: str
  sample: ["0000:01:10.2"]
devices:
  description:
    - The devices that were given back, as RV(kvm.hostdev.pci_passthrough_claim#module:devices).
  returned: success
  type: list
  elements: dict
  sample:
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
node_devices:
  description:
    - The USB and SCSI devices that were taken out of their domain, as
      RV(kvm.hostdev.pci_passthrough_claim#module:node_devices).
  returned: success
  type: list
  elements: dict
  sample: []
plan:
  description:
    - The steps taken, or in check mode the steps to take, each with the state before and after, as
      RV(kvm.hostdev.pci_passthrough_claim#module:plan).
  returned: success
  type: list
  elements: dict
  sample:
    - kind: hostdev
      address: "0000:01:10.0"
      domain: web1
      uuid: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02
      place: live
      before: <hostdev mode="subsystem" type="pci" managed="yes"><source><address domain="0x0000" bus="0x01"
        slot="0x10" function="0x0" /></source><address type="pci" domain="0x0000" bus="0x01" slot="0x00"
        function="0x0" /><alias name="hostdev0" /><driver name="vfio" /></hostdev>
      after: null
claims:
  description: What the owners still hold afterwards.
  returned: success
  type: list
  elements: dict
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
      description: The constraints on record.
      type: list
      elements: dict
      returned: where there are any
    prefer:
      description: The wishes on record.
      type: list
      elements: dict
      returned: where there are any
  sample:
    - {owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}, requests: [], devices: []}
cleaned:
  description: The devices for one-time use that may be claimed again.
  returned: success
  type: list
  elements: str
  sample: []
stopped:
  description: The domains that were stopped hard, see O(on_detach_timeout). They are shut off now.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description:
    - Why the task failed, completely or in part. C(code) is stable, the other texts are for people and may change.
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
    released:
      description: The addresses and names of the devices that were given back nevertheless.
      type: list
      elements: str
      returned: where several owners are released, and some can't be
    failed:
      description: For each owner whose release failed, the error in the form of this one.
      type: dict
      returned: where several owners are released, and some can't be
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
    code: detach_timeout
    subject: "0000:01:10.0 in domain web1"
    found: the guest did not let the device go within 30 s
    wanted: a guest whose kernel answers a hot-unplug
    remedy: shut the domain down first
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.options import CHANGE_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import RECORDING_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    find_binding(module)
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.release import release

    return release(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                **CHANGE_OPTIONS,
                **RECORDING_OPTIONS,
                "domain": {"type": "str"},
                "owner": {"type": "str"},
                "names": {"type": "list", "elements": "str", "default": []},
                "addresses": {"type": "list", "elements": "str", "default": []},
                "orphans": {"type": "bool", "default": False},
                "expired": {"type": "bool", "default": False},
                "to": {"type": "str", "choices": ["recorded", "host"], "default": "recorded"},
                "cleaned": {"type": "bool", "default": False},
                "tenant": {"type": "str"},
            },
            mutually_exclusive=[("domain", "owner")],
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
