# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the forms of AWX offer, from facts."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.choices import choices
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers

DOCUMENTATION = r"""
name: form_choices
short_description: List the domains, devices and hosts that a form offers
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Makes the choices of the forms in AWX from the facts of hosts. The playbook C(kvm.hostdev.awx_choices) puts them
    into the surveys, with P(kvm.hostdev.form_survey#filter).
  - A choice has at most 128 characters, all of them letters, digits or C(._:@-). Other names are left out, and
    RV(_value.left_out) lists them.
  - Devices are the names of O(aliases), then models of which some host has a device that is free or held. A model is
    written as C(10de:20b2@A100-SXM4), or for virtual functions as C(8086:10ca@type-VF@82576-Virtual-Function). The
    name is for people.
positional: _input
options:
  _input:
    description:
      - The variables of each host by the host's name, such as C(hostvars). The filter reads C(ansible_facts.hostdev) of
        each.
    type: dict
    required: true
  hosts:
    description: Names of the hosts to look at. By default these are all hosts.
    type: list
    elements: str
  tenant:
    description:
      - What a tenant may name, with the lists C(domains), C(hosts) and C(devices). Without a list nothing is left out.
      - All C(domains) are choices, even a domain that is on no host yet. C(hosts) and C(devices) are choices if the
        facts have them. A model is named by its ids, with or without its type.
    type: dict
  aliases:
    description: The aliases of the hosts, see O(kvm.hostdev.pci_passthrough_claim#module:aliases).
    type: list
    elements: raw
seealso:
  - plugin: kvm.hostdev.form_survey
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what a form could offer a tenant
  ansible.builtin.debug:
    msg: "{{ hostvars | kvm.hostdev.form_choices(hosts=groups['kvm_hosts'], tenant=blue) }}"
  vars:
    blue:
      domains: [web1, web2]
      hosts: [kvm2, kvm3]
      devices: ["10de:20b2"]
"""

RETURN = r"""
_value:
  description: The choices, by the variable of their question.
  type: dict
  contains:
    form_domain:
      description: Names of domains.
      type: list
      elements: str
      sample: [web1, web2]
    form_device:
      description: Aliases, then models.
      type: list
      elements: str
      sample: [a100, "10de:20b2@A100-SXM4"]
    form_host:
      description: Names of hosts.
      type: list
      elements: str
      sample: [kvm2, kvm3]
    left_out:
      description: The names that were left out, each with the host that has it.
      type: list
      elements: str
      sample: ["kvm2: domain 'web 3'"]
"""


@answers("form_choices")
def form_choices(known: t.Any, hosts: t.Any = None, tenant: t.Any = None, aliases: t.Any = None) -> dict[str, t.Any]:
    """See the documentation of the filter."""
    return choices(known, hosts, tenant, aliases)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"form_choices": form_choices}
