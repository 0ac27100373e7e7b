# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chooses hosts by the devices that are free on them."""

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement import counting
from ansible_collections.kvm.hostdev.plugins.module_utils._model.values import number
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers, one_of, wrong
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.hosts.ranking import (
    HOST,
    PLACES,
    Supply,
    Wanted,
    read_wanted,
    supply,
)
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.hosts.reading import Hosts, about, read_hosts

DOCUMENTATION = r"""
name: rank_hosts
short_description: Rank hosts by the devices that are free on them
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns the hosts on which enough devices are free for a claim, the best one first.
  - A device counts if a claim with the same specs could take it. So a physical function counts only if a spec has
    C(device_type=type-PF), or both ids and only physical functions of the host have these ids. If no host has enough, a
    warning says how many free devices fit but do not count.
positional: _input, specs
options:
  _input:
    description:
      - The variables of each host by the host's name, such as C(hostvars). The filter reads C(ansible_facts.hostdev) of
        each. If that has neither C(devices) nor C(pools), it reads the pools of the record in
        C(ansible_facts.ansible_local.hostdev).
      - The value of a host may also be its C(ansible_facts.hostdev), or the C(pools) in that. With pools a spec can
        only have C(vendor_id), C(product_id), C(class), C(device_type) and C(numa_node). Other keys need C(devices).
    type: dict
    required: true
  specs:
    description:
      - A device spec, or a list of device specs, for the devices that are wanted. They are written as in
        O(kvm.hostdev.pci_passthrough_claim#module:requests[].specs). Without any all devices count.
      - Tags need O(device_spec).
    type: list
    elements: raw
    default: []
  count:
    description: How many devices must be free.
    type: int
    default: 1
  per:
    description:
      - Whether that many devices must be free on the V(host), or on a single V(numa_node).
      - If the node of no fitting device on a host is known, all of them count as being on one node.
    type: str
    choices: [host, numa_node]
    default: host
  strategy:
    description:
      - With V(pack) the best host is the one with the fewest free devices of this kind, as with OpenStack Nova. So
        hosts with many keep them for claims that need many. Hosts with 99 or more are equal.
      - With V(spread) it is the one with the most.
      - Equal hosts are ordered by their names.
    type: str
    choices: [pack, spread]
    default: pack
  hosts:
    description: Names of the hosts to look at. By default these are all hosts.
    type: list
    elements: str
  missing:
    description:
      - What to do if neither devices nor pools of a host are known, for example because its facts were never gathered,
        or gathered without them. With V(refuse) the filter fails and names all such hosts. With V(skip) it leaves them
        out with a warning.
    type: str
    choices: [refuse, skip]
    default: refuse
  device_spec:
    description:
      - The allow list of the claim, see O(kvm.hostdev.pci_passthrough_claim#module:device_spec). Only devices that it
        permits count, with the tags that it gives.
    type: list
    elements: raw
seealso:
  - module: kvm.hostdev.pci_facts
  - plugin: kvm.hostdev.pci_pools
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Choose a host with two free A100 on one NUMA node
  ansible.builtin.set_fact:
    target: "{{ hostvars | kvm.hostdev.rank_hosts({'vendor_id': '10de', 'product_id': '20b2', 'device_type': 'type-PF'},
      count=2, per='numa_node', hosts=groups['kvm_hosts']) | first }}"

- name: Show hosts with a free virtual function, those first that have most of them
  ansible.builtin.debug:
    msg: "{{ hostvars | kvm.hostdev.rank_hosts(specs, strategy='spread', hosts=groups['kvm_hosts'], missing='skip') }}"
  vars:
    specs:
      - {vendor_id: "8086", device_type: type-VF}
"""

RETURN = r"""
_value:
  description: Names of the hosts on which enough devices are free, the best one first.
  type: list
  elements: str
  sample: [kvm2, kvm1]
"""


@answers("rank_hosts")
def rank_hosts(
    known: t.Any,
    specs: t.Any = (),
    count: t.Any = 1,
    per: str = HOST,
    strategy: str = counting.PACK,
    hosts: t.Any = None,
    missing: str = "refuse",
    device_spec: t.Any = None,
) -> list[str]:
    """Eight parameters: they are the options of the filter."""
    least = number(count, "count", "a number of devices, 1 or more", 1)
    one_of(per, PLACES, "per")
    one_of(strategy, counting.STRATEGIES, "strategy")
    wanted = read_wanted(specs, least, device_spec)
    one_of(missing, ("refuse", "skip"), "missing")
    of_hosts = read_hosts(known, hosts)
    _tell_lacking(of_hosts.lacking, missing)
    supplies = _supplies(of_hosts, wanted, per)
    ranked = counting.rank_hosts({name: found.places for name, found in supplies.items()}, least, strategy)
    if not (of_hosts.known or of_hosts.lacking):
        Display().warning("rank_hosts: there is no host to look at: is the group right, or empty?")
    elif not ranked:
        _tell_why_none(supplies)
    return ranked


def _supplies(hosts: Hosts, wanted: Wanted, per: str) -> dict[str, Supply]:
    supplies = {}
    for name, facts in hosts.known.items():
        with about(name):
            supplies[name] = supply(facts, wanted, per)
    return supplies


def _tell_lacking(lacking: t.Mapping[str, str], missing: str) -> None:
    """Refuse, or name in a warning, the hosts without facts; in brackets what they have instead."""
    names = few([f"{name} ({found})" if found else name for name, found in lacking.items()])
    if names and missing == "refuse":
        remedy = "gather them with kvm.hostdev.pci_facts, name others in hosts, or leave them out with missing='skip'"
        raise wrong(names, "there are no facts of devices", "those of all hosts", remedy)
    if names:
        Display().warning(f"rank_hosts: skipped, since there are no facts of devices: {names}")


_NOWHERE = "no device fits, free or not"


def _tell_why_none(supplies: t.Mapping[str, Supply]) -> None:
    """No empty list in silence: ids that no device has may be misspelt, and a claim takes a PF by its type alone."""
    if supplies and not any(found.there or found.not_asked_for or any(found.places) for found in supplies.values()):
        known = "in no pool a device fits" if all(found.there is None for found in supplies.values()) else _NOWHERE
        Display().warning(f"rank_hosts: {known}, on {few(list(supplies))}: are the specs right?")
    left = [f"{found.not_asked_for} on {name}" for name, found in supplies.items() if found.not_asked_for]
    if left:
        Display().warning(
            f"rank_hosts: no host has enough, but free devices fit ({few(left)}) that a claim takes only when it is "
            "asked for them, such as a physical function: add their device_type to the spec"
        )


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"rank_hosts": rank_hosts}
