# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the forms of AWX offer: domains, devices and hosts, from facts and from what a tenant may.

Facts come from hosts, and a choice goes into a list that people read and playbooks compare. So nothing is offered but
names of `NAME`; others are left out, and told.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ..module_utils._model.values import from_json
from .form.answers import is_model
from .queries.errors import wrong
from .queries.facts import kind_of
from .queries.plain import plain
from .report.facts_of_hosts import all_facts_of_hosts, facts_of
from .report.models import functions, short_name
from .report.states import FREE, HELD, Device, ids, state

NAME = re.compile(r"[A-Za-z0-9._:@-]{1,128}")
"""What a choice may be: nothing that a shell, a template, a pattern of hosts or a line break is made of."""
NOTHING_YET = "nothing-known-yet"
"""The only choice of a question for which there is none: a list of choices may not be empty. It names nothing."""
ANY_HOST = "any"
_IDS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")
_LISTS = ("domains", "hosts", "devices")


@dataclass
class _Offer:
    """Names in the order in which they were found, and what was left out."""

    left_out: list[str]
    names: dict[str, None] = field(default_factory=dict)

    def add(self, name: t.Any, where: str) -> None:
        if isinstance(name, str) and NAME.fullmatch(name):
            self.names[str.__str__(name)] = None
        else:
            self.left_out.append(f"{where} {str(name)[:64]!r}")


def choices(known: t.Any, hosts: t.Any = None, tenant: t.Any = None, aliases: t.Any = None) -> dict[str, t.Any]:
    """What each question of a form offers, by its variable, and as `left_out` what is no name for a choice.

    `known` is Ansible's `hostvars`, or a mapping of hosts to variables with `ansible_facts`. `hosts` are the names to
    look at, by default all; `tenant` has the lists `domains`, `hosts` and `devices`, each of which may be missing;
    `aliases` are mappings with a `name`. Raises HostdevError with code wrong_query.
    """
    if not isinstance(known, t.Mapping):
        raise wrong("what is known of hosts", f"found {kind_of(known)}", "facts by host, such as hostvars")
    may = _read_tenant(tenant)
    names = [str(name) for name in (known if hosts is None else hosts)]
    reachable = [name for name in names if may["hosts"] is None or name in may["hosts"]]
    facts = {name: of_host for name, of_host in _facts(known, reachable).items() if isinstance(of_host, t.Mapping)}
    left_out: list[str] = []
    told = _told(facts, left_out)
    offered = {
        "form_domain": _domains(told, may["domains"], left_out),
        "form_device": _devices(told, may["devices"], aliases, left_out),
        "form_host": _hosts(reachable if names else may["hosts"] or (), left_out),
    }
    return {**{variable: list(offer.names) for variable, offer in offered.items()}, "left_out": left_out}


