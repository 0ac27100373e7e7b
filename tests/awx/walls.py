# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways around the wall between tenants, each of which must end before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .controller import Job
from .rules import Template, launch_variables, node_variables
from .site import Site
from .templates import ADMINISTRATOR, BLUE, template

_OWN = {"form_domain": "web1", "form_device": "gpu", "form_host": "kvm001"}
_FOREIGN = "is not among the"
_NO_ANSWER = "what is no answer to a form"
_NO_CHOICE = "letters, digits and"
_CLAIM = "Claim, bind and attach the devices"


@dataclass(frozen=True)
class Way:
    """What somebody tries, and the words with which it must be refused; none where the job just does nothing."""

    name: str
    refused: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    node: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    workflow: Mapping[str, Any] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    purpose: str = "claim"

    def run(self, there: Site) -> Job:
        of: Template = template(self.purpose, BLUE)
        of = replace(of, **self.template)
        variables = node_variables(of, {**_OWN, **self.answers, **self.node}, self.artifacts, self.workflow)
        return there.controller.run(of, variables)


def ways(mark: Path) -> list[Way]:
    """All of them; `mark` is a file that hostile texts would make."""
    command = f"{{{{ lookup('ansible.builtin.pipe', 'touch {mark}') }}}}"
    starting = {"start_at": _CLAIM, "fact_cache": False}
    placed = {"form_placed_domain": "web1", "form_placed_device": "gpu", "form_placed_count": "1"}
    return [
        Way("a survey's answer names another's domain", _FOREIGN, {"form_domain": "db1"}),
        Way("... another's host", _FOREIGN, {"form_host": "kvm003"}),
        Way("... a device that is not the tenant's", _FOREIGN, {"form_device": "10de:20b2"}),
        Way("... to release", _FOREIGN, {"form_domain": "db1"}, purpose="release"),
        Way("... to look", _FOREIGN, {"form_domain": "db1"}, purpose="verify"),
        Way("... to place", _FOREIGN, {"form_domain": "db1"}, purpose="place"),
        Way("a node's own data name another's domain", _FOREIGN, node={"form_domain": "db1"}),
        Way("a workflow's variables do", _FOREIGN, workflow={"form_domain": "db1"}),
        Way("an artifact does", _FOREIGN, artifacts={"form_domain": "db1"}),
        Way(
            "an artifact names another's host as the chosen one",
            _FOREIGN,
            {"form_host": "any"},
            artifacts={"form_placed_host": "kvm003", **placed},
        ),
        Way("a workflow says who the tenant is", _NO_ANSWER, workflow={"HOSTDEV_TENANT": "red"}),
        Way("... what it may", _NO_ANSWER, workflow={"hostdev_tenants": {"blue": {"domains": ["db1"]}}}),
        Way("... which blockers are accepted", _NO_ANSWER, workflow={"hostdev_allow": ["root_disk"]}),
        Way("... how many it may hold", _NO_ANSWER, workflow={"hostdev_limits": []}),
        Way("... what an alias is", _NO_ANSWER, workflow={"hostdev_aliases": [{"name": "gpu", "class": "02"}]}),
        Way("... which hosts there are", _NO_ANSWER, workflow={"ansible_play_hosts_all": ["kvm003"]}),
        Way("... how hosts are reached", _NO_ANSWER, workflow={"ansible_connection": "ssh"}),
        Way("... where a task was placed", _NO_ANSWER, workflow={"hostdev_placement": {"host": "kvm003"}}),
        Way("an artifact brings such a variable", _NO_ANSWER, artifacts={"hostdev_owner": "db1"}),
        Way("the template itself does", _NO_ANSWER, template={"extra_vars": {"hostdev_allow": ["root_disk"]}}),
        Way("a credential of another type does", _NO_ANSWER, template={"credential_vars": {"hostdev_hosts": "all"}}),
        Way(
            "an answer wins over a credential's variable",
            _FOREIGN,
            {"form_domain": "db1"},
            template={"credential_vars": {"form_domain": "web1"}},
        ),
        Way("a template in the template's own text", _NO_CHOICE, template=_jinja("form_domain", "{{ 'db' ~ 1 }}")),
        Way("a template as the domain", _NO_CHOICE, {"form_domain": command}),
        Way("... as the request", _NO_CHOICE, {"form_request": command}),
        Way("... as a variable's name", _NO_ANSWER, workflow={command: "x"}),
        Way("a line break", _NO_CHOICE, {"form_domain": "web1\ndb1"}),
        Way("a line break at the end", _NO_CHOICE, {"form_domain": "web1\n"}),
        Way("a NUL", _NO_CHOICE, {"form_domain": "web1\0"}),
        Way("a pattern of hosts", _NO_CHOICE, {"form_host": "all:!kvm001"}),
        Way("a list of domains", _NO_CHOICE, workflow={"form_domain": ["web1", "db1"]}),
        Way("the group of all hosts", _FOREIGN, {"form_host": "all"}),
        Way("no credential", "it is empty", template={"credential": {}}),
        Way("an empty tenant", "it is empty", template={"credential": {**BLUE, "HOSTDEV_TENANT": " "}}),
        Way("a tenant without lists", "found no JSON", template={"credential": {"HOSTDEV_TENANT": "blue"}}),
        Way("a tenant with other lists", "HOSTDEV_TENANT_MAY", template={"credential": {**BLUE, **_may("[]")}}),
        Way("a tenant with empty lists", _FOREIGN, template={"credential": {**BLUE, **_may("{}")}}),
        Way("the first tasks left out by tags", _FOREIGN, {"form_domain": "db1"}, template={"skip_tags": "always"}),
        Way("... all tasks", "", template={"tags": "nothing"}),
        Way("... by the task to start at", _FOREIGN, {"form_domain": "db1"}, template=starting),
        Way(
            "... and a placement that nobody made",
            _NO_ANSWER,
            {"form_host": "any"},
            workflow={"hostdev_placement": {"host": "kvm003"}},
            template=starting,
        ),
        Way("a limit to other hosts", "none of its hosts", template={"limit": "kvm002,kvm003"}),
        Way("... by a pattern", "none of its hosts", template={"limit": "all:!kvm001"}),
    ]


