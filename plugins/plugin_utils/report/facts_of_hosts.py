# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts as Ansible has them of the play's hosts, gathered in this run or cached."""

from __future__ import annotations

import typing as t

from .models import Facts


def facts_of(variables: t.Mapping[str, t.Any]) -> Facts | None:
    """What a host's variables have as `ansible_facts.hostdev`; None where nothing was gathered."""
    facts = (variables.get("ansible_facts") or {}).get("hostdev")
    return facts if isinstance(facts, t.Mapping) and facts else None


def facts_of_hosts(hostvars: t.Any, names: t.Iterable[str]) -> dict[str, Facts | None]:
    """Those of several hosts, by name.

    `hostvars` is Ansible's `HostVars`, asked for variables as they are: facts hold no templates, and to look for some
    in those of a thousand hosts takes half a minute.
    """
    return {str(name): facts_of(hostvars.raw_get(name)) for name in names}
