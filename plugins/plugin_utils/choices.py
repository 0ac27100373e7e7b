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

from ..module_utils._model.errors import HostdevError
from ..module_utils._model.values import from_json
from .form.answers import is_model, is_name
from .queries.errors import wrong
from .queries.facts import check_parts, kind_of
from .queries.plain import plain
from .report.facts_of_hosts import all_facts_of_hosts, tells_free
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
    chosen = list(known) if hosts is None else plain(hosts, "hosts")
    if not isinstance(chosen, list):
        raise wrong("hosts", f"found {kind_of(hosts)}", "a list of names", "give groups['GROUP']")
    names = [str(name) for name in chosen]
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
    more = plain(offered, "the choices")
    if not isinstance(more, dict) or not all(map(_is_texts, more.values())):
        raise wrong("the choices", f"found {kind_of(offered)}", "a list of texts for each variable", "see form_choices")
    for number, question in enumerate(read["spec"]):
        if not isinstance(question, dict):
            raise wrong(f"the survey: spec[{number}]", f"found {kind_of(question)}", "a question")
        if question.get("type") == "multiplechoice":
            variable, own = question.get("variable"), question.get("choices")
            if not isinstance(variable, str) or not _is_texts(own):
                wanted = "its variable, and its choices in a list"
                raise wrong(f"the survey: spec[{number}]", f"found {kind_of(question)}", wanted)
            question["choices"] = list(dict.fromkeys([*own, *more.get(variable, ())])) or [NOTHING_YET]
            if question.get("default") not in question["choices"]:
                question["default"] = question["choices"][0]
    return t.cast("dict[str, t.Any]", read)


def _is_texts(value: t.Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _read_tenant(tenant: t.Any) -> dict[str, list[str] | None]:
    read = plain(tenant, "the tenant")
    if read is not None and not isinstance(read, dict):
        raise wrong("the tenant", f"found {kind_of(tenant)}", f"a mapping with {', '.join(_LISTS)}")
    lists = {key: (read or {}).get(key) for key in _LISTS}
    for key, names in lists.items():
        if names is not None and not _is_texts(names):
            raise wrong(f"the tenant: its {key}", f"found {kind_of(names)}", "a list of names")
    return lists


def _facts(known: t.Any, names: t.Sequence[str]) -> dict[str, t.Any]:
    if hasattr(known, "raw_get"):
        return all_facts_of_hosts(known, names)
    variables = {name: known.get(name) for name in names}
    return {name: its.get("ansible_facts") for name, its in variables.items() if isinstance(its, t.Mapping)}


class _Told(t.NamedTuple):
    """What one host has for forms: its domains, and functions that are free or held."""

    domains: list[t.Any]
    devices: list[Device]


def _told(facts: t.Mapping[str, t.Any], left_out: list[str]) -> dict[str, _Told]:
    """By host. One whose facts are damaged takes no choice from the others."""
    told: dict[str, _Told] = {}
    for host, of_host in sorted(facts.items()):
        read = of_host.get("hostdev") or {}
        try:
            check_parts(read)
        except HostdevError as error:
            left_out.append(f"{host}: its facts, which are damaged: {error.message}")
            continue
        there = functions(read) if tells_free(read) else []
        told[host] = _Told(list(_domains_of(read)), [device for device in there if state(device) in (FREE, HELD)])
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
    yield from (facts.get("host") or {}).get("domains") or ()
    for claim in facts.get("claims") or ():
        if claim["owner"]["kind"] == "domain":
            yield claim["owner"]["label"]
    for device in facts.get("devices") or ():
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
    if not isinstance(entries, (str, list)):
        raise wrong("the aliases", f"found {kind_of(aliases)}", "a list of aliases", "give hostdev_aliases")
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
    models[model] = models.get(model) or (name if is_name(name) else "")
