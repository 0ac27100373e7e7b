#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vfio_modules
short_description: Load the kernel's VFIO modules when the host boots
version_added: 1.0.0
description:
  - Makes the host load VFIO at boot. With O(softdeps) it is loaded before drivers of the host, and with O(initramfs) in
    the initramfs.
  - Which modules exist is read from the lists of every installed kernel, not guessed from a version. If one kernel
    lacks a module, it is loaded for no kernel, since loading it, or making the initramfs, would fail for that kernel.
  - Writes only files of its own, C(/etc/modules-load.d/kvm-hostdev.conf), C(/etc/modprobe.d/kvm-hostdev.conf), and for
    an initramfs C(/etc/initramfs-tools/hooks/kvm-hostdev), C(/etc/dracut.conf.d/kvm-hostdev.conf) or
    C(/etc/mkinitcpio.conf.d/kvm-hostdev.conf). O(state=absent) removes exactly these. If somebody else made a file with
    such a name, the task fails and leaves the file as it is.
  - When the content of the initramfs changes, the host's own tool makes it again for all kernels. If a run is
    interrupted before that, it leaves a note in C(/etc/kvm.hostdev), and the next run does it.
extends_documentation_fragment:
  - kvm.hostdev._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) writes the files as the other options say, V(absent) removes them.
    type: str
    choices: [present, absent]
    default: present
  modules:
    description:
      - The modules to load. All installed kernels must have each of them.
      - An empty list means C(vfio_pci) and the module that connects it to the IOMMU on this architecture, unless they
        are built in. C(vfio_virqfd) need not be named, since C(vfio_pci) loads it if it is a separate module.
    type: list
    elements: str
    default: []
  softdeps:
    description:
      - Drivers of the host, such as C(nvme) or C(igb), before which C(vfio-pci) is loaded. C(vfio-pci) is then loaded
        with its parameters whenever the driver is. It takes no device by that.
      - It must be in the same stage of the boot as the driver. If the driver is in the initramfs, O(initramfs) must be
        set.
    type: list
    elements: str
    default: []
  options:
    description:
      - Parameters of C(vfio_pci). Those that are left out are not set. C(ids) is not possible, since it takes every
        device of a kind, and claims do not need it.
    type: dict
    suboptions:
      disable_denylist:
        description: Whether devices that are known to be unsafe may be given away too.
        type: bool
      disable_idle_d3:
        description: Whether devices that nobody uses stay powered.
        type: bool
      disable_vga:
        description: Whether guests get no access to the ports and memory of VGA.
        type: bool
      enable_sriov:
        description: Whether VFs may be made on a PF while it is bound to C(vfio-pci).
        type: bool
      nointxmask:
        description: Whether C(vfio-pci) assumes, without a test, that the legacy interrupt of devices can't be masked.
        type: bool
  initramfs:
    description:
      - Whether VFIO, with these settings, is put into the initramfs and loaded there.
      - The module finds out which generator the host has, initramfs-tools, dracut or mkinitcpio.
    type: bool
    default: false
  lock_timeout:
    description:
      - How many seconds to wait for another run of this module on the same host to end.
    type: int
    default: 60
notes:
  - C(update-initramfs) and C(dracut) write the new initramfs beside the old one, so a power cut leaves a whole one.
    C(mkinitcpio) overwrites the old image, so a power cut at that moment leaves an image that the kernel can't boot
    with.
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
seealso:
  - module: kvm.hostdev.iommu_info
  - module: kvm.hostdev.pci_passthrough_claim
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Have VFIO loaded at boot
  become: true
  kvm.hostdev.vfio_modules:

- name: Have VFIO loaded before the driver of NVMe disks, which is in the initramfs
  become: true
  kvm.hostdev.vfio_modules:
    softdeps: [nvme]
    options:
      disable_idle_d3: true
    initramfs: true

- name: Take that back
  become: true
  kvm.hostdev.vfio_modules:
    state: absent
"""

RETURN = r"""
msg:
  description: What was done, or in check mode what would be done, in one line.
  returned: always
  type: str
  sample: VFIO at boot written (/etc/modules-load.d/kvm-hostdev.conf)
files:
  description: The files on the host for this, or in check mode the files that would be there.
  returned: success
  type: list
  elements: str
  sample: [/etc/modules-load.d/kvm-hostdev.conf]
initramfs:
  description: What was done to the initramfs.
  returned: success
  type: dict
  contains:
    generator:
      description: The program that makes it, V(initramfs_tools), V(dracut) or V(mkinitcpio). C(null) if none was
        needed.
      type: str
      sample: dracut
    rebuilt:
      description: Whether it was made again, or in check mode would be.
      type: bool
      sample: true
kernels:
  description:
    - For each installed kernel, by its release, whether it has each VFIO module as V(module), as V(builtin), or not
      (V(missing)).
  returned: success
  type: dict
  sample:
    6.12.57+deb13-amd64: {vfio: module, vfio_pci: module, vfio_pci_core: module, vfio_iommu_type1: module,
                          vfio_iommu_spapr_tce: missing, vfio_virqfd: missing}
reboot_needed:
  description:
    - Whether softdeps, parameters or the initramfs have changed since the host was booted. These changes take effect at
      the next boot. If VFIO is just not loaded yet, no reboot is needed, since a claim loads it.
  returned: success
  type: bool
  sample: false
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
    code: program_failed
    subject: update-initramfs -u -k all
    found: "exit status 1: no space left on device"
    wanted: that it succeeds
    remedy: run it by hand and see what it lacks, then run the task again
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot.vfio_modules import vfio_modules

    return vfio_modules(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "modules": {"type": "list", "elements": "str", "default": []},
                "softdeps": {"type": "list", "elements": "str", "default": []},
                "options": {
                    "type": "dict",
                    "options": {
                        "disable_denylist": {"type": "bool"},
                        "disable_idle_d3": {"type": "bool"},
                        "disable_vga": {"type": "bool"},
                        "enable_sriov": {"type": "bool"},
                        "nointxmask": {"type": "bool"},
                    },
                },
                "initramfs": {"type": "bool", "default": False},
                "lock_timeout": {"type": "int", "default": 60},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
