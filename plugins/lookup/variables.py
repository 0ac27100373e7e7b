# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether all variables that begin as the collection's do are such of the collection."""

from __future__ import annotations

DOCUMENTATION = r"""
name: variables
short_description: The variables of this collection's playbooks that hosts have, unless one is misspelt
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Looks at the names of all variables of the hosts of a play, wherever they come from. It fails if one begins with
    C(hostdev_) and no playbook, role or rulebook of C(kvm.hostdev) has it. It also fails for an extra variable with the
    name of a result or fact that these set themselves.
  - The playbooks of this collection ask it first, once for all hosts. Ansible itself ignores a misspelt variable.
notes:
  - Values are not looked at, and no template is rendered.
seealso:
  - plugin: kvm.hostdev.form
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Stop at a misspelt variable
  ansible.builtin.assert:
    that: lookup('kvm.hostdev.variables') is defined
    quiet: true
  run_once: true
"""

RETURN = r"""
_list:
  description: The names of those that are set, in their order.
  type: list
  elements: str
  sample: [hostdev_aliases, hostdev_device_spec]
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.plugin_utils.variables import PREFIX, TOLD, check_names


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(self, terms: list[t.Any], variables: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> list[str]:
        if terms or options:
            raise AnsibleLookupError("variables takes no words and no options")
        variables = variables or {}
        given = dict.fromkeys(_ours(variables), "this play")
        for host in _hosts(variables):
            given.update(dict.fromkeys(_ours(variables["hostvars"][host]), str(host)))
        try:
            check_names(_ours(load_extra_vars(self._loader)), given)
        except HostdevError as error:
            raise AnsibleLookupError(error.message) from None
        return sorted(TOLD.intersection(given))


def _hosts(variables: t.Mapping[str, t.Any]) -> t.Sequence[t.Any]:
    """All hosts of the play for its first batch, so that none is changed where a later one has what is refused."""
    batch, every = variables.get("ansible_play_batch", ()), variables.get("ansible_play_hosts_all", ())
    return t.cast("t.Sequence[t.Any]", every if batch[:1] == every[:1] else batch)


def _ours(names: t.Iterable[t.Any]) -> list[str]:
    return [str(name) for name in names if str(name).startswith(PREFIX)]