def filled(survey: t.Any, offered: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A survey whose questions offer their own choices and then those `offered` by their variable.

    A default that is none of the choices becomes the first of them. Raises HostdevError with code wrong_query.
    """
    read = plain(survey, "the survey")
    if not isinstance(read, dict) or not isinstance(read.get("spec"), list):
        raise wrong("the survey", f"found {kind_of(survey)}", "a mapping with name, description and spec")
    for question in read["spec"]:
        if question.get("type") == "multiplechoice":
            own, more = question["choices"], plain(offered.get(question["variable"]) or [])
            question["choices"] = list(dict.fromkeys([*own, *more])) or [NOTHING_YET]
            if question["default"] not in question["choices"]:
                question["default"] = question["choices"][0]
    return t.cast("dict[str, t.Any]", read)


def _read_tenant(tenant: t.Any) -> dict[str, list[str] | None]:
    read = plain(tenant, "the tenant")
    if read is not None and not isinstance(read, dict):
        raise wrong("the tenant", f"found {kind_of(tenant)}", f"a mapping with {', '.join(_LISTS)}")
    lists = {key: (read or {}).get(key) for key in _LISTS}
    for key, names in lists.items():
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise wrong(f"the tenant: its {key}", f"found {kind_of(names)}", "a list of names")
    return lists


def _facts(known: t.Any, names: t.Sequence[str]) -> dict[str, t.Any]:
    if hasattr(known, "raw_get"):
        return all_facts_of_hosts(known, names)
    return {name: (known.get(name) or {}).get("ansible_facts") for name in names}


class _Told(t.NamedTuple):
    """What one host has for forms: its domains, and functions that are free or held."""

    domains: list[t.Any]
    devices: list[Device]


def _told(facts: t.Mapping[str, t.Any], left_out: list[str]) -> dict[str, _Told]:
    """By host. One whose facts are damaged takes no choice from the others."""
    told: dict[str, _Told] = {}
    for host, of_host in sorted(facts.items()):
        try:
            devices = functions(facts_of({"ansible_facts": of_host}) or {})
            held = [device for device in devices if state(device) in (FREE, HELD)]
            told[host] = _Told(list(_domains_of(of_host)), held)
        except (AttributeError, LookupError, TypeError, ValueError):
            left_out.append(f"{host}: its facts, which have another form; gather them anew")
    return told


def _hosts(names: t.Iterable[str], left_out: list[str]) -> _Offer:
    offer = _Offer(left_out)
    for name in sorted(names):
        if name == ANY_HOST:
            left_out.append(f"host {name!r}, which is the word for all")
        else:
            offer.add(name, "host")
    return offer


def _domains(told: t.Mapping[str, _Told], may: t.Sequence[str] | None, left_out: list[str]) -> _Offer:
    """Those of the tenant as they stand, since a domain may be new; else all that hosts told of."""
    offer = _Offer(left_out)
    for name in sorted(may or ()):
        offer.add(name, "domain")
    if may is None:
        found = {(str(name), host) for host, of_host in told.items() for name in of_host.domains}
        for name, host in sorted(found):
            offer.add(name, f"{host}: domain")
    return offer


def _domains_of(facts: t.Mapping[str, t.Any]) -> t.Iterator[t.Any]:
    """All that libvirt knows, and those that hold or have devices, which is less where libvirt could not be asked."""
    hostdev = facts.get("hostdev") or {}
    yield from (hostdev.get("host") or {}).get("domains") or ()
    for claim in hostdev.get("claims") or ():
        if claim["owner"]["kind"] == "domain":
            yield claim["owner"]["label"]
    for device in hostdev.get("devices") or ():
        yield from (use["domain"] for use in device.get("used_by") or ())


def _devices(told: t.Mapping[str, _Told], may: t.Sequence[str] | None, aliases: t.Any, left_out: list[str]) -> _Offer:
    """Aliases first, then models of which a host has one that is free or held."""
    offer = _Offer(left_out)
    named = set(_names_of(aliases))
    for name in sorted(named):
        if is_model(name):
            left_out.append(f"alias {name!r}, which a job would take for a model")
        elif may is None or name in may:
            offer.add(name, "alias")
    models: dict[str, str] = {}
    for host, of_host in told.items():
        for device in of_host.devices:
            _add_model(models, device, host, left_out)
    for model, name in sorted(models.items()):
        if may is None or not {model, model[:9]}.isdisjoint(may):
            offer.add(f"{model}@{name}" if name else model, "model")
    if not told:
        for name in sorted(set(may or ()) - named):
            offer.add(name, "device")
    return offer


def _names_of(aliases: t.Any) -> t.Iterator[str]:
    """An entry is a mapping, or JSON of one; a text may be JSON of all of them. What is none has no name."""
    entries = plain(aliases or [], "the aliases")
    for entry in map(from_json, [entries] if isinstance(entries, str) else entries):
        for alias in entry if isinstance(entry, list) else [entry]:
            if isinstance(alias, dict) and isinstance(alias.get("name"), str):
                yield alias["name"].strip()


def _add_model(models: dict[str, str], device: Device, host: str, left_out: list[str]) -> None:
    """The ids, of a VF with its type, and the name for people as far as its characters may stand in a choice."""
    if not _IDS.fullmatch(ids(device)):
        left_out.append(f"{host}: ids {ids(device)[:64]!r}")
        return
    model = ids(device) + ("@type-VF" if device.get("device_type") == "type-VF" else "")
    name = re.sub(r"[^A-Za-z0-9._]+", "-", short_name(device)).strip("-")[:40]
    models[model] = models.get(model) or name
