#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_arguments
short_description: Have arguments on the kernel's command line, and take exactly them out again
version_added: 1.0.0
description:
  - Sees to it that the kernel gets arguments such as C(intel_iommu=on) at its next boots, those of kernels that are
    installed later included, whichever boot loader the host has. It never reboots, RV(reboot_needed) says whether that
    is to be done.
  - What it did is kept in C(/etc/kvm.hostdev/kernel_arguments.json). With O(state=absent) everything is taken out by
    that, without being told what it was, and files are byte for byte what they were. An argument that was there
    already, by somebody else's hand, stays there.
  - Files are edited in place, no byte more than the arguments, or are files of our own where the loader reads such
    ones. Each is replaced as a whole, in an order in which the host boots after a power cut at any moment. The next run
    goes on from there. A run that fails undoes what it did.
  - The argument of a file that somebody edited meanwhile is taken out of it, and the rest stays.
extends_documentation_fragment:
  - kvm.hostdev._attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written, and the diff is that of the run. Partitions that C(proxmox-boot-tool) keeps unmounted are
        mounted read-only for that, where no other process sees it.
  diff_mode:
    support: full
    details:
      - Of each file that is edited. What a program generates of them, such as C(grub.cfg), is in RV(files) only.
  idempotent:
    support: full
options:
  arguments:
    description:
      - The arguments, each an entry of its own, of letters, digits and C(_.,:=/@+-) alone.
      - A C(hugepages=) that comes right after a C(hugepagesz=) goes with it, and the two are kept together.
      - With O(state=absent) those to take out, of those that this module put in. An empty list is all of them.
    type: list
    elements: str
    default: []
  state:
    description:
      - Whether the arguments are to be there.
      - V(present) adds to what earlier tasks put in. See O(exclusive).
      - V(absent) takes out what this module has put in, and nothing else.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Also take out what earlier tasks put in and O(arguments) does not have.
    type: bool
    default: false
  contradictions:
    description:
      - What to do about an argument of somebody else's that takes back what is asked for, as C(intel_iommu=off) does
        C(intel_iommu=on). C(off), C(0), C(n), C(no) and C(false) are against what switches on, C(nopt) against C(pt),
        and C(iommu=off) against C(intel_iommu) and C(amd_iommu). Other arguments of the same name, such as a second
        C(console=), are no contradiction.
      - Of huge pages the kernel takes the first word. So another C(default_hugepagesz=), another number of pages of the
        same size, and a C(hugepages=) without a size where one is asked for by C(default_hugepagesz=), of which these
        pages would be then, are against it too.
      - V(refuse) fails, and names the argument and the file that it stands in. Of two the kernel takes the last one,
        so that to add another would only be in somebody's way.
      - V(replace) puts what is asked for in its place. O(state=absent) puts the old one back there.
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
    C(grub.cfg), on Debian and Ubuntu by a file of our own in C(/etc/default/grub.d), elsewhere in C(/etc/default/grub).
    What a host boots with decides, not what is installed. Any other one is an error that says what was looked at.
  - C(grub.cfg) is generated beside the old one, checked, and put into its place only when each kernel of the host has
    the arguments, and has lost no word that others gave it. Tools that write kernels or initramfs images over those
    that boot are not called.
  - With unified kernel images an addon of our own is built with C(ukify). Where the image's stub knows no addons
    (systemd before 254), or Secure Boot is on and C(/etc/kernel/uki.conf) has no keys, images are built anew from
    C(/etc/kernel/cmdline) beside the old ones, for which the partition needs the space.
  - What follows a lone C(--) on a command line the kernel gives to init. Arguments are put before it, and what stands
    behind it is not there. Where only appending is possible, with C(rpm-ostree), such a line is an error.
  - Entries and images of another system on the same partition are left alone, where they say whose they are. An addon
    counts for all unified kernel images of its partition.
  - Of SUSE's snapshots the running one's entries get the arguments. An older one boots with what it had.
  - With C(rpm-ostree) the arguments are in a new deployment. Where an update is pending, the reboot brings that too.
  - The IOMMU of AMD needs no argument, and C(amd_iommu=on) is none.
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
  description: What was done, in one line, or in check mode would be.
  returned: always
  type: str
  sample: intel_iommu=on, iommu=pt written (grub_debian); a reboot is needed
loader:
  description:
    - The boot loader. Null where nothing was to be put in or taken out, and it is an unknown one.
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
  description: Those of O(arguments) that the running kernel was booted with, and goes by.
  returned: success
  type: list
  elements: str
  sample: [iommu=pt]
reboot_needed:
  description:
    - Whether the next boot's command line says other things than the running kernel's, of what is asked for or taken
      out. After O(state=absent) without O(arguments) only the run that takes them out knows.
  returned: success
  type: bool
  sample: true
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
    undo_failed:
      description: Why what was done could not be undone.
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
