# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells whether a device of the facts could be claimed."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import read_device
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.holding import claimable

DOCUMENTATION = r"""
name: pci_claimable
short_description: Whether a PCI function could be claimed
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Whether anybody could claim the function without any consent when the facts were gathered. It is false for devices
    that are no PCI functions, since facts do not say this about them.
options:
  _input:
    description: A device of C(ansible_facts.hostdev.devices), as M(kvm.hostdev.pci_facts) returns it.
    type: dict
    required: true
seealso:
  - plugin: kvm.hostdev.pci_free
    plugin_type: filter
  - plugin: kvm.hostdev.pci_claimed
    plugin_type: test
"""

EXAMPLES = r"""
- name: Show what a claim could take
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev.devices | select('kvm.hostdev.pci_claimable') | map(attribute='address') }}"
"""

RETURN = r"""
_value:
  description: Whether it could be claimed.
  type: bool
  sample: true
"""


@answers("pci_claimable")
def pci_claimable(device: t.Any) -> bool:
    return claimable(read_device(device))


class TestModule:
    """Ansible's entry."""

    def tests(self) -> dict[str, t.Callable[..., bool]]:
        return {"pci_claimable": pci_claimable}
