# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells whether somebody holds a device of the facts."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers, wrong
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import kind_of, read_device
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.holding import claimed

DOCUMENTATION = r"""
name: pci_claimed
short_description: Whether somebody holds a PCI function
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Whether an owner on record held the function when the facts were gathered. It is false for devices that are no PCI
    functions, and for a device that a domain has without a claim.
positional: _input, owner
options:
  _input:
    description: A device of C(ansible_facts.hostdev.devices), as M(kvm.hostdev.pci_facts) returns it.
    type: dict
    required: true
  owner:
    description: Asks whether this owner holds it. Give the name or UUID of the domain, or the free name of the owner.
    type: str
seealso:
  - plugin: kvm.hostdev.pci_claimable
    plugin_type: test
"""

EXAMPLES = r"""
- name: Show what owners hold
  ansible.builtin.debug:
    msg: "{{ item.address }}: {{ item.owner.label }}"
  loop: "{{ ansible_facts.hostdev.devices | select('kvm.hostdev.pci_claimed') }}"
  loop_control:
    label: "{{ item.address }}"

- name: Show what dpdk0 holds
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev.devices | select('kvm.hostdev.pci_claimed', 'dpdk0') | map(attribute='address') }}"
"""

RETURN = r"""
_value:
  description: Whether somebody, or O(owner), holds it.
  type: bool
  sample: true
"""


@answers("pci_claimed")
def pci_claimed(device: t.Any, owner: t.Any = None) -> bool:
    if owner is not None and not (isinstance(owner, str) and owner.strip()):
        raise wrong("owner", f"found {kind_of(owner)}", "the name of an owner", "give owner.label of a device or claim")
    return claimed(read_device(device), owner)


class TestModule:
    """Ansible's entry."""

    def tests(self) -> dict[str, t.Callable[..., bool]]:
        return {"pci_claimed": pci_claimed}
