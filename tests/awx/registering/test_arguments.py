# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.answers import DEFAULTS, QUESTIONS
from ansible_collections.kvm.hostdev.tests.awx.registering.arguments import Call, calls, faults
from ansible_collections.kvm.hostdev.tests.awx.registering.site import AWX_AWX, COLLECTION

FILES = [
    *sorted((COLLECTION / "playbooks/tasks/awx").glob("*.yml")),
    *(COLLECTION / f"playbooks/{name}.yml" for name in ("awx_setup", "awx_choices")),
]
CALLS = [(file.name, call) for file in FILES for call in calls(file)]


@pytest.mark.parametrize(("file", "call"), CALLS, ids=[f"{file}-{call.task}" for file, call in CALLS])
def test_awx_awx_takes_what_a_task_hands_over(file: str, call: Call) -> None:
    assert faults(call, AWX_AWX) == []


def test_every_kind_of_thing_that_is_registered_is_among_them() -> None:
    modules = "organization label execution_environment project inventory inventory_source credential_type credential "
    modules += "job_template workflow_job_template workflow_job_template_node schedule role"
    assert {call.module for _file, call in CALLS} == set(modules.split())


def test_all_faults_of_a_task_are_named() -> None:
    spoilt = {
        "identifier": "approve",
        "workflow_job_template": "W",
        "unified_job_template": "{{ name }}",
        "approval_node": {"name": "A", "timout": 60},
        "verbosity": 1,
        "job_type": "dry",
        "sucess_nodes": ["claim"],
    }
    found = "\n".join(faults(Call("Spoilt", "workflow_job_template_node", spoilt), AWX_AWX))
    for word in ("sucess_nodes", "job_type", "unified_job_template|approval_node", "timout"):
        assert word in found


def test_a_task_that_lacks_something_is_named() -> None:
    assert "missing required arguments: organization" in faults(Call("A label", "label", {"name": "x"}), AWX_AWX)[0]


def test_the_form_of_a_survey_is_data_and_no_template() -> None:
    data = yaml.safe_load((COLLECTION / "playbooks/vars/awx.yml").read_text(encoding="utf-8"))
    assert "{{" not in str(data)


def test_forms_ask_what_jobs_want_to_know_with_the_same_defaults() -> None:
    surveys = yaml.safe_load((COLLECTION / "playbooks/vars/awx.yml").read_text(encoding="utf-8"))["hostdev_awx_surveys"]
    for purpose, needed in QUESTIONS.items():
        asked = {question["variable"]: question for question in surveys[purpose]["spec"]}
        assert set(needed) <= set(asked) <= {*needed, *DEFAULTS}
        assert {name: str(asked[name]["default"]) for name in asked if name in DEFAULTS}.items() <= DEFAULTS.items()
        assert all(question["required"] for question in asked.values())


def test_no_answer_has_the_name_of_a_variable_of_a_template() -> None:
    data = yaml.safe_load((COLLECTION / "playbooks/vars/awx.yml").read_text(encoding="utf-8"))
    asked = {question["variable"] for survey in data["hostdev_awx_surveys"].values() for question in survey["spec"]}
    fixed = {name for _file, call in CALLS for name in call.arguments.get("extra_vars", {})}
    assert fixed
    assert asked & fixed == set()
    assert all("ask_variables_on_launch" in call.arguments for call in surveyed())


def surveyed() -> list[Call]:
    """Tasks that register what a survey belongs to."""
    return [call for _file, call in CALLS if call.arguments.get("survey_enabled")]


def test_the_guide_and_the_playbook_have_each_variable() -> None:
    guide = (COLLECTION / "docs/docsite/rst/guide_awx.rst").read_text(encoding="utf-8")
    table = guide.split("\nVariables\n---------\n", 1)[1].split("\nAAP\n---\n", 1)[0]
    told = set(re.findall(r"^   \* - ``(hostdev_awx_\w+)``$", table, re.MULTILINE))
    heading = (COLLECTION / "playbooks/awx_setup.yml").read_text(encoding="utf-8").split("\n- name", 1)[0]
    assert set(re.findall(r"hostdev_awx_\w+", heading)) == told
    assert read() - own() == told


def read() -> set[str]:
    """The variables that stand in the registering playbooks."""
    tasks = [line for file in FILES for line in file.read_text(encoding="utf-8").splitlines() if "#" not in line]
    return set(re.findall(r"\bhostdev_awx_\w+", "\n".join(tasks)))


def own() -> set[str]:
    """Those that they make themselves: data, what is handed to included tasks, results."""
    data = yaml.safe_load((COLLECTION / "playbooks/vars/awx.yml").read_text(encoding="utf-8"))
    texts = [file.read_text(encoding="utf-8") for file in FILES]
    made = {
        name
        for text in texts
        for name in re.findall(
            r"^ +(?:(?:loop_var|register): )?(hostdev_awx_\w+)(?=:(?! \{type)|$)", text, re.MULTILINE
        )
    }
    handed = {name for _file, call in CALLS for name in call.arguments.get("extra_vars", {})}
    return {*data, *(made - handed)}
