# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chooses devices of the facts by device specs."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import read_facts
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.fitting import Functions, read_some_specs

DOCUMENTATION = r"""
name: pci_fits
short_description: Choose PCI functions by device specs
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns the PCI functions that fit a device spec, or one of several, whoever has them, in the order of their
    addresses.
  - An unknown key is an error. So is a key whose value the facts do not have, such as C(driver) if they were gathered
    without that field.
positional: _input, specs
options:
  _input:
    description:
      - C(ansible_facts.hostdev) of a host, as M(kvm.hostdev.pci_facts) returns it, or a mapping that has it, such as
        C(ansible_facts), a registered result or C(hostvars['kvm1']), or a list of its devices.
      - With a list of devices, specs can't have C(devname), C(parent_ifname), C(iommu_group_size), C(link_speed),
        C(link_width) and C(remote_managed).
    type: raw
    required: true
  specs:
    description:
      - One device spec or a list of them, written as in
        O(kvm.hostdev.pci_passthrough_claim#module:requests[].specs). Tags do not count.
      - C(serial) is compared with the serial number in the facts.
    type: raw
    required: true
seealso:
  - module: kvm.hostdev.pci_facts
  - plugin: kvm.hostdev.pci_query
    plugin_type: filter
  - plugin: kvm.hostdev.pci_free
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the virtual functions of the interface enp1s0
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev | kvm.hostdev.pci_fits({'parent_ifname': 'enp1s0'}) | map(attribute='address') }}"

- name: Show NVMe disks that are not in use
  ansible.builtin.debug:
    msg: "{{ ansible_facts | kvm.hostdev.pci_fits([{'class': '0108'}]) | kvm.hostdev.pci_free
      | map(attribute='product_name') }}"
"""

RETURN = r"""
_value:
  description: The functions, with the same fields as in the facts.
  type: list
  elements: dict
  sample:
    - {address: "0000:01:10.0", capability: pci, vendor_id: "8086", product_id: 10ca, claimable: true}
"""


@answers("pci_fits")
def pci_fits(facts: t.Any, specs: t.Any) -> list[dict[str, t.Any]]:
    return Functions(read_facts(facts)).fitting(read_some_specs(specs))


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pci_fits": pci_fits}
