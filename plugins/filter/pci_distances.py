# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells how far functions of the facts are apart, each from each."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import read_facts
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.places import all_apart

DOCUMENTATION = r"""
name: pci_distances
short_description: Say how far several PCI functions are apart from each other
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns the same as C(nvidia-smi topo -m) prints, but for any PCI functions, whatever their drivers.
positional: _input, specs
options:
  _input:
    description: The facts of a host or a list of its devices, see O(kvm.hostdev.pci_distance#filter:_input).
    type: raw
    required: true
  specs:
    description: Compares the functions that fit one of these device specs, see O(kvm.hostdev.pci_fits#filter:specs).
    type: raw
    required: true
seealso:
  - plugin: kvm.hostdev.pci_distance
    plugin_type: filter
  - plugin: kvm.hostdev.pci_fits
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show how far GPUs are from each other, and from the interface enp1s0
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev | kvm.hostdev.pci_distances([{'class': '0302'}, {'devname': 'enp1s0'}]) }}"
"""

RETURN = r"""
_value:
  description:
    - For each function, by its address, a mapping from the addresses of all functions to the word for the distance. See
      RV(kvm.hostdev.pci_distance#filter:_value.distance) for the words.
  type: dict
  sample:
    "0000:07:00.0": {"0000:07:00.0": SAME, "0000:0c:00.0": PXB, "0000:e1:00.0": SYS}
    "0000:0c:00.0": {"0000:07:00.0": PXB, "0000:0c:00.0": SAME, "0000:e1:00.0": SYS}
    "0000:e1:00.0": {"0000:07:00.0": SYS, "0000:0c:00.0": SYS, "0000:e1:00.0": SAME}
"""


@answers("pci_distances")
def pci_distances(facts: t.Any, specs: t.Any) -> dict[str, dict[str, str | None]]:
    return all_apart(read_facts(facts), specs)


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pci_distances": pci_distances}
