# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts the free devices of the facts by what they are."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import read_facts
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.holding import free_pools

DOCUMENTATION = r"""
name: pci_pools
short_description: Count free PCI functions by model and place
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns the pools of the PCI functions that could be claimed, in the form of C(pools) in the facts.
  - C(pools) in the facts count all devices. Use this filter to count only some devices, or for facts without C(pools).
positional: _input, specs
options:
  _input:
    description:
      - The facts of a host or a list of its devices, see O(kvm.hostdev.pci_fits#filter:_input). With a list of devices,
        values that the list does not tell are null, such as C(parent_ifname) if the physical function is not in the
        list.
    type: raw
    required: true
  specs:
    description: Counts only functions that fit one of these device specs, see O(kvm.hostdev.pci_fits#filter:specs).
    type: raw
seealso:
  - module: kvm.hostdev.pci_facts
  - plugin: kvm.hostdev.rank_hosts
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show how many network functions are free by model
  ansible.builtin.debug:
    msg: "{{ item.vendor_id }}:{{ item.product_id }} {{ item.count }}"
  loop: "{{ ansible_facts.hostdev | kvm.hostdev.pci_pools({'class': '02'}) }}"
"""

RETURN = r"""
_value:
  description: The pools, see RV(kvm.hostdev.pci_facts#module:ansible_facts.hostdev.pools).
  type: list
  elements: dict
  sample:
    - vendor_id: "8086"
      product_id: 10ca
      class: "020000"
      device_type: type-VF
      numa_node: 0
      pcie_root: pci0000:00
      pcie_switches: []
      memory: 16384
      link_speed: 2.5
      link_width: 4
      total_vfs: 0
      iommu_group_size: 1
      physical_function: "0000:01:00.0"
      parent_ifname: enp1s0f0
      remote_managed: false
      count: 4
"""


@answers("pci_pools")
def pci_pools(facts: t.Any, specs: t.Any = None) -> list[dict[str, t.Any]]:
    return free_pools(read_facts(facts), specs)


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pci_pools": pci_pools}
