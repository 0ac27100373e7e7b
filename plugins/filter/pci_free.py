# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chooses the devices of the facts that are free."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import read_facts
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.holding import free

DOCUMENTATION = r"""
name: pci_free
short_description: Choose PCI functions that could be claimed
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns the PCI functions that anybody could claim without any consent, as they were when the facts were gathered.
positional: _input, specs
options:
  _input:
    description: The facts of a host or a list of its devices, see O(kvm.hostdev.pci_fits#filter:_input).
    type: raw
    required: true
  specs:
    description: Returns only functions that fit one of these device specs, see O(kvm.hostdev.pci_fits#filter:specs).
    type: raw
seealso:
  - module: kvm.hostdev.pci_facts
  - plugin: kvm.hostdev.pci_claimable
    plugin_type: test
"""

EXAMPLES = r"""
- name: Show free functions
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev | kvm.hostdev.pci_free | map(attribute='address') }}"

- name: Stop where no 3D controller is free on NUMA node 1
  ansible.builtin.assert:
    that: ansible_facts.hostdev | kvm.hostdev.pci_free({'class':'0302', 'numa_node':1}) | length > 0
"""

RETURN = r"""
_value:
  description: The functions, with the same fields as in the facts.
  type: list
  elements: dict
  sample:
    - {address: "0000:01:10.0", capability: pci, vendor_id: "8086", product_id: 10ca, claimable: true}
"""


@answers("pci_free")
def pci_free(facts: t.Any, specs: t.Any = None) -> list[dict[str, t.Any]]:
    return free(read_facts(facts), specs)


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pci_free": pci_free}
