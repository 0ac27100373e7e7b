#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_passthrough
short_description: Make all claims of a host what its data says, and give back what that no longer names
version_added: 0.1.0
description:
  - Sees to it that each owner that O(claims) names holds the devices that its requests ask for, as
    M(kvm.hostdev.pci_passthrough_claim) does for one owner. The host is read once, owners are decided on together,
    and all of it is done or none.
  - First what goes back does, of every owner, then each gets its own, in the order of O(claims). So a device may go
    from one owner to another in one task. It stays bound on the way.
  - Where not all owners can be served, nothing is changed, and the error names those that compete for a device.
  - A run that fails undoes what it did for all owners, and so does the next run for one that was killed.
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._host
  - kvm.hostdev._host.change
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  claims:
    description:
      - What each owner wants. An owner is named once.
      - What an entry leaves out of the options below O(device_spec) and O(aliases) is as for the whole task.
    type: list
    elements: dict
    required: true
    suboptions:
      domain:
        description: Name or UUID of the libvirt domain that gets the devices. This or O(claims[].owner) is needed.
        type: str
      owner:
        description: A free name for whoever gets the devices, for use without a domain.
        type: str
      requests:
        description:
          - The requests, with all keys that O(kvm.hostdev.pci_passthrough_claim#module:requests) has.
          - Requests of the owner that are not named here stay, unless O(purge) gives them back.
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
  purge:
    description:
      - Whether to give back the requests that O(claims) no longer names, and all of owners that it no longer names.
      - Only what an earlier run of this module claimed is given back. What others claimed, with
        M(kvm.hostdev.pci_passthrough_claim) or M(kvm.hostdev.pci_adopt), stays, also where O(claims) named it since.
      - Without it RV(stale) tells what would be given back.
    type: bool
    default: false
  orphans:
    description: Whether to give back all that domains hold which no longer exist, whoever claimed it.
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

- name: Give back all that the inventory ever named, and what domains hold that no longer exist
  become: true
  kvm.hostdev.pci_passthrough:
    claims: []
    purge: true
    orphans: true
"""

RETURN = r"""
msg:
  description: One line that says what was done for whom, or in check mode would be.
  returned: success
  type: str
  sample: "web1: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci, attached to definition | 2 owners as before"
owners:
  description: The owners that the task was about, those that give something back first, with what each holds now.
  returned: success
  type: list
  elements: dict
  contains:
    owner:
      description: The owner, by its kind, id and label.
      type: dict
    changed:
      description: Whether anything was changed for it.
      type: bool
    msg:
      description: What was done for it, in one line.
      type: str
    devices:
      description: The PCI functions that it holds now, as RV(kvm.hostdev.pci_passthrough_claim#module:devices).
      type: list
      elements: dict
    node_devices:
      description: The USB and SCSI devices that it holds now.
      type: list
      elements: dict
    given_back:
      description: The addresses and names of what it held and no longer does.
      type: list
      elements: str
  sample:
    - owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}
      changed: true
      msg: "web1: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci, attached to definition and guest"
      devices:
        - address: "0000:01:10.0"
          request: nic
          role: requested
          adopted: false
          attach: [config, live]
          original: {driver: igbvf, driver_override: null}
      node_devices: []
      given_back: ["0000:01:10.2"]
stale:
  description: What an earlier run of this module claimed and O(claims) no longer names, while O(purge) is false.
  returned: success
  type: list
  elements: dict
  sample:
    - {owner: web1, request: disk}
plan:
  description: The steps taken for all owners, or in check mode the steps to take, in their order.
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
    - Why nothing was done, as RV(kvm.hostdev.pci_passthrough_claim#module:error). C(subject) begins with the owner.
    - Of owners that compete it has C(owners), their labels, and C(unserved), the error of the one that got nothing.
  returned: failure
  type: dict
  sample:
    code: owners_compete
    subject: db1 and web1
    found: >-
      web1 gets 0000:01:10.0, and then for db1: 0 of 1 device is free (request nic)
    wanted: devices for all of them
    remedy: "ask for fewer, or for other devices, for one of them; alone db1 would get 0000:01:10.0"
    owners: [db1, web1]
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.options import (
    ALLOW_LIST_OPTIONS,
    CHANGE_OPTIONS,
    REQUEST_OPTIONS,
    TERMS_OPTIONS,
    without_defaults,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
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
                **ALLOW_LIST_OPTIONS,
                **TERMS_OPTIONS,
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
                    "mutually_exclusive": [("domain", "owner")],
                    "required_one_of": [("domain", "owner")],
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
