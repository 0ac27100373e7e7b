#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_arguments
short_description: Put arguments on the kernel's command line, and take exactly these out again
version_added: 1.0.0
description:
  - Makes the kernel get arguments such as C(intel_iommu=on) at its next boots, whichever boot loader the host has. This
    includes kernels that are installed later. The module never reboots the host; RV(reboot_needed) says whether a
    reboot is needed.
  - The module notes its changes in C(/etc/kvm.hostdev/kernel_arguments.json). With O(state=absent) it takes all of them
    out by these notes, and files are byte for byte what they were. An argument that somebody else had put in before
    stays.
  - If the boot loader reads additional files, the module writes a file of its own. Otherwise it edits the existing
    files, and changes only the arguments in them. Each file is replaced as a whole, in such an order that the host
    boots after a power cut at any moment. The next run goes on from there. A run that fails undoes what it did.
  - If somebody has edited a file in between, O(state=absent) takes only the argument out of it, and the rest stays.
extends_documentation_fragment:
  - kvm.hostdev._attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written, and the diff is that of the real run. To read partitions that C(proxmox-boot-tool) keeps
        unmounted, the module mounts them read-only, in a way that no other process sees.
  diff_mode:
    support: full
    details:
      - The diff has each edited file. Files that a program generates from them, such as C(grub.cfg), are only in
        RV(files).
  idempotent:
    support: full
options:
  arguments:
    description:
      - The arguments, each as an entry of its own. They may have letters, digits and C(_.,:=/@+-).
      - A C(hugepages=) right after a C(hugepagesz=) belongs to it, and the two are kept together.
      - With O(state=absent) these are the arguments to take out, among those that this module put in. An empty list
        takes all of them out.
    type: list
    elements: str
    default: []
  state:
    description:
      - Whether the kernel shall have the arguments.
      - V(present) adds to what earlier tasks put in. See O(exclusive).
      - V(absent) takes out only what this module has put in.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Whether to take out arguments that earlier tasks put in and that O(arguments) does not have.
    type: bool
    default: false
  contradictions:
    description:
      - What to do about an argument from somebody else that contradicts one of O(arguments), as C(intel_iommu=off)
        contradicts C(intel_iommu=on). The values C(off), C(0), C(n), C(no) and C(false) contradict values that switch
        something on, C(nopt) contradicts C(pt), and C(iommu=off) contradicts C(intel_iommu) and C(amd_iommu). Other
        arguments of the same name, such as a second C(console=), are no contradiction.
      - For huge pages the kernel takes the first argument. So another C(default_hugepagesz=) and another number of
        pages of the same size are contradictions too. If O(arguments) has a C(default_hugepagesz=), a C(hugepages=)
        without a size is one as well, since its pages would get that size.
      - With V(refuse) the task fails, and names the argument and its file. The kernel takes the last of two such
        arguments, so a second one could override what somebody wanted.
      - V(replace) replaces the argument with the one in O(arguments). O(state=absent) puts the old one back.
    type: str
    choices: [refuse, replace]
    default: refuse
  lock_timeout:
    description:
      - How many seconds to wait for another run of this module on the same host to end.
    type: int
    default: 60
