# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells how far two functions of the facts are apart."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import read_facts
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.places import apart

DOCUMENTATION = r"""
name: pci_distance
short_description: Say how far two PCI functions are apart
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns how far two PCI functions of a host are apart in the kernel's tree, in the words of C(nvidia-smi topo), and
    how many bridges are between them. The order of the two does not matter.
  - For many functions at once use P(kvm.hostdev.pci_distances#filter).
positional: _input, one, other
options:
  _input:
    description:
      - The facts of a host or a list of its devices, see O(kvm.hostdev.pci_fits#filter:_input).
      - If the kernel does not tell the NUMA nodes, but C(host) in the facts has a single node, two functions below
        different roots are on that node. A list of devices does not have C(host).
    type: raw
    required: true
  one:
    description: The address of one function.
    type: str
    required: true
  other:
    description: The address of the other function.
    type: str
    required: true
seealso:
  - plugin: kvm.hostdev.pci_distances
    plugin_type: filter
  - module: kvm.hostdev.pci_facts
"""

EXAMPLES = r"""
- name: Show how far the network card is from a GPU
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev | kvm.hostdev.pci_distance('0000:01:00.0', '0000:3b:00.0') }}"
"""

RETURN = r"""
_value:
  description: How far they are apart.
  type: dict
  contains:
    distance:
      description:
        - V(SAME) means in one slot, V(PIX) through at most one switch, V(PXB) through several switches and no root
          port, V(PHB) below one PCIe root, V(NODE) below different roots on one NUMA node, V(SYS) on different NUMA
          nodes.
        - Null if a NUMA node that matters, or the way to one of the functions, is not known.
      type: str
      returned: always
      sample: PXB
    bridges:
      description: How many bridges are between them. Null if the way leads out of the tree, or is not known.
      type: int
      returned: always
      sample: 4
"""


@answers("pci_distance")
def pci_distance(facts: t.Any, one: t.Any, other: t.Any) -> dict[str, t.Any]:
    found = apart(read_facts(facts), one, other)
    return {"distance": found.kind, "bridges": found.bridges}


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pci_distance": pci_distance}
