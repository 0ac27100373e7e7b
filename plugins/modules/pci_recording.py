#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_recording
short_description: Record a host's devices in one file, for bug reports and to rehearse claims elsewhere
version_added: 1.0.0
description:
  - Writes one compressed file with everything that M(kvm.hostdev.pci_facts), and modules that change a host in check
    mode, read. This is what sysfs says about PCI functions, IOMMU groups, USB and SCSI devices, what each is used for
    now, libvirt's node devices and domains, and the record C(hostdev.fact).
  - With O(kvm.hostdev.pci_facts#module:recording) facts can be gathered from the file. In check mode also modules that
    claim, release or adopt devices or make VFs can work with it, with
    O(kvm.hostdev.pci_passthrough_claim#module:recording) and the like.
  - Serial numbers, MAC addresses, world wide names, UUIDs, IP addresses and names are replaced in the file, each by the
    same replacement everywhere. PCI addresses, models, drivers and the names of requests stay.
  - Only known elements and attributes of domains' definitions go into the file. It never has a password, title,
    description, metadata or file name of a disk, even with O(anonymous=false).
  - The file does not have the open files of processes, mounts and addresses. It only has what these show about the use
    of devices. Unknown files are left out.
  - The form of the file is one JSON document, compressed with gzip. C(tree) has the host's files that were read. In it
    a folder is an object by names, a text is a file with that text, null is something that exists and was not read,
    C(["link", TARGET]) is a link, and C(["bytes", HEX]) is a file that is no text. C(uses), C(part_uses), C(vf_states),
    C(pf_states), C(vf_makers), C(binders), C(libvirt) and C(record) have the answers that do not come from a file.
  - Writing the file is the only change on the host. The module reads only what M(kvm.hostdev.pci_facts), or a claim or
    M(kvm.hostdev.pci_sriov) in check mode, reads too.
extends_documentation_fragment:
  - kvm.hostdev._attributes
  - kvm.hostdev._attributes.actiongroup_pci
  - kvm.hostdev._host
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each run writes the file again, since a host is never quite the same.
options:
  dest:
    description:
      - The file to write. Only its owner may read it (mode 0600). An existing file is replaced.
    type: path
    required: true
  anonymous:
    description:
      - Whether serial numbers, names and addresses are replaced in the file.
      - With V(false) you can rehearse claims with the real names of domains. Do not give such a file to others.
    type: bool
    default: true
  libvirt:
    description:
      - Whether libvirt is asked for node devices and domains.
      - With V(auto) the recording is made without libvirt if it or its Python binding is missing.
      - With V(required) the task fails without libvirt. With V(none) libvirt is not asked.
    type: str
    choices: [auto, required, none]
    default: auto
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
  - libvirt's Python binding (C(python3-libvirt)) for the system's Python, to read domains and node devices
seealso:
  - ref: ansible_collections.kvm.hostdev.docsite.guide_rehearsal
    description: How to record a host, and how to rehearse on the recording.
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Record the host
  kvm.hostdev.pci_recording:
    dest: /root/kvm1.recording.json.gz

- name: Fetch it to the controller
  ansible.builtin.fetch:
    src: /root/kvm1.recording.json.gz
    dest: recordings/kvm1.recording.json.gz
    flat: true

- name: Show what a claim would do there, without the host
  kvm.hostdev.pci_passthrough_claim:
    recording: "{{ playbook_dir }}/recordings/kvm1.recording.json.gz"
    owner: rehearsal
    requests:
      - {name: gpu, specs: ["10de:20b5"], count: 2}
  delegate_to: localhost
  check_mode: true
"""

RETURN = r"""
msg:
  description: What was recorded, in one line.
  returned: always
  type: str
  sample: "recorded: 68 PCI functions and 3 domains in 32 kB"
dest:
  description: The file that was written.
  returned: success
  type: str
  sample: /root/kvm1.recording.json.gz
size:
  description: Its size in bytes.
  returned: success
  type: int
  sample: 31745
functions:
  description: How many PCI functions the host has.
  returned: success
  type: int
  sample: 68
domains:
  description: How many domains are in it.
  returned: success
  type: int
  sample: 3
anonymous:
  description: Whether serial numbers, names and addresses are replaced.
  returned: success
  type: bool
  sample: true
libvirt_reason:
  description: Why libvirt could not be asked; empty when it could.
  returned: success
  type: str
  sample: ""
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
    code: no_libvirt
    subject: libvirt at qemu:///system
    found: "Failed to connect socket to '/var/run/libvirt/virtqemud-sock': No such file or directory"
    wanted: a connection
    remedy: see whether libvirtd or virtqemud runs on the host, and that the task runs as root
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import find_binding
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import HOST_OPTIONS
from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    if module.params["libvirt"] != "none":
        find_binding(module)
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.recording import recording

    return recording(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                **HOST_OPTIONS,
                "dest": {"type": "path", "required": True},
                "anonymous": {"type": "bool", "default": True},
                "libvirt": {"type": "str", "choices": ["auto", "required", "none"], "default": "auto"},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
