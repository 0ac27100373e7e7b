#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vfio_modules
short_description: Have the kernel's VFIO modules loaded when the host boots
version_added: 1.0.0
description:
  - Sees to it that VFIO is loaded at boot, before drivers of the host where that is asked for, and in the initramfs
    where that is asked for.
  - Which modules there are is read from the lists of every installed kernel, never told from a version. A module that
    one kernel lacks is loaded for none of them, since it would fail the loading of modules there, or the making of its
    initramfs.
  - Writes files of its own only, C(/etc/modules-load.d/kvm-hostdev.conf), C(/etc/modprobe.d/kvm-hostdev.conf), and for
    an initramfs C(/etc/initramfs-tools/hooks/kvm-hostdev), C(/etc/dracut.conf.d/kvm-hostdev.conf) or
    C(/etc/mkinitcpio.conf.d/kvm-hostdev.conf). With O(state=absent) just these are removed. A file of such a name that
    the module has not made is refused, and left as it is.
  - The initramfs of all kernels is made anew by the host's own tool when what goes into it has changed. A run that was
    cut off before that leaves a note in C(/etc/kvm.hostdev), by which the next one makes up for it.
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
      - V(present) has the files as the other options say, V(absent) removes them.
    type: str
    choices: [present, absent]
    default: present
  modules:
    description:
      - The modules to load. Each must be one of all installed kernels.
      - Empty stands for C(vfio_pci) and what gives it an IOMMU on this architecture, as far as they are not built in.
        C(vfio_virqfd) need never be named, since C(vfio_pci) draws it in where it is a module of its own.
    type: list
    elements: str
    default: []
  softdeps:
    description:
      - Drivers of the host, such as C(nvme) or C(igb), before which C(vfio-pci) is to be loaded. It takes part in the
        driver's loading then, with its parameters, and takes no device by that.
      - It must be in the same stage of the boot as the driver. Where that is in the initramfs, O(initramfs) must be
        set.
    type: list
    elements: str
    default: []
  options:
    description:
      - Parameters of C(vfio_pci). What is left out is not set. C(ids) is not among them, since it takes every device of
        a kind, and claims do without.
    type: dict
    suboptions:
      disable_denylist:
        description: Whether devices that are known to do harm may be given away too.
        type: bool
      disable_idle_d3:
        description: Whether devices that nobody uses stay powered.
        type: bool
      disable_vga:
        description: Whether access to the ports and memory of VGA is kept from guests.
        type: bool
      enable_sriov:
        description: Whether VFs may be made of a PF while it is with C(vfio-pci).
        type: bool
      nointxmask:
        description: Whether devices whose legacy interrupt can't be masked are taken to be such without a test.
        type: bool
  initramfs:
    description:
      - Whether VFIO, with the settings above, is to be in the initramfs and loaded there.
      - The generator is found by what the host has, which is initramfs-tools, dracut or mkinitcpio.
    type: bool
    default: false
  lock_timeout:
    description:
      - How many seconds to wait for another run of this module on the same host to end.
    type: int
    default: 60
notes:
  - The host's initramfs is never left half written by C(update-initramfs), nor by dracut, which makes a file beside the
    old one here. C(mkinitcpio) writes over the old image, so that a power cut at that moment leaves a kernel that
    can't boot with it.
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
  description: What was done, in one line, or in check mode would be.
  returned: always
  type: str
  sample: VFIO at boot written (/etc/modules-load.d/kvm-hostdev.conf)
files:
  description: The files that are there for it, or would be.
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
      description: What makes it, V(initramfs_tools), V(dracut) or V(mkinitcpio); C(null) where it did not matter.
      type: str
      sample: dracut
    rebuilt:
      description: Whether it was made anew, or would be.
      type: bool
      sample: true
kernels:
  description:
    - By the release of each installed kernel, which of the modules of VFIO it has as V(module), as V(builtin), or not
      (V(missing)).
  returned: success
  type: dict
  sample:
    6.12.57+deb13-amd64: {vfio: module, vfio_pci: module, vfio_pci_core: module, vfio_iommu_type1: module,
                          vfio_iommu_spapr_tce: missing, vfio_virqfd: missing}
reboot_needed:
  description:
    - Whether softdeps, parameters or the initramfs changed since the host was booted, which acts from its next boot on.
      That VFIO is not loaded yet needs no reboot, since a claim loads it.
  returned: success
  type: bool
  sample: false
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
