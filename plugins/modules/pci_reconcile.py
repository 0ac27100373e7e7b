#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_reconcile
short_description: Bring VFs, drivers and domain definitions back to the record
version_added: 1.0.0
description:
  - Brings the host back to its record. It makes the VFs of M(kvm.hostdev.pci_sriov) with their settings, binds claimed
    devices to VFIO, and puts them into the domains that M(kvm.hostdev.pci_passthrough_claim) attached them to.
  - It chooses no new devices and takes no others. If a device has another address since the last boot, it is found by
    its serial number or its path through the bridges, and the record and the definition of its domain follow. Another
    device in its place is never bound.
  - If a device can't be brought back, the others still are. At its end the task fails, and names each such device with
    the reason.
  - In check mode it is an audit, which changes nothing and does not fail. See RV(not_restored).
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
  persistent:
    description:
      - Whether to bring back only those claims and VFs that come back at boot, see
        O(kvm.hostdev.pci_passthrough_claim#module:persist).
    type: bool
    default: false
seealso:
  - module: kvm.hostdev.pci_passthrough_claim
  - module: kvm.hostdev.pci_sriov
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Bring the host back to its record
  become: true
  kvm.hostdev.pci_reconcile:

- name: See what differs, and change nothing
  become: true
  kvm.hostdev.pci_reconcile:
  check_mode: true
  diff: true
  register: audit

- name: Fail where there is any difference
  ansible.builtin.assert:
    that:
      - audit is not changed
      - not audit.not_restored
"""

RETURN = r"""
msg:
  description:
    - What was done, in one line, with C(|) between owners. In check mode it says what the task C(would change).
  returned: always
  type: str
  sample: "web1: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci"
moved:
  description: The current addresses of devices that have moved, by their addresses on record.
  returned: success
  type: dict
  sample: {"0000:02:00.0": "0000:03:00.0"}
not_restored:
  description:
    - The devices and PFs that could not be brought back, or in check mode that can't be.
  returned: success, or failure after some could not be brought back
  type: list
  elements: dict
  contains:
    address:
      description: A device, or a PF whose VFs were made.
      type: str
    owner:
      description: Who holds it, as RV(kvm.hostdev.pci_passthrough_claim#module:claim.owner). Null for a PF.
      type: dict
    code:
      description: A stable word for the reason.
      type: str
    reason:
      description: The reason, with what to do.
      type: str
  sample:
    - address: "0000:02:00.0"
      owner: {kind: domain, id: 6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02, label: web1}
      code: not_restored
      reason: "0000:02:00.0: there is no such device on the host; wanted 144d:a808 at 0000_00_1c.4-00_00.0, which domain
        web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02) holds. Put it back, or release 0000:02:00.0 and claim another one."
pfs:
  description: The PFs whose VFs are on record, as they are afterwards.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: The PF's PCI address.
      type: str
    number:
      description: How many VFs it has.
      type: int
    changed:
      description: Whether the PF or its VFs were changed.
      type: bool
  sample:
    - address: "0000:01:00.0"
      number: 4
      changed: true
plan:
  description:
    - The steps taken, or in check mode the steps to take, as RV(kvm.hostdev.pci_passthrough_claim#module:plan).
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
    - Why the first device could not be brought back, or why nothing was done. C(code) is stable, the other texts are
      for people and may change.
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
    code: not_restored
    subject: "0000:02:00.0"
    found: there is no such device on the host
    wanted: 144d:a808 at 0000_00_1c.4-00_00.0, which owner dpdk0 holds
    remedy: put it back, or release 0000:02:00.0 and claim another one
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.options import CHANGE_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import RECORDING_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    find_binding(module)
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.reconcile import reconcile

    return reconcile(module)


def main() -> None:
    run(
        Module(
            argument_spec={**CHANGE_OPTIONS, **RECORDING_OPTIONS, "persistent": {"type": "bool", "default": False}},
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
