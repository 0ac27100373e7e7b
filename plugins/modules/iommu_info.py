#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iommu_info
short_description: Whether firmware and kernel are ready to give devices to guests, and what is missing
version_added: 1.0.0
description:
  - Says whether the host's IOMMU is on, judged by its effect and not by an argument. If it is off, there is a line for
    each thing that is missing, with what to do about it.
  - Says which arguments the kernel needs for the IOMMU on this platform.
  - Never changes the host.
extends_documentation_fragment:
  - kvm.hostdev._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  identity:
    description:
      - Whether RV(recommended_arguments) shall also let the host's own devices bypass the translation of addresses. The
        argument for that is C(iommu=pt), on arm64 C(iommu.passthrough=1). Giving devices to guests does not need it.
    type: bool
    default: false
notes:
  - Some of the firmware's tables can only be read by root. Without root the values from them are C(null).
seealso:
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: See what the host needs
  become: true
  kvm.hostdev.iommu_info:
  register: iommu

- name: Say what is missing
  ansible.builtin.debug:
    var: iommu.missing
"""

RETURN = r"""
msg:
  description: Whether the IOMMU is on, and how much is missing, in one line.
  returned: always
  type: str
  sample: "intel: the IOMMU is off: the kernel's command line has intel_iommu=off; take that away; 1 thing missing"
platform:
  description: Whose IOMMU it is, by the firmware's tables, or without these by the processor.
  returned: success
  type: str
  choices: [intel, amd, arm64, other]
  sample: intel
machine:
  description: The architecture, by the kernel's name for it.
  returned: success
  type: str
  sample: x86_64
virtual:
  description: Whether the host is itself a guest.
  returned: success
  type: bool
  sample: false
enabled:
  description: Whether the IOMMU is on.
  returned: success
  type: bool
  sample: false
reason:
  description: Why it is on or off, as in RV(kvm.hostdev.pci_facts#module:ansible_facts.hostdev.host.iommu_reason).
  returned: success
  type: str
  sample: "off: the kernel's command line has intel_iommu=off; take that away"
firmware:
  description: What the firmware describes.
  returned: success
  type: dict
  contains:
    tables:
      description: Which of the ACPI tables C(DMAR), C(IVRS) and C(IORT) exist.
      type: list
      elements: str
      sample: [DMAR]
    iommu:
      description: Whether it describes the platform's IOMMU. C(null) if it may do so in another way, such as a device
        tree.
      type: bool
      sample: true
    interrupt_remapping:
      description: Whether its table C(DMAR) has interrupt remapping. C(null) without the table, and without root.
      type: bool
      sample: true
    opt_in:
      description:
        - Whether its table C(DMAR) asks for protection from outer ports, which makes Linux switch the IOMMU on even if
          that is not its default. C(null) without the table, and without root.
      type: bool
      sample: false
kernel:
  description: What the running kernel has.
  returned: success
  type: dict
  contains:
    release:
      description: Its release.
      type: str
      sample: 6.12.57+deb13-amd64
    on_by_default:
      description:
        - Whether it switches the IOMMU on without an argument. C(null) if its configuration is neither in C(/boot) nor
          in C(/lib/modules).
      type: bool
      sample: true
    arguments:
      description: The words of its command line.
      type: list
      elements: str
      sample: ["root=/dev/vda2", ro, intel_iommu=off]
    contradictions:
      description:
        - The arguments that keep the IOMMU or interrupt remapping off.
      type: list
      elements: dict
      contains:
        argument:
          description: The argument.
          type: str
        files:
          description: The boot loader's files in which it was found.
          type: list
          elements: str
      sample:
        - argument: intel_iommu=off
          files: [/etc/default/grub]
units:
  description: The IOMMUs that the kernel started.
  returned: success
  type: list
  elements: str
  sample: [dmar0]
group_types:
  description:
    - How many IOMMU groups have each type of translation, in the kernel's words. C(identity) means no translation for
      the host's own use of a device.
  returned: success
  type: dict
  sample: {DMA-FQ: 12}
interrupt_remapping:
  description: Whether interrupts go through the IOMMU. C(null) if that is not known, such as on machines other than
    x86.
  returned: success
  type: bool
  sample: true
lockdown:
  description: The kernel's lockdown, V(none), V(integrity) or V(confidentiality). C(null) if the kernel has no
    lockdown.
  returned: success
  type: str
  sample: none
virtualization:
  description: What the host has to run guests.
  returned: success
  type: dict
  contains:
    flag:
      description: The processor's flag V(vmx) or V(svm). C(null) if it shows neither.
      type: str
      sample: vmx
    kvm:
      description: Whether there is C(/dev/kvm).
      type: bool
      sample: true
recommended_arguments:
  description:
    - The arguments that the kernel's command line should have. C(intel_iommu=on) is only among them if it is needed,
      C(amd_iommu=on) never, because Linux knows no such value.
  returned: success
  type: list
  elements: str
  sample: [intel_iommu=on]
missing:
  description: A line for each thing that is missing, with what to do. Empty if nothing is missing.
  returned: success
  type: list
  elements: str
  sample:
    - "the IOMMU is off: the kernel's command line has intel_iommu=off (from /etc/default/grub); take that away"
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
    code: invalid_option
    subject: this task
    found: "Unsupported parameters for (kvm.hostdev.iommu_info) module: ident. Supported parameters include: identity."
    wanted: ""
    remedy: ""
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot.iommu_info import iommu_info

    return iommu_info(module)


def main() -> None:
    run(
        Module(argument_spec={"identity": {"type": "bool", "default": False}}, supports_check_mode=True),
        work,
    )


if __name__ == "__main__":
    main()
