# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the made API of `made_awx` knows of AWX's objects: their fields, and what AWX 24.6.1 refuses of them.

Made by hand: fields that the registering playbooks have to do with, in the form of the real answers, with AWX's
defaults. A field that is not here is passed over, as AWX passes over a field that it does not have.
"""

from __future__ import annotations

import re
import typing as t

Object = dict[str, t.Any]

_TEXTS = dict.fromkeys(("name", "description"), "")
_ASKED_OF_ALL = "inventory labels limit scm_branch skip_tags tags variables"
_ASKED_OF_JOBS = (
    "credential execution_environment job_type forks timeout verbosity diff_mode instance_groups job_slice_count"
)


def _asks(names: str) -> Object:
    return {f"ask_{name}_on_launch": False for name in names.split()}


FIELDS: dict[str, Object] = {
    "organizations": {**_TEXTS, "default_environment": None},
    "labels": {"name": "", "organization": None},
    "teams": {**_TEXTS, "organization": None},
    "execution_environments": {**_TEXTS, "organization": None, "image": "", "credential": None, "pull": ""},
    "projects": {
        **_TEXTS,
        **dict.fromkeys(("scm_type", "scm_url", "scm_branch", "scm_revision"), ""),
        **dict.fromkeys(("organization", "credential", "default_environment")),
        "allow_override": False,
    },
    "inventories": {**_TEXTS, "organization": None, "kind": "", "host_filter": None, "variables": ""},
    "inventory_sources": {
        **_TEXTS,
        **dict.fromkeys(("inventory", "source_project")),
        **dict.fromkeys(("source", "source_path", "source_vars"), ""),
        **dict.fromkeys(("overwrite", "overwrite_vars", "update_on_launch"), False),
        "update_cache_timeout": 0,
    },
    "credential_types": {**_TEXTS, "kind": "cloud", "managed": False, "inputs": {}, "injectors": {}},
    "credentials": {**_TEXTS, "organization": None, "credential_type": None, "inputs": {}},
    "job_templates": {
        **_TEXTS,
        **_asks(f"{_ASKED_OF_ALL} {_ASKED_OF_JOBS}"),
        **dict.fromkeys(("organization", "project", "inventory", "execution_environment")),
        **dict.fromkeys(("playbook", "limit", "extra_vars", "job_tags", "skip_tags", "scm_branch"), ""),
        **dict.fromkeys(("survey_enabled", "become_enabled", "use_fact_cache", "allow_simultaneous"), False),
        "job_type": "run",
        "job_slice_count": 1,
    },
    "workflow_job_templates": {
        **_TEXTS,
        **_asks(_ASKED_OF_ALL),
        **dict.fromkeys(("organization", "inventory", "limit", "scm_branch")),
        **dict.fromkeys(("survey_enabled", "allow_simultaneous"), False),
        "extra_vars": "",
    },
    "workflow_job_template_nodes": {
        **dict.fromkeys(("workflow_job_template", "unified_job_template", "inventory", "limit")),
        "identifier": "",
        "extra_data": {},
        "all_parents_must_converge": False,
    },
    "workflow_approval_templates": {**_TEXTS, "timeout": 0},
    "schedules": {**_TEXTS, "rrule": "", "unified_job_template": None, "extra_data": {}, "enabled": True},
}
"""The fields of each kind, with what they are where nobody says."""
UNIFIED = (
    *("job_templates", "workflow_job_templates", "projects", "inventory_sources"),
    "workflow_approval_templates",
)
"""Kinds that share their numbers: what a schedule or a node may start."""
REFERS = {
    "organization": "organizations",
    "credential": "credentials",
    "default_environment": "execution_environments",
    "execution_environment": "execution_environments",
    "inventory": "inventories",
    "source_project": "projects",
    "project": "projects",
    "credential_type": "credential_types",
    "workflow_job_template": "workflow_job_templates",
    "unified_job_template": "unified_job_templates",
}
"""Fields that hold the number of another object, with its kind."""
ASSOCIATED = {
    "job_templates": {"credentials": "credentials", "labels": "labels"},
    "workflow_job_templates": {"labels": "labels"},
    "workflow_job_template_nodes": dict.fromkeys(
        ("success_nodes", "failure_nodes", "always_nodes"), "workflow_job_template_nodes"
    ),
    "roles": {"teams": "teams", "users": "users"},
}
"""Lists of others that an object has, with their kind."""
ROLES = {
    "job_templates": ("admin_role", "execute_role", "read_role"),
    "workflow_job_templates": ("admin_role", "execute_role", "read_role", "approval_role"),
}
UNIQUE = {
    "organizations": ("name",),
    "credential_types": ("name", "kind"),
    "credentials": ("name", "organization", "credential_type"),
    "execution_environments": ("name",),
    "workflow_job_template_nodes": ("identifier", "workflow_job_template"),
    "schedules": ("name", "unified_job_template"),
    "inventory_sources": ("name", "inventory"),
    "workflow_approval_templates": (),
}
"""What two objects of a kind may not have alike; all others the name within an organization."""
_RRULE = re.compile(r"DTSTART:\d{8}T\d{6}Z RRULE:FREQ=(MINUTELY|HOURLY|DAILY|WEEKLY);INTERVAL=\d+")
_ENV = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TYPES: dict[str, t.Any] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": (int, float),
}


def refusal(kind: str, values: Object) -> Object | None:
    """What AWX answers with 400 where it does not take an object with these values; None where it does."""
    if kind == "schedules" and not _RRULE.fullmatch(values["rrule"]):
        return {"rrule": [f"rrule parsing failed validation: {values['rrule']}"]}
    if kind == "credential_types":
        for name in values["injectors"].get("env", {}):
            if not _ENV.fullmatch(name) or name.startswith("ANSIBLE_"):
                return {"injectors": [f"Environment variable {name} is not allowed to be used in credentials."]}
    if kind == "execution_environments" and not values["image"]:
        return {"image": ["This field is required."]}
    return None


def survey_refusal(spec: t.Any) -> str | None:
    """The same of a survey."""
    if not isinstance(spec, dict) or not all(isinstance(spec.get(key), str) for key in ("name", "description")):
        return "'name' or 'description' missing from survey spec."
    questions = spec.get("spec")
    if not isinstance(questions, list) or not questions:
        return "'spec' doesn't contain any items."
    seen: set[str] = set()
    for number, question in enumerate(questions):
        wrong = _question_refusal(question)
        if wrong or question["variable"] in seen:
            return f"{wrong or 'duplicate variable'} in survey question {number}."
        seen.add(question["variable"])
    return None


def _question_refusal(question: Object) -> str | None:
    for key in ("type", "question_name", "variable", "required"):
        if key not in question:
            return f"'{key}' missing"
    if question["type"] not in _TYPES or not isinstance(question["required"], bool):
        return "'type' or 'required' is none"
    if any(question.get(key) is not None and type(question[key]) is not int for key in ("min", "max")):
        return "'min' or 'max' is no integer"
    default = question.get("default")
    if default not in (None, "") and not isinstance(default, _TYPES[question["type"]]):
        return "'default' is of another type"
    if question["type"].startswith("multi"):
        choices = question.get("choices")
        if not isinstance(choices, list) or not choices or not all(isinstance(choice, str) for choice in choices):
            return "'choices' is no list of texts"
        if default and any(word not in choices for word in default.split("\n")):
            return "'default' is none of the choices"
    return None
