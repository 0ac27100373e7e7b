# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what was chosen is there, by what is known of the hosts, and on which hosts the job works."""

from __future__ import annotations

import typing as t

from ..queries.facts import read_facts
from ..queries.hosts.reading import about
from ..queries.plain import plain
from ..report.states import ids
from .answers import ANY, Answers, stale, wrong
from .tenant import Tenant

_REFRESH = "run the template Hostdev facts, then open the form anew"


class Known(t.NamedTuple):
    """What Ansible knows: `hostvars` and the names of the hosts of the play."""

    hostvars: t.Mapping[str, t.Any]
    play: t.Sequence[str]


def hosts_of(purpose: str, answers: Answers, tenant: Tenant, known: Known, placed: str | None) -> list[str]:
    """The hosts that the job works on, none while `any` is to be placed first.

    To place, these are the hosts to choose from. Raises HostdevError for a choice that is stale.
    """
    mine = [name for name in known.play if tenant.may_use(name)]
    if not mine:
        raise wrong(f"tenant {tenant.name}", "none of its hosts is a host of this job", "one host or more", _CHECK)
    if answers.host != ANY:
        chosen = answers.host
    elif placed is not None and purpose != "place":
        chosen = placed
    elif purpose == "claim":
        return []
    elif purpose == "place":
        return _with_domain(answers, tenant, known, mine)
    else:
        return mine
    if chosen not in mine:
        raise stale("form_host", chosen, "which is no host of this job", mine, _REFRESH)
    if purpose in ("place", "claim"):
        _with_domain(answers, tenant, known, [chosen])
        _check_device(answers, tenant, known, chosen)
    return [chosen]


_CHECK = "see the inventory and limit of the template, and the hosts in the credential of the tenant"


def _with_domain(answers: Answers, tenant: Tenant, known: Known, names: t.Sequence[str]) -> list[str]:
    """Those of the hosts that have the domain, or of which nobody knows their domains."""
    domains = {name: _domains(known.hostvars[name]) for name in names}
    having = [name for name, there in domains.items() if there is None or answers.domain in there]
    if not having:
        there = tenant.its_domains(domain for its in domains.values() for domain in its or ())
        what = f"which is no domain of {', '.join(names[:5])}"
        raise stale("form_domain", answers.domain, what, there, _REFRESH)
    return having


def _check_device(answers: Answers, tenant: Tenant, known: Known, host: str) -> None:
    """An alias must be one of the host's, a model one that it has, where its devices are known."""
    if answers.model is None:
        aliases = plain(known.hostvars[host].get("hostdev_aliases") or [], "hostdev_aliases")
        if not isinstance(aliases, list) or not all(isinstance(alias, dict) for alias in aliases):
            return  # the claim reads them
        names = {str(alias.get("name")) for alias in aliases}
        if answers.device not in names:
            what = f"which is no alias in hostdev_aliases of {host}, and no model"
            there = tenant.its_devices(names)
            raise stale("form_device", answers.device, what, there, "choose one of these, or open the form anew")
        return
    facts = _facts(known.hostvars[host])
    if "devices" not in facts:
        return
    with about(host):
        devices = read_facts({"devices": facts["devices"]}).functions
    models = {ids(device) for device in devices}
    if answers.model["ids"] not in models:
        there = tenant.its_devices(models)
        raise stale("form_device", answers.device, f"which is no model of {host}", there, _REFRESH)


def _domains(variables: t.Any) -> list[str] | None:
    host = _facts(variables).get("host")
    names = plain(host.get("domains"), "domains") if isinstance(host, t.Mapping) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else None


def _facts(variables: t.Any) -> t.Mapping[str, t.Any]:
    facts = variables.get("ansible_facts")
    found = facts.get("hostdev") if isinstance(facts, t.Mapping) else None
    return found if isinstance(found, t.Mapping) else {}
