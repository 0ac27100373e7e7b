# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tenants: what the credential of a job says that it may ask for."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ...module_utils._model.errors import HostdevError
from ...module_utils._model.nearest import did_you_mean
from .answers import ANY, Answers, is_model, wrong

TENANT, MAY = "HOSTDEV_TENANT", "HOSTDEV_TENANT_MAY"
EVERYTHING = "*"
"""The tenant of administrators, who may ask for everything."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LISTS = ("domains", "hosts", "devices")
_CREDENTIAL = "add a credential of the type Hostdev tenant to the job template, or without AWX set the variable"


@dataclass(frozen=True)
class Tenant:
    """Who a job is for, and what it may name; None is everything."""

    name: str
    domains: frozenset[str] | None = None
    hosts: frozenset[str] | None = None
    devices: frozenset[str] | None = None

    def check(self, answers: Answers) -> None:
        """Raises HostdevError for an answer that names what is not the tenant's."""
        self._must_have("form_domain", answers.domain, [answers.domain], self.domains, "domains")
        if answers.host != ANY:
            self._must_have("form_host", answers.host, [answers.host], self.hosts, "hosts")
        if answers.placed is not None:
            self._must_have("form_placed_host", answers.placed, [answers.placed], self.hosts, "hosts")
        if answers.device:
            self._must_have("form_device", answers.device, answers.kinds, self.devices, "devices")

    def _must_have(
        self, answer: str, value: str, names: t.Iterable[str], allowed: frozenset[str] | None, what: str
    ) -> None:
        if allowed is not None and allowed.isdisjoint(names):
            raise wrong(
                answer,
                f"{value} is not among the {what} of tenant {self.name}",
                ", ".join(sorted(allowed)) or f"nothing: the credential gives {self.name} no {what}",
                f"choose one of these, or have it added to the {what} of the credential",
            )

    def may_use(self, host: str) -> bool:
        return self.hosts is None or host in self.hosts

    def its_domains(self, names: t.Iterable[str]) -> set[str]:
        """Those that it may name: of others it is not told."""
        return set(names) if self.domains is None else self.domains & set(names)

    def its_devices(self, names: t.Iterable[str]) -> set[str]:
        """Those of aliases or ids that it may name, with a type or without."""
        if self.devices is None:
            return set(names)
        permitted = {model["ids"] if (model := is_model(name)) else name for name in self.devices}
        return permitted & set(names)


def read_tenant(environment: t.Mapping[str, str]) -> Tenant:
    """The tenant of the credential. Raises HostdevError where there is none, or where it says what nobody can read."""
    name = environment.get(TENANT, "")
    if name == EVERYTHING:
        return Tenant(name)
    if not _NAME.fullmatch(name):
        found = f"found {name!r}" if name.strip() else "it is empty"
        raise wrong(f"the environment variable {TENANT}", found, "the name of a tenant, or *", _CREDENTIAL)
    try:
        may = json.loads(environment.get(MAY, ""))
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"found no JSON ({error})") from error
    if not isinstance(may, dict):
        raise _unreadable(f"found {may!r}")
    for key in sorted(set(may) - set(_LISTS)):
        raise _unreadable(f"found the key {key}; {did_you_mean(key, _LISTS)}")
    devices = _names(may, "devices")
    for device in sorted(devices or ()):
        _check_permitted(device)
    return Tenant(
        name,
        domains=_names(may, "domains") or frozenset(),
        hosts=_names(may, "hosts") or frozenset(),
        devices=devices,
    )


def _check_permitted(device: str) -> None:
    """What no answer is ever compared with would permit nothing, and nobody would see why."""
    model = is_model(device)
    if model is None or device in (model["ids"], f"{model['ids']}@{model['type']}"):
        return
    raise _unreadable(f"found the device {device}", f"an alias, {model['ids']}, or with a type {model['ids']}@type-VF")


def _names(may: t.Mapping[str, t.Any], key: str) -> frozenset[str] | None:
    """None is everything, and no list is none: a key without a value permits nothing by mistake."""
    if key not in may:
        return None
    value = may[key]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _unreadable(f"found {value!r} as {key}")
    return frozenset(value)


_FORM = 'JSON such as {"domains": ["web1"], "hosts": ["kvm1"], "devices": ["gpu"]}'


def _unreadable(found: str, wanted: str = _FORM) -> HostdevError:
    remedy = "mend the credential of the type Hostdev tenant, or without AWX the environment of the job"
    return wrong(f"the environment variable {MAY}", found, wanted, remedy)
