# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pattern claim_pci: one of the job templates of awx_setup, made from the same data, and held to the schema 1.0.0.

Nothing else looks into such a file: galaxy-importer asks only whether it is JSON, and ansible-lint has no rule for it.
"""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import yaml

from .filling import ROOT

PATTERN = "extensions/patterns/claim_pci/meta/pattern.json"
_DATA = "playbooks/vars/awx.yml"
_TITLE = 64
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_REQUIRED = ("schema_version", "name", "title", "description", "short_description", "aap_resources")
_QUESTION = ("type", "question_name", "question_description", "variable", "required", "default")


def wanted() -> dict[str, str]:
    """The file as it should be."""
    data = yaml.safe_load((ROOT / _DATA).read_text(encoding="utf-8"))
    survey = data["hostdev_awx_surveys"]["claim"]
    (template,) = [one for one in data["hostdev_awx_of_tenants"] if one["key"] == "claim"]
    pattern = {
        "schema_version": "1.0.0",
        "name": "claim_pci",
        "title": "Claim a PCI device",
        "description": f"{survey['description']} The form asks which domain, device and host.",
        "short_description": survey["description"].rstrip("."),
        "aap_resources": {
            "controller_project": {
                "name": "kvm.hostdev",
                "description": "PCI devices of KVM hosts for libvirt domains",
            },
            "controller_execution_environment": {
                "name": "kvm.hostdev",
                "description": "ansible-core with kvm.hostdev and awx.awx",
                "image_name": "kvm/hostdev_ee",
                "pull": "missing",
            },
            "controller_labels": ["kvm-hostdev"],
            "controller_job_templates": [
                {
                    "name": template["name"],
                    "description": template["description"],
                    "playbook": "claim.yml",
                    "primary": True,
                    "ask_credential_on_launch": True,
                    "ask_inventory_on_launch": True,
                    "labels": ["kvm-hostdev"],
                    "survey": {**survey, "spec": [_typed(question) for question in survey["spec"]]},
                }
            ],
        },
    }
    return {PATTERN: f"{json.dumps(pattern, indent=2)}\n"}


def _typed(question: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A question whose choices are a site's is typed; defaults are texts here."""
    typed = {**question, "default": str(question["default"])}
    if typed["type"] == "multiplechoice":
        del typed["choices"]
        typed.update(type="text", min=1, max=128)
    return typed


def faults(folder: Path) -> list[str]:
    """What is wrong with the pattern in this folder, by the schema 1.0.0 and by what reads it."""
    pattern = json.loads((folder / "meta/pattern.json").read_text(encoding="utf-8"))
    missing = [f"{key} is missing" for key in _REQUIRED if not pattern.get(key)]
    if missing:
        return missing
    found = []
    if pattern["schema_version"] != "1.0.0":
        found.append("schema_version is not 1.0.0")
    if not _NAME.fullmatch(pattern["name"]) or pattern["name"] != folder.name:
        found.append(f"name {pattern['name']} is not the folder's, of a-z, 0-9 and _")
    if len(pattern["title"]) > _TITLE or not pattern["title"][0].isupper():
        found.append(f"title: {_TITLE} letters at most, beginning with a verb")
    if pattern["short_description"].endswith("."):
        found.append("short_description ends with a full stop")
    if not (folder / "README.md").is_file():
        found.append("README.md is missing")
    return [*found, *_faults_of_resources(folder, pattern["aap_resources"])]


def _faults_of_resources(folder: Path, resources: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    project = resources.get("controller_project") or {}
    templates = resources.get("controller_job_templates") or []
    for where, one in (
        ("controller_project", project),
        *((f"template {each.get('name')}", each) for each in templates),
    ):
        for key in ("name", "description", *(() if where == "controller_project" else ("playbook",))):
            if not one.get(key):
                yield f"{where}: {key} is missing"
    if not templates:
        yield "controller_job_templates is empty"
    if len([one for one in templates if one.get("primary") is True]) != 1:
        yield "one template must be primary"
    files = {path.name for path in (folder / "playbooks").glob("*.yml") if not path.name.endswith(".meta.yml")}
    if files != {one.get("playbook") for one in templates}:
        yield f"templates have other playbooks than there are: {', '.join(sorted(files))}"
    for one in templates:
        for label in set(one.get("labels") or ()) - set(resources.get("controller_labels") or ()):
            yield f"template {one.get('name')}: controller_labels has no {label}"
        for question in (one.get("survey") or {}).get("spec") or ():
            yield from (f"question {question.get('variable')}: {fault}" for fault in _faults_of_question(question))


def _faults_of_question(question: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for key in _QUESTION:
        if key not in question:
            yield f"{key} is missing"
    if not isinstance(question.get("default"), str):
        yield "default is no text"
    if str(question.get("type")).startswith("multi") and not (
        isinstance(question.get("choices"), list) and question["choices"]
    ):
        yield "choices is no list"
