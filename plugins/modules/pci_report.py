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
    wide. Devices that are free to claim come first, counted by model and NUMA node.
  - With O(hosts), O(html), O(json) or O(csv) it reports on many hosts. It then shows a line for each of them, and
    writes the files on the controller. Use C(run_once) for such a task.
  - Connects to no host. It uses facts of this run or cached ones, so it can also show hosts that are down.
  - Facts without C(devices), or with only some of their fields, count as missing.
extends_documentation_fragment:
  - kvm.hostdev._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: For files larger than Ansible's setting C(MAX_FILE_SIZE_FOR_DIFF) the diff only says that they differ.
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
      - The names of the hosts in the overview and the files. By default these are all hosts of the play, including
        those that could not be reached.
      - A host without facts is marked as such, in the result and in each file. It is an error if no host has facts, and
        if the inventory does not have a name.
    type: list
    elements: str
  note:
    description: A text that is added to the head of a host's table, for example that the facts are from an earlier run.
    type: str
  html:
    description:
      - Writes a page for browsers to this path on the controller. It needs no other file and no network.
      - The page says when it was written. If nothing else would change, the file is left as it is.
    type: path
  json:
    description:
      - Writes a JSON document for programs to this path on the controller. Its keys are described in R(the guide,
        ansible_collections.kvm.hostdev.docsite.guide_report.json).
    type: path
  csv:
    description:
      - Writes a table for spreadsheets to this path on the controller, with a row for each PCI function that is no
        bridge. Its columns are described in R(the guide, ansible_collections.kvm.hostdev.docsite.guide_report.csv).
    type: path
notes:
  - The table is printed if results are printed by Ansible's callback C(default), also with C(result_format=yaml), or by
    a callback that is based on it, such as AWX's. Others, such as C(minimal), C(oneline) and C(ansible.posix.json),
    print only the result.
  - Each file is written with mode 0644, and only if its content differs. Its folder must exist.
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
  description: The printed lines.
  returned: success
  type: list
  elements: str
  sample:
    - "kvm1: 3 of 12 functions free; 2 held; drift 0"
    - "  kernel 6.12.48+deb13-amd64; IOMMU on: dmar0; libvirt 11.3.0 (QEMU 10.0.3); 1 claim"
files:
  description: The files of O(html), O(json) and O(csv), whether they changed or not.
  returned: success
  type: list
  elements: str
  sample: [/srv/www/hostdev.html, /srv/www/hostdev.csv]
without_facts:
  description: The hosts without facts.
  returned: success
  type: list
  elements: str
  sample: [kvm3]
"""
