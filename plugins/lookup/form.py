# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a form asks for, once it is known that the tenant may."""

from __future__ import annotations

DOCUMENTATION = r"""
name: form
short_description: Read the answers to a form in AWX, if the tenant may give them
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Turns the answers to a form into options of M(kvm.hostdev.pci_passthrough_claim). It fails if an answer is missing,
    malformed or stale, or if the tenant of the job may not give it. Playbooks such as C(kvm.hostdev.form_claim) call it
    in each task that changes something.
  - The answers are the extra variables of the job whose names begin with C(form_). They are taken as they are, and a
    template in them is not rendered. A variable of a host with such a name is ignored.
  - Any other extra variable fails, except those that AWX sets itself (C(awx_), C(tower_)). Extra variables override the
    inventory, and a workflow, an earlier job or whoever starts a job can bring some.
  - A credential puts the name of the tenant, and what the tenant may name, into the environment of the job. No variable
    of Ansible replaces it.
options:
  _terms:
    description: What the answers are used for.
    type: str
    choices: [place, claim, release, verify]
    required: true
  placed:
    description: The host that was chosen for C(form_host=any). It must be one that the tenant may use.
    type: str
notes:
  - E(HOSTDEV_TENANT) is the name of the tenant, or V(*) for administrators, who may name everything. If it is empty,
    the lookup fails.
  - E(HOSTDEV_TENANT_MAY) is JSON with the lists C(domains), C(hosts) and C(devices) of the tenant. Names must be equal,
    there are no patterns. Without C(devices) the tenant may have any device. A key whose value is no list is refused.
seealso:
  - module: kvm.hostdev.pci_passthrough_claim
  - plugin: kvm.hostdev.place
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Claim what the form asks for
  kvm.hostdev.pci_passthrough_claim:
    domain: "{{ lookup('kvm.hostdev.form', 'claim').domain }}"
    requests: "{{ lookup('kvm.hostdev.form', 'claim').requests }}"
    tenant: "{{ lookup('kvm.hostdev.form', 'claim').tenant }}"
    aliases: "{{ hostdev_aliases | default(omit) }}"
  when: inventory_hostname in lookup('kvm.hostdev.form', 'claim').hosts
"""

RETURN = r"""
_raw:
  description: What the form asks for, as one mapping.
  type: list
  elements: dict
  contains:
    tenant:
      description: The tenant of the job, as the modules have it in O(kvm.hostdev.pci_passthrough_claim#module:tenant).
      type: str
      sample: blue
    domain:
      description: The domain that shall have the devices.
      type: str
      sample: web1
    device:
      description: The device as it was chosen.
      type: str
      sample: 10de:20b5@A100
    count:
      description: How many.
      type: int
      sample: 1
    request:
      description: The name of the request.
      type: str
      sample: device
    requests:
      description: The requests of the claim. Empty if the answers are not used for a claim.
      type: list
      elements: dict
      sample: [{name: device, count: 1, specs: [{vendor_id: "10de", product_id: "20b5"}]}]
    hosts:
      description:
        - The hosts that the job works on. For V(place) these are the hosts to choose from. For V(claim) there is none
          as long as the answer is V(any) and no host was chosen.
      type: list
      elements: str
      sample: [kvm1]
"""

import os
import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.answers import QUESTIONS, read_answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.choices import Known, hosts_of
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.tenant import read_tenant
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import one_of


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(
        self, terms: list[t.Any], variables: t.Mapping[str, t.Any] | None = None, **options: t.Any
    ) -> list[dict[str, t.Any]]:
        try:
            return [self._told(terms, variables or {}, options)]
        except HostdevError as error:
            raise AnsibleLookupError(error.message) from None

    def _told(
        self, terms: t.Sequence[t.Any], variables: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]
    ) -> dict[str, t.Any]:
        for option in options:
            one_of(option, ["placed"], "an option of form")
        purpose = one_of(terms[0] if len(terms) == 1 else list(terms), list(QUESTIONS), "form")
        tenant = read_tenant(os.environ)
        answers = read_answers(purpose, load_extra_vars(self._loader))
        tenant.check(answers)
        known = Known(variables["hostvars"], [str(name) for name in variables["ansible_play_hosts_all"]])
        placed = str(options["placed"]) if options.get("placed") else answers.placed
        return {
            "tenant": tenant.name,
            "domain": answers.domain,
            "device": answers.device,
            "count": answers.count,
            "request": answers.request,
            "requests": [answers.wanted()] if answers.device else [],
            "hosts": hosts_of(purpose, answers, tenant, known, placed),
        }
