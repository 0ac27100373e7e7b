#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_passthrough
short_description: Make all claims of a host match a list, and give back what the list no longer names
version_added: 1.0.0
description:
  - Makes each owner in O(claims) hold the devices that its requests ask for, as M(kvm.hostdev.pci_passthrough_claim)
    does for one owner. The host is read once, all owners are decided on together, and everything is done or nothing.
  - First all owners give back the devices that they no longer hold. Then each owner gets its devices, in the order of
    O(claims). So a device may go from one owner to another in one task. It stays bound in between.
  - If not all owners can be served, nothing is changed, and the error names those that compete for a device.
  - A run that fails undoes what it did for all owners. If a run was killed, the next one undoes its work.
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
  claims:
    description:
      - An entry for each owner, with the devices that it wants. V([]) means that nobody wants a device.
      - An error about one entry begins with that entry, as in V(claims[1] (db1\)).
      - O(group_members), O(allow), O(attach), O(managed), O(persist), O(require_reset) and O(on_mismatch) of the task
        apply to each entry that does not set its own.
    type: list
    elements: dict
    required: true
    suboptions:
      domain:
        description:
          - Name or UUID of the libvirt domain that gets the devices.
          - Each entry has either this or O(claims[].owner), and no two entries are for the same one.
        type: str
      owner:
        description: A free name for whoever gets the devices, for use without a domain.
        type: str
      requests:
        description:
          - The requests, with the same keys as O(kvm.hostdev.pci_passthrough_claim#module:requests).
          - Requests of the owner that are not named here stay, unless O(purge) gives them back.
          - With O(purge) a request that only has another name than before keeps its devices. A running guest notices
            nothing.
        type: list
        elements: raw
        required: true
      numa_cells:
        description: As O(kvm.hostdev.pci_passthrough_claim#module:numa_cells).
        type: list
        elements: int
      ensure_root_ports:
        description: As O(kvm.hostdev.pci_passthrough_claim#module:ensure_root_ports).
        type: int
      labels:
        description: As O(kvm.hostdev.pci_passthrough_claim#module:labels), for this owner.
        type: dict
      constraints:
        description: As O(kvm.hostdev.pci_passthrough_claim#module:constraints), for requests of this owner.
        type: list
        elements: raw
      prefer:
        description: As O(kvm.hostdev.pci_passthrough_claim#module:prefer), for requests of this owner.
        type: list
        elements: raw
      group_members:
        description: As O(group_members), for this owner.
        type: raw
      allow:
        description: As O(allow), for this owner.
        type: list
        elements: str
      attach:
        description: As O(attach), for this owner.
        type: list
        elements: str
        choices: [config, live]
      managed:
        description: As O(managed), for this owner.
        type: bool
      persist:
        description: As O(persist), for this owner.
        type: bool
      require_reset:
        description: As O(require_reset), for this owner.
        type: bool
      on_mismatch:
        description: As O(on_mismatch), for this owner.
        type: str
        choices: [fail, replace]
  constraints:
    description:
      - What the devices of several owners must share, or must not share, written as
        O(kvm.hostdev.pci_passthrough_claim#module:constraints). Each request is written as C(OWNER/REQUEST), such as
        V(web1/gpu). The owner is written as in O(claims), or as the UUID of its domain.
      - They may also name requests on record that O(claims) does not have. These keep their devices.
      - They stay on record with the claim of each owner in O(claims), and are removed in the same way as constraints of
        one owner.
    type: list
    elements: raw
  prefer:
    description:
      - Wishes for the devices of several owners, written as O(constraints). They come after the wishes of each owner.
    type: list
    elements: raw
  purge:
    description:
      - Whether to give back the devices of requests and of owners that O(claims) no longer names.
      - Only requests that an earlier run of this module claimed are given back. Requests that were claimed with
        M(kvm.hostdev.pci_passthrough_claim) or M(kvm.hostdev.pci_adopt) stay, even if O(claims) has named them since.
        RV(undeclared) lists those that stay in this way.
      - Without O(purge) a device only goes back because of a smaller C(count) or of O(on_mismatch). RV(stale) lists
        what a purge would give back.
    type: bool
    default: false
  orphans:
    description: Whether to give back all devices of domains that no longer exist, whoever claimed them.
    type: bool
    default: false
  device_spec:
    description: The allow list of the host, as O(kvm.hostdev.pci_passthrough_claim#module:device_spec).
    type: list
    elements: raw
  aliases:
    description: Device specs with a C(name), as O(kvm.hostdev.pci_passthrough_claim#module:aliases).
    type: list
    elements: raw
    default: []
  limits:
    description:
      - As O(kvm.hostdev.pci_passthrough_claim#module:limits). All owners of the task count together. Devices that go
        back in the task do not count.
    type: list
    elements: raw
  group_members:
    description: As O(kvm.hostdev.pci_passthrough_claim#module:group_members).
    type: raw
    default: refuse
  allow:
    description: As O(kvm.hostdev.pci_passthrough_claim#module:allow).
    type: list
    elements: str
    default: []
  attach:
    description: As O(kvm.hostdev.pci_passthrough_claim#module:attach).
    type: list
    elements: str
    choices: [config, live]
    default: [config, live]
  managed:
    description: As O(kvm.hostdev.pci_passthrough_claim#module:managed).
    type: bool
    default: true
  persist:
    description: As O(kvm.hostdev.pci_passthrough_claim#module:persist).
    type: bool
  require_reset:
    description: As O(kvm.hostdev.pci_passthrough_claim#module:require_reset).
    type: bool
    default: false
  on_mismatch:
    description: As O(kvm.hostdev.pci_passthrough_claim#module:on_mismatch).
    type: str
    choices: [fail, replace]
    default: fail
seealso:
  - module: kvm.hostdev.pci_passthrough_claim
  - module: kvm.hostdev.pci_passthrough_release
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Make the host's claims what the inventory says
  become: true
  kvm.hostdev.pci_passthrough:
    purge: true
    device_spec:
      - {vendor_id: "10de", class: "0302"}
      - {vendor_id: "8086", product_id: "10ca"}
    aliases:
      - {name: a100, vendor_id: "10de", product_id: "20b5", device_type: type-PF}
    claims:
      - domain: train1
        requests:
          - {name: gpu, alias: a100, count: 2, numa_policy: required}
        attach: [config]
      - domain: web1
        requests:
          - {name: nic, specs: [{vendor_id: "8086", product_id: "10ca"}]}
        persist: true
      - owner: dpdk0
        requests:
          - {name: port, address: "0000:81:00.0"}

- name: Give each of two domains a GPU with the NIC beside it, and the two of them on different NUMA nodes
  become: true
  kvm.hostdev.pci_passthrough:
    claims:
      - domain: web1
        requests: &gpu_and_nic
          - {name: gpu, specs: ["10de:2330"]}
          - {name: nic, specs: ["15b3:1021"]}
        constraints: &side_by_side
          - {requests: [gpu, nic], match: pcie_switch}
      - domain: web2
        requests: *gpu_and_nic
        constraints: *side_by_side
    constraints:
      - {requests: [web1/gpu, web2/gpu], distinct: numa_node}

- name: Let no domain have more than two GPUs, and all domains of the tests no more than four until the fair is over
  become: true
  kvm.hostdev.pci_passthrough:
    claims: "{{ hostdev_claims }}"
    aliases:
      - {name: a100, vendor_id: "10de", product_id: "20b5"}
    limits:
      - {alias: a100, most: 2, per: owner}
      - {owners: "test-*", alias: a100, most: 4, until: "2026-12-04T18:00:00+01:00"}

- name: Give back all that the inventory ever named, and what domains hold that no longer exist
  become: true
  kvm.hostdev.pci_passthrough:
    claims: []
    purge: true
    orphans: true
"""

RETURN = r"""
msg:
  description: What was done for each owner, or in check mode what would be done, in one line.
  returned: always
  type: str
  sample: >-
    db1: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci, attached to definition and guest | no longer named, and
    kept without a purge: dpdk0: port | not named, and kept since it was claimed otherwise: web1: disk
owners:
  description:
    - The owners of the task, with what each holds now, or in check mode would hold.
    - Owners that give devices back come first, then the others in the order of O(claims).
  returned: success
  type: list
  elements: dict
  contains:
    owner:
      description: The owner, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner).
      type: dict
    changed:
      description: Whether anything was changed for it.
      type: bool
    msg:
      description: What was done for it, or in check mode what would be done, in one line.
      type: str
    devices:
      description: The PCI functions that it holds now, as RV(kvm.hostdev.pci_passthrough_claim#module:devices).
      type: list
      elements: dict
    node_devices:
      description:
        - The USB and SCSI devices that it holds now, as RV(kvm.hostdev.pci_passthrough_claim#module:node_devices).
      type: list
      elements: dict
    pairs:
      description: Its pairs, as RV(kvm.hostdev.pci_passthrough_claim#module:pairs).
      type: list
      elements: dict
    met:
      description: How far its wishes were met, as RV(kvm.hostdev.pci_passthrough_claim#module:met).
      type: list
      elements: dict
    alternative:
      description: The alternatives that serve it, as RV(kvm.hostdev.pci_passthrough_claim#module:alternative).
      type: dict
    given_back:
      description: The addresses and names of the devices that it no longer holds.
      type: list
      elements: str
  sample:
    - owner: {kind: domain, id: 0d4ba7e8-1f6f-4f0b-9a35-7e6f6a0a5c11, label: db1}
      changed: true
      msg: "db1: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci, attached to definition and guest"
      devices:
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
      node_devices: []
      given_back: []
      pairs: []
      met: []
      alternative: {}
pairs:
  description: As RV(kvm.hostdev.pci_passthrough_claim#module:pairs), for O(constraints) and O(prefer).
  returned: success
  type: list
  elements: dict
  sample:
    - requests: [web1/gpu, db1/nic]
      match: pcie_switch
      pair: true
      devices: [["0000:19:00.0", "0000:1a:00.0"]]
met:
  description: As RV(kvm.hostdev.pci_passthrough_claim#module:met), for the wishes in O(prefer).
  returned: success
  type: list
  elements: dict
  sample:
    - {requests: [web1/gpu, web2/gpu], distinct: numa_node, met: 1, of: 1}
search:
  description: As RV(kvm.hostdev.pci_passthrough_claim#module:search), for all owners together.
  returned: success
  type: str
  sample: complete
stale:
  description:
    - Requests that an earlier run of this module claimed and that O(claims) no longer names, each C(request) with its
      C(owner), as in RV(owners[].owner).
    - Empty with O(purge), which gives their devices back.
  returned: success
  type: list
  elements: dict
  contains:
    owner:
      description: The owner, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner).
      type: dict
    request:
      description: The name of the request.
      type: str
  sample:
    - {owner: {kind: name, id: dpdk0, label: dpdk0}, request: port}
undeclared:
  description:
    - Requests on record that O(claims) does not name and that no earlier run of this module claimed, in the form of
      RV(stale). They stay, with or without O(purge).
    - Add them to O(claims) to manage them with this module, or give them back with
      M(kvm.hostdev.pci_passthrough_release).
  returned: success
  type: list
  elements: dict
  sample:
    - {owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}, request: disk}
plan:
  description:
    - The steps taken for all owners, or in check mode the steps to take, in their order, as
      RV(kvm.hostdev.pci_passthrough_claim#module:plan).
  returned: success
  type: list
  elements: dict
  sample:
    - kind: driver
      address: "0000:01:10.0"
      before: {driver: igbvf, driver_override: null}
      after: {driver: vfio-pci, driver_override: vfio-pci}
stopped:
  description: The domains that were stopped hard, see O(on_detach_timeout). They are shut off now.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description:
    - Why the task failed. C(code) is stable, the other texts are for people and may change.
    - C(subject) begins with the entry of O(claims) and its owner, as V(claims[1] (db1\)). An owner without an entry,
      which gives devices back, is C(domain db1) with its UUID, or C(owner dpdk0).
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
    owners:
      description: The labels of the owners that compete, first the one that got nothing.
      type: list
      elements: str
      returned: for V(owners_compete)
    unserved:
      description: The error of the owner that got nothing, in the form of this one.
      type: dict
      returned: for V(owners_compete)
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
    code: owners_compete
    subject: claims[1] (db1) and claims[0] (web1)
    found: >-
      web1 gets 0000:01:10.0, and then for db1: held by domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02)
      (0000:01:10.0, asked for by request nic)
    wanted: devices for all of them
    remedy: ask for fewer, or for other devices, for one of them; alone db1 would get 0000:01:10.0
    owners: [db1, web1]
    unserved:
      code: device_blocked
      subject: 0000:01:10.0, asked for by request nic
      found: held by domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02)
      wanted: a device that nothing keeps with the host and that is free
      remedy: release it from domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02) with
        `kvm.hostdev.pci_passthrough_release`; or ask for another device
      blockers: []
      refused: {"0000:01:10.0": held by domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02)}
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.options import (
    ALLOW_LIST_OPTIONS,
    CHANGE_OPTIONS,
    REQUEST_OPTIONS,
    TERMS_OPTIONS,
    TOGETHER_OPTIONS,
    without_defaults,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import RECORDING_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    find_binding(module)
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.passthrough import passthrough

    return passthrough(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                **CHANGE_OPTIONS,
                **RECORDING_OPTIONS,
                **ALLOW_LIST_OPTIONS,
                **TERMS_OPTIONS,
                **TOGETHER_OPTIONS,
                "claims": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": {
                        "domain": {"type": "str"},
                        "owner": {"type": "str"},
                        **REQUEST_OPTIONS,
                        **without_defaults(TERMS_OPTIONS),
                    },
                },
                "purge": {"type": "bool", "default": False},
                "orphans": {"type": "bool", "default": False},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