notes:
  - The boot loaders are C(rpm-ostree), C(proxmox-boot-tool) (systemd-boot and GRUB, each of its partitions), those of
    SUSE (C(grub2), and C(grub2-bls) and C(systemd-boot) with C(sdbootutil)), unified kernel images, systemd-boot with
    C(kernel-install), GRUB with entries of the Boot Loader Specification (RHEL, Fedora), and GRUB with a generated
    C(grub.cfg), on Debian and Ubuntu with a file of our own in C(/etc/default/grub.d), elsewhere in
    C(/etc/default/grub). The module looks at what the host boots with, not at what is installed. With any other boot
    loader the task fails and says what it looked at.
  - C(grub.cfg) is generated beside the old one, checked, and put into its place only if each kernel of the host has the
    arguments and has lost no argument that others gave it. The module calls no tool that overwrites the kernels or
    initramfs images that the host boots with.
  - With unified kernel images an addon of our own is built with C(ukify). If the image's stub knows no addons (systemd
    before 254), or Secure Boot is on and C(/etc/kernel/uki.conf) has no keys, new images are built from
    C(/etc/kernel/cmdline) beside the old ones. The partition needs the space for both.
  - The kernel passes everything after a lone C(--) on its command line to init. The module puts arguments before the
    C(--), and ignores those after it. With C(rpm-ostree), which can only append, a line with C(--) is an error.
  - Entries and images of another system on the same partition are left alone, if they say which system they belong to.
    An addon applies to all unified kernel images of its partition.
  - On SUSE the entries of the running snapshot get the arguments. An older snapshot boots with the arguments that it
    had.
  - With C(rpm-ostree) the arguments are in a new deployment. If an update is pending, the reboot activates it too.
  - AMD's IOMMU needs no argument. C(amd_iommu=on) has no effect, because Linux knows no such value.
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
seealso:
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Switch the IOMMU of Intel on
  become: true
  kvm.hostdev.kernel_arguments:
    arguments: [intel_iommu=on, iommu=pt]
  register: kernel

- name: Reboot, if that is wanted
  become: true
  ansible.builtin.reboot:
  when: kernel.reboot_needed

- name: Switch it on where an image has it off, and say what would be changed
  become: true
  kvm.hostdev.kernel_arguments:
    arguments: [intel_iommu=on]
    contradictions: replace
  check_mode: true
  diff: true

- name: Have these huge pages, and none that an earlier task asked for
  become: true
  kvm.hostdev.kernel_arguments:
    arguments: [intel_iommu=on, default_hugepagesz=1G, hugepagesz=1G, hugepages=16]
    exclusive: true

- name: Take one argument out again
  become: true
  kvm.hostdev.kernel_arguments:
    arguments: [iommu=pt]
    state: absent

- name: Take out all that was put in
  become: true
  kvm.hostdev.kernel_arguments:
    state: absent
"""

RETURN = r"""
msg:
  description: What was done, or in check mode what would be done, in one line.
  returned: always
  type: str
  sample: intel_iommu=on, iommu=pt written (grub_debian); a reboot is needed
loader:
  description:
    - The boot loader. Null if it is unknown and there was nothing to put in or take out.
    - One of V(rpm_ostree), V(proxmox_boot_tool), V(suse_grub), V(suse_sdbootutil), V(unified_kernel_image),
      V(systemd_boot), V(grub_bls), V(grub_debian), V(grub).
  returned: success
  type: str
  sample: grub_debian
files:
  description: The files that were changed or generated, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [/etc/default/grub.d/zz-kvm-hostdev.cfg, /boot/grub/grub.cfg]
present:
  description: Those of O(arguments) that are in effect in the running kernel.
  returned: success
  type: list
  elements: str
  sample: [iommu=pt]
reboot_needed:
  description:
    - Whether the arguments that were put in or taken out differ between the running kernel's command line and that of
      the next boot. Of those that O(state=absent) without O(arguments), or O(exclusive), takes out, only the run that
      does so knows.
  returned: success
  type: bool
  sample: true
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
    undo_failed:
      description: Why the changes could not be undone.
      type: str
      returned: where the undo failed
  sample:
    code: argument_contradicted
    subject: /etc/default/grub
    found: intel_iommu=off against intel_iommu=on in /etc/default/grub
    wanted: "no argument of somebody else's that takes back what is asked for: the last one wins"
    remedy: take it out of the file, or set contradictions=replace to have it replaced until state=absent
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot.kernel_arguments import kernel_arguments

    return kernel_arguments(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                "arguments": {"type": "list", "elements": "str", "default": []},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "exclusive": {"type": "bool", "default": False},
                "contradictions": {"type": "str", "choices": ["refuse", "replace"], "default": "refuse"},
                "lock_timeout": {"type": "int", "default": 60},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
