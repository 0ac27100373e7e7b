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
        return _with_alias(answers, tenant, known, _with_domain(answers, tenant, known, mine))
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


def _with_alias(answers: Answers, tenant: Tenant, known: Known, names: t.Sequence[str]) -> list[str]:
    """Those of the hosts that have the alias which was chosen; all of them for a model.

    They are compared by one definition, that of the first of them. Raises HostdevError where another has another one.
    """
    if answers.model is not None:
        return list(names)
    of_hosts = {name: _aliases(known.hostvars[name]) for name in names}
    having = [name for name, aliases in of_hosts.items() if aliases is None or answers.device in aliases]
    if not having:
        there = tenant.its_devices({alias for aliases in of_hosts.values() for alias in aliases or ()})
        what = f"which is no alias in hostdev_aliases of {', '.join(names[:5])}, and no model"
        raise stale("form_device", answers.device, what, there, "choose one of these, or open the form anew")
    told = {name: (of_hosts[name] or {}).get(answers.device) for name in having}
    for name, alias in told.items():
        if alias != told[having[0]]:
            raise wrong(
                f"the alias {answers.device}",
                f"hostdev_aliases of {name} and of {having[0]} have it with different fields",
                "one meaning on all hosts to choose from",
                "have the alias in the variables of the group of these hosts, or choose a host in form_host",
            )
    return having


def _aliases(variables: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The aliases of a host by their names; None where they are no list of such: the claim reads them."""
    aliases = plain(variables.get("hostdev_aliases") or [], "hostdev_aliases")
    if not isinstance(aliases, list) or not all(isinstance(alias, dict) for alias in aliases):
        return None
    return {str(alias.get("name")): alias for alias in aliases}


def _check_device(answers: Answers, tenant: Tenant, known: Known, host: str) -> None:
    """An alias must be one of the host's, a model one that it has, where its devices are known."""
    if answers.model is None:
        _with_alias(answers, tenant, known, [host])
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
