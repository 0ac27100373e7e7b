# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the facts by JMESPath."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers, wrong
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.facts import kind_of, read_facts
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.language import search
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.plain import plain

DOCUMENTATION = r"""
name: pci_query
short_description: Query the facts of a host with JMESPath
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Evaluates a JMESPath expression over the facts of a host, gathered or cached.
  - The facts are first turned into plain values, so that each function of JMESPath works with each version of
    ansible-core.
  - An unknown field at any depth, a field that was not gathered, an unknown function, and a comparison that can never
    be true are errors. JMESPath itself would give an empty answer.
  - Besides JMESPath's own functions there are the following.
  - V(fits(devices, spec\)) returns the PCI functions of a list that fit a device spec or one of a list of specs. Given
    a single device, as in V(devices[?fits(@, `{"class":"0302"}`\)]), it says whether this one fits. Specs are written
    as for P(kvm.hostdev.pci_fits#filter).
  - V(free(devices\)) returns the functions of a list that could be claimed. Given a single device, it says whether this
    one could be claimed.
  - V(sort_addresses(items\)) sorts addresses, or devices by their addresses, in the order of the numbers.
  - V(device('3b:00.0'\)) is the device with this address in any spelling, or with this name. It is an error if there is
    none.
  - V(var('name'\)) is a value that was given to the filter by this name.
positional: _input, expression
requirements:
  - jmespath (Python library, on the controller)
options:
  _input:
    description:
      - The facts of a host, see O(kvm.hostdev.pci_fits#filter:_input). The expression applies to
        C(ansible_facts.hostdev), so it begins for example with C(devices).
      - With a list of devices it applies to the list, so it begins with C([]).
    type: raw
    required: true
  expression:
    description: The JMESPath expression. Write texts in single quotes, numbers and booleans in backticks.
    type: str
    required: true
  _values:
    description:
      - Further keywords are values that the expression gets with V(var('name'\)). Pass values from elsewhere in this
        way. In the text of the expression a quote in them would change the question.
    type: dict
notes:
  - See L(the specification of JMESPath,https://jmespath.org/specification.html).
seealso:
  - module: kvm.hostdev.pci_facts
  - plugin: kvm.hostdev.pci_fits
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show why each function that is no bridge can't be claimed
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev | kvm.hostdev.pci_query(expression) }}"
  vars:
    expression: "devices[?header_type==`0` && !claimable].{address: address, owner: owner.label,
      used_by: used_by[].domain, blockers: blockers[].code}"

- name: Show free functions, by address
  ansible.builtin.debug:
    msg: "{{ ansible_facts.hostdev | kvm.hostdev.pci_query('sort_addresses(free(devices))[].address') }}"

- name: Show who holds a function that a variable names
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.hostdev | kvm.hostdev.pci_query("device(var('which')).owner.label", which=function) }}
  vars:
    function: "0000:01:10.0"
"""

RETURN = r"""
_value:
  description: The result of the expression. Null if it has none.
  type: raw
  sample: ["0000:01:10.2", "0000:3b:00.0"]
"""


@answers("pci_query")
def pci_query(facts: t.Any, expression: t.Any, **values: t.Any) -> t.Any:
    if not isinstance(expression, str) or not expression.strip():
        raise wrong(
            "the query", f"found {kind_of(expression)}", "an expression", "write one, such as devices[].address"
        )
    return search(read_facts(facts), plain(expression), plain(values, "the values"))


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pci_query": pci_query}
