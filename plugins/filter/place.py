# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chooses the host that serves a claim best."""

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.counting import PACK
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.hosts.placing import Choice, Wish, placed

DOCUMENTATION = r"""
name: place
short_description: Choose the host that serves a claim best
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns the host that serves requests best, then in order the other hosts that can serve them, and for each host
    that can't the reason. It searches as M(kvm.hostdev.pci_passthrough_claim) does, over the pools of free devices of
    each host.
  - Hosts are compared by the alternatives of C(first_available) that serve the requests, then by how far the wishes in
    O(prefer) are met, the first one first, then by O(strategy), then by name.
  - Pools lack the addresses, slots, serials, stable paths, drivers, subsystem ids and interfaces of devices, the IOMMU
    groups that they share, and the sockets of a host. Criteria and constraints on these are left to the claim, and
    RV(_value.left_to_claim) lists them. A device named by its address counts as free.
  - Nothing is reserved. If somebody takes the devices before the claim, the claim fails. Then try the next host of
    RV(_value.order), as the playbook C(kvm.hostdev.place) does.
positional: _input, requests
options:
  _input:
    description:
      - The variables of each host by the host's name, such as C(hostvars). The filter reads C(ansible_facts.hostdev) of
        each. If that has neither C(pools) nor C(devices), it reads the pools of the record in
        C(ansible_facts.ansible_local.hostdev).
      - With C(host) in the C(gather_subset) the facts show which hosts have a single NUMA node, on which all devices
        are. Without it a host counts as one of these if none of its pools has a node.
      - A host without facts, or whose facts are C(none), has the code V(no_facts).
    type: dict
    required: true
  requests:
    description: The requests, as in O(kvm.hostdev.pci_passthrough_claim#module:requests).
    type: list
    elements: raw
    required: true
  constraints:
    description: The constraints on the requests, as in O(kvm.hostdev.pci_passthrough_claim#module:constraints).
    type: list
    elements: raw
  prefer:
    description: The wishes for the requests, as in O(kvm.hostdev.pci_passthrough_claim#module:prefer).
    type: list
    elements: raw
  strategy:
    description:
      - With V(pack) the best of otherwise equal hosts is the one with the fewest free devices that fit any of the
        requests, so that hosts with many keep them for claims that need many. Other devices do not count.
      - With V(spread) the best is the one with the most.
    type: str
    choices: [pack, spread]
    default: pack
  anti_affinity:
    description:
      - Names of hosts, and of groups in O(groups), that are never chosen, such as the host of the other guest of a
        pair, or its rack. It may be a list, or a text with commas between the names.
    type: list
    elements: str
  groups:
    description: The hosts of each group by its name, such as C(groups).
    type: dict
  owner:
    description:
      - The name or UUID of the domain, or the free name of the owner, that shall have the devices. If it is on record
        on a host, that host is chosen, so that a second run changes nothing. All other hosts then have the code
        V(claimed_elsewhere).
      - It is looked up in C(claims) of the facts, or of the record.
    type: str
  hosts:
    description: Names of the hosts to look at. By default these are all hosts.
    type: list
    elements: str
  device_spec:
    description:
      - The allow list of the claim, see O(kvm.hostdev.pci_passthrough_claim#module:device_spec).
      - If hosts have different lists, give a mapping from the name of each host to its list. A host that is not in it
        permits everything.
      - If an entry has criteria that pools lack, such as an address, it is open which entry permits a device. Any entry
        that may permit it counts then, and constraints on tags are left to the claim.
    type: raw
  aliases:
    description: The aliases that requests name, see O(kvm.hostdev.pci_passthrough_claim#module:aliases).
    type: list
    elements: raw
  numa_cells:
    description:
      - The NUMA nodes that the owner runs on, see O(kvm.hostdev.pci_passthrough_claim#module:numa_cells). Without it
        C(numa_policy) rules out no host.
    type: list
    elements: int
seealso:
  - module: kvm.hostdev.pci_passthrough_claim
  - module: kvm.hostdev.pci_facts
  - plugin: kvm.hostdev.rank_hosts
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Choose the host that has two A100 and as many virtual functions on one NUMA node
  ansible.builtin.set_fact:
    placement: "{{ hostvars | kvm.hostdev.place(requests, constraints=together, hosts=groups['kvm_hosts']) }}"
  vars:
    requests:
      - {name: gpu, specs: ["10de:20b2"], count: 2}
      - {name: nic, specs: ["8086:10ca"], count: 2}
    together:
      - {requests: [gpu, nic], match: numa_node}

- name: Choose a host for the second of two guests, not the first one's, where most GPUs are free
  ansible.builtin.set_fact:
    placement: "{{ hostvars | kvm.hostdev.place(requests, strategy='spread', anti_affinity=['kvm2'], groups=groups,
      hosts=groups['kvm_hosts']) }}"
  vars:
    requests:
      - {name: gpu, first_available: [["10de:2330"], ["10de:20b2"]]}

- name: Show why none of the hosts has enough
  ansible.builtin.debug:
    msg: "{{ (hostvars | kvm.hostdev.place(requests, hosts=groups['kvm_hosts'])).msg }}"
  vars:
    requests:
      - {name: gpu, specs: ["10de:20b2"], count: 64}
"""

