# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chooses hosts by the free devices in their records."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability import placement

DOCUMENTATION = r"""
name: rank_hosts
short_description: Rank hosts by the devices that are free on them
version_added: 0.1.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns the hosts on which enough devices are free, the best one first.
  - The best host is the one with the fewest free devices, as with OpenStack Nova. So hosts with many free devices keep
    them for those who want many. Among equal hosts the order is the one of their names.
positional: _input
options:
  _input:
    description:
      - The pools of each host, by the host's name. These are C(pools) of the facts or of the record, see
        M(kvm.hostdev.pci_facts).
    type: dict
    required: true
  wanted:
    description:
      - Values that a pool must have to count, such as C(vendor_id), C(product_id), C(class), C(device_type) and
        C(numa_node). With several entries a pool must have all the values of one of them. Without any all pools count.
    type: list
    elements: dict
    default: []
  count:
    description: How many devices must be free.
    type: int
    default: 1
seealso:
  - module: kvm.hostdev.pci_facts
"""

EXAMPLES = r"""
# All hosts have been gathered from: the records are among their local facts.
- name: Choose a host with two free virtual functions
  ansible.builtin.set_fact:
    target: "{{ pools | kvm.hostdev.rank_hosts(wanted=[{'product_id': '10ca', 'device_type': 'type-VF'}], count=2)
      | first }}"
  vars:
    names: "{{ groups['kvm_hosts'] }}"
    pools: "{{ dict(names | zip(names | map('extract', hostvars, ['ansible_facts', 'ansible_local', 'hostdev',
      'pools']))) }}"
"""

RETURN = r"""
_value:
  description: Names of the hosts on which enough devices are free, the best one first.
  type: list
  elements: str
"""


def rank_hosts(pools: t.Any, wanted: t.Sequence[t.Mapping[str, t.Any]] = (), count: int = 1) -> list[str]:
    """Check the input and rank."""
    if not isinstance(pools, t.Mapping):
        raise AnsibleFilterError(f"rank_hosts: found {type(pools).__name__}, wanted the pools of each host by its name")
    for host, host_pools in pools.items():
        if not isinstance(host_pools, (list, tuple)) or not all(isinstance(pool, t.Mapping) for pool in host_pools):
            raise AnsibleFilterError(f"rank_hosts: what is given for {host} are no pools: gather its facts first")
    try:
        return placement.rank_hosts(pools, wanted, int(count))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnsibleFilterError(f"rank_hosts: {type(error).__name__}: {error}") from error


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"rank_hosts": rank_hosts}
