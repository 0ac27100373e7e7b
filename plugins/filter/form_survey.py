# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A survey of AWX with its choices."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.plugin_utils.choices import filled
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.errors import answers

DOCUMENTATION = r"""
name: form_survey
short_description: Put choices into a survey of AWX
version_added: 1.0.0
author: kvm.hostdev contributors (@kvm-hostdev)
description:
  - Returns a survey in which each question of the type C(multiplechoice) offers its own choices, followed by those that
    are given for its variable.
  - A question without choices offers C(nothing-known-yet), since AWX accepts no empty list. If the default is not among
    the choices, the first choice becomes the default.
positional: _input, choices
options:
  _input:
    description: The survey, with C(name), C(description) and C(spec), as AWX takes it.
    type: dict
    required: true
  choices:
    description: A list of choices for the variable of each question, as P(kvm.hostdev.form_choices#filter) returns
      them.
    type: dict
    default: {}
seealso:
  - plugin: kvm.hostdev.form_choices
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show a form with its choices
  ansible.builtin.debug:
    msg: "{{ survey | kvm.hostdev.form_survey({'form_host': ['kvm1', 'kvm2']}) }}"
  vars:
    survey:
      name: Verify
      description: Says what the guest sees.
      spec:
        - question_name: Host
          variable: form_host
          type: multiplechoice
          required: true
          choices: [any]
          default: any
"""

RETURN = r"""
_value:
  description: The survey.
  type: dict
  sample:
    name: Verify
    description: Says what the guest sees.
    spec:
      - question_name: Host
        variable: form_host
        type: multiplechoice
        required: true
        choices: [any, kvm1, kvm2]
        default: any
"""


@answers("form_survey")
def form_survey(survey: t.Any, choices: t.Any = None) -> dict[str, t.Any]:
    """See the documentation of the filter."""
    return filled(survey, choices or {})


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"form_survey": form_survey}