def _jinja(name: str, text: str) -> dict[str, Any]:
    """A template with its own answer, which may be Jinja."""
    questions = [question for question in template("claim", BLUE).survey if question["variable"] != name]
    return {"extra_vars": {name: text}, "survey": questions}


def _may(text: str) -> dict[str, str]:
    return {"HOSTDEV_TENANT_MAY": text}


def faults(there: Site, mark: Path, share: slice) -> Iterator[str]:
    """What came through of a share of the ways, a line for each."""
    before, tried = there.state(), ways(mark)[share]
    with ThreadPoolExecutor(2) as pool:
        jobs = list(pool.map(lambda way: way.run(there), tried))
    for way, job in zip(tried, jobs):
        if way.refused and (not job.rc or not job.failures or any(way.refused not in said for said in job.failures)):
            yield f"{way.name}: {job.rc} {job.failures or job.output}"
        if not way.refused and job.of(_CLAIM):
            yield f"{way.name}: {job.of(_CLAIM)}"
    if there.state() != before:
        yield "a refused job changed a host"
    if mark.exists():
        yield "a text was taken for a template"
    yield from _of_hosts(there)


def _of_hosts(there: Site) -> Iterator[str]:
    """A host's variables are no answers, and an empty answer is none."""
    variables = there.controller.inventory["_meta"]["hostvars"]["kvm001"]
    variables.update(form_domain="db1", form_host="kvm003")
    of = template("claim", BLUE)
    job = there.controller.run(of, launch_variables(of, {"form_device": "gpu"}))
    for name in ("form_domain", "form_host"):
        del variables[name]
    if not job.rc or not any("there is no answer" in said for said in job.failures):
        yield f"variables of a host: {job.rc} {job.failures}"
    own = there.controller.run(template("release", ADMINISTRATOR), {"form_domain": "web1"})
    if own.rc:
        yield f"an administrator releases: {own.failures}"
