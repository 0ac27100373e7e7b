#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_report
short_description: Show which PCI devices of a host are free, who holds the others, and why the rest stays
version_added: 1.0.0
description:
  - Shows the facts that M(kvm.hostdev.pci_facts) gathered as a table, right under the task and at most 120 columns
    wide. What is free to claim comes first, counted by model and NUMA node.
  - With O(hosts), O(html), O(json) or O(csv) it is about many hosts. It then shows a line for each of them, and writes
    the files on the controller. Let such a task run once.
  - Connects to no host. Facts of this run and cached ones will do, those of hosts that are down as well.
  - Facts without C(devices), or with some of their fields alone, count as none.
extends_documentation_fragment:
  - kvm.hostdev._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Of files larger than the setting C(MAX_FILE_SIZE_FOR_DIFF) only that they differ.
  idempotent:
    support: full
  platform:
    support: full
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the
      controller.
    support: full
    details: All of it runs on the controller.
options:
  hosts:
    description:
      - The names of the hosts that the overview and the files are about. By default these are all hosts of the play,
        those that could not be reached among them.
      - A host without facts is named as such, in the result and in each file. That none has facts is an error, and so
        is a name that the inventory does not have.
    type: list
    elements: str
  note:
    description: What the head of a host's table says besides, such as that the facts are earlier ones.
    type: str
  html:
    description:
      - Writes a page for browsers to this path of the controller. It needs no other file and no network.
      - The page says when it was written. Where nothing else would change it is left as it is.
    type: path
  json:
    description:
      - Writes a document for programs to this path. Its shape is kept, see
        R(the guide, ansible_collections.kvm.hostdev.docsite.guide_report.json).
    type: path
  csv:
    description:
      - Writes a table for spreadsheets to this path, with a row for each PCI function that is no bridge. Its columns
        are in R(the guide, ansible_collections.kvm.hostdev.docsite.guide_report.csv).
    type: path
notes:
  - The table is printed where Ansible's callback C(default) prints the results, or one that is made of it, such as
    AWX's; with C(result_format=yaml) too. Others, such as C(minimal), C(oneline) and C(ansible.posix.json), print what
    is returned and nothing beside it.
  - Each file is written whole, with the mode 0644, and only where its content differs. Its folder must be there.
seealso:
  - module: kvm.hostdev.pci_facts
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Gather the devices
  become: true
  kvm.hostdev.pci_facts:

- name: Show which are free
  kvm.hostdev.pci_report:

- name: Write a page and a table of all hosts
  kvm.hostdev.pci_report:
    html: hostdev.html
    csv: hostdev.csv
  run_once: true

- name: See two hosts beside each other, by cached facts
  kvm.hostdev.pci_report:
    hosts: [kvm1, kvm2]
  run_once: true
"""

RETURN = r"""
msg:
  description: What is free, how many functions are held, and how much drift there is, on one line.
  returned: always
  type: str
  sample: "3 of 12 functions free: 2 x 10de:20b2 A100 SXM4 80GB (node 0: 1, node 1: 1), 1 x 8086:10ca 82576 Virtual
    Function (node 0: 1); 2 held; drift 0"
lines:
  description: What was shown, line by line.
  returned: success
  type: list
  elements: str
  sample:
    - "kvm1: 3 of 12 functions free; 2 held; drift 0"
    - "  kernel 6.12.48+deb13-amd64; IOMMU on: dmar0; libvirt 11.3.0 (QEMU 10.0.3); 1 claim"
files:
  description: The files that were asked for, whether they changed or not.
  returned: success
  type: list
  elements: str
  sample: [/srv/www/hostdev.html, /srv/www/hostdev.csv]
without_facts:
  description: The hosts of which there are no facts.
  returned: success
  type: list
  elements: str
  sample: [kvm3]
"""