RETURN = r"""
_value:
  description: The host that serves the requests best, and what is known of the others.
  type: dict
  contains:
    host:
      description: The name of the best host. V(null) if no host serves the requests.
      type: str
      sample: kvm2
    order:
      description: The names of all hosts that serve them, best first.
      type: list
      elements: str
      sample: [kvm2, kvm3]
    not:
      description:
        - For each other host a C(code) and a C(msg). Codes are those of the claim, such as V(not_enough_devices) or
          V(constraint_unmet), and V(no_facts), V(anti_affinity), V(claimed_elsewhere).
      type: dict
      sample:
        kvm1:
          code: constraint_unmet
          msg: the requests could be served, but not so that gpu and nic match in pcie_switch
        kvm4:
          code: no_facts
          msg: "neither its devices nor pools are known: it was not gathered"
    left_to_claim:
      description: The criteria and constraints that pools can't answer, so that the claim on the host has to check
        them.
      type: list
      elements: str
      sample: ["request disk: serial"]
    claims_unknown:
      description:
        - With O(owner), the hosts on which the owner may have devices, since their claims were not gathered. A warning
          names them. Empty if the owner was found.
      type: list
      elements: str
      sample: [kvm4]
    bounded:
      description: Hosts of RV(_value.order) for which the search ended at its bound, so that they may serve the
        requests better than was found.
      type: list
      elements: str
      sample: []
    code:
      description: V(no_host) if no host serves the requests.
      returned: where there is none
      type: str
      sample: no_host
    msg:
      description: Which host was chosen, or why none was.
      type: str
      sample: kvm2 serves gpu, nic best
"""


@answers("place")
def place(
    known: t.Any,
    requests: t.Any,
    constraints: t.Any = None,
    prefer: t.Any = None,
    strategy: str = PACK,
    anti_affinity: t.Any = None,
    groups: t.Any = None,
    owner: t.Any = None,
    hosts: t.Any = None,
    device_spec: t.Any = None,
    aliases: t.Any = None,
    numa_cells: t.Any = None,
) -> dict[str, t.Any]:
    """Twelve parameters: they are the options of the filter."""
    wish = Wish(requests, constraints, prefer, device_spec, aliases, numa_cells)
    told = placed(known, wish, Choice(strategy, hosts, owner, anti_affinity, groups))
    if told["host"] is not None and told["claims_unknown"]:
        Display().warning(
            f"place: whether {owner} has devices on {few(told['claims_unknown'])} is not known; if it has, a claim on "
            f"{told['host']} gives it others"
        )
    return told


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"place": place}
