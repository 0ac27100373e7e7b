# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registering playbooks run by ansible-playbook, with the variables of the guide, against a made API."""

from __future__ import annotations

import copy
import json
import re
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.tests.awx.registering.made_awx import MadeAwx, Server
from ansible_collections.kvm.hostdev.tests.awx.registering.site import Run, made_awx, play, variables_of_guide

DOMAIN, DEVICE, HOST = "form_domain", "form_device", "form_host"
FACTS = {
    "devices": [
        {
            "capability": "pci",
            "address": "0000:3b:00.0",
            "vendor_id": "8086",
            "product_id": "10ca",
            "class": "020000",
            "header_type": 0,
            "device_type": "type-VF",
            "product_name": "82576 Virtual Function",
            "claimable": True,
            "blockers": [],
            "owner": None,
        }
    ],
    "claims": [],
    "host": {"domains": ["web1", "web9\nweb1", "{{ lookup('pipe', 'id') }}"]},
}
INVENTORY = {
    "kvm_hosts": {
        "hosts": {"kvm1": None, "kvm2": None, "kvm9": None},
        "vars": {"hostdev_aliases": [{"name": "a100", "vendor_id": "10de", "product_id": "20b5"}]},
    }
}


class Told(t.NamedTuple):
    """What was run, what was there after each run, and what each run changed."""

    awx: dict[str, MadeAwx]
    runs: dict[str, Run]


@pytest.fixture(scope="module")
def told() -> Told:
    awx, variables = made_awx(), variables_of_guide()
    fewer = _fewer(variables)
    seen, runs = {}, {}
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-awx-") as name, Server(awx) as server:
        folder = Path(name)
        of_choices = {key: variables[key] for key in ("hostdev_awx_organization", "hostdev_awx_tenants")}
        cached = _kept(folder)
        for step, playbook, given, more in (
            ("first", "awx_setup", variables, ()),
            ("choices", "awx_choices", of_choices, ("-i", "hosts.json")),
            ("again", "awx_setup", variables, ()),
            ("trusted", "awx_setup", _trusted(variables), ()),
            ("fewer", "awx_setup", fewer, ()),
            ("absent", "awx_setup", {**fewer, "hostdev_awx_state": "absent"}, ()),
        ):
            if step in BY_HAND:
                BY_HAND[step](awx)
            runs[step] = play(folder, server.url, playbook, given, *more, **cached)
            assert runs[step].code == 0, runs[step].output
            seen[step] = copy.deepcopy(awx)
    return Told(seen, runs)


def _trusted(variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The same tenant, which waits for no approval, and another one."""
    blue = {**variables["hostdev_awx_tenants"]["blue"], "approval": False}
    green = {"domains": [], "hosts": [], "team": "Others"}
    return {**variables, "hostdev_awx_tenants": {"blue": blue, "green": green}}


def _fewer(variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The other one alone, without a team, and nobody who approves."""
    left = {name: value for name, value in variables.items() if name != "hostdev_awx_approvers"}
    return {**left, "hostdev_awx_tenants": {"green": {"domains": [], "hosts": []}}}


def _let_others_start(awx: MadeAwx) -> None:
    for kind, name in (("job_templates", "Hostdev claim blue"), WORKFLOW):
        role = awx.named(kind, name)["summary_fields"]["object_roles"]["execute_role"]
        awx.answer("POST", f"/api/v2/roles/{role['id']}/teams/", {"id": awx.named("teams", "Others")["id"]})


def _note(awx: MadeAwx) -> None:
    """A note of somebody's own around what is in the description of a tenant's credential."""
    blue = awx.named("credentials", "Hostdev tenant blue")
    description = f"Ask {{ops}}. {blue['description']} See {{wiki}}."
    awx.answer("PATCH", f"/api/v2/credentials/{blue['id']}/", {"description": description})


def _have_own(awx: MadeAwx) -> None:
    """An execution environment that is somebody's own by now, and another organization with a tenant."""
    own = awx.named("execution_environments", "kvm.hostdev")["id"]
    awx.answer("PATCH", f"/api/v2/execution_environments/{own}/", {"description": "Mine."})
    type_ = awx.named("credential_types", "Hostdev tenant")["id"]
    elsewhere = awx.add("organizations", name="Elsewhere")
    awx.add("credentials", name="Hostdev tenant red", organization=elsewhere, credential_type=type_)


WORKFLOW = ("workflow_job_templates", "Hostdev device for a domain blue")
BY_HAND = {"trusted": _let_others_start, "fewer": _note, "absent": _have_own}
"""What somebody does in AWX before a step."""


def _kept(folder: Path) -> dict[str, str]:
    """What AWX remembers of the hosts, of the last one nothing, as it hands it to a job."""
    (folder / "hosts.json").write_text(json.dumps(INVENTORY), encoding="utf-8")
    (folder / "facts").mkdir()
    for host in ("kvm1", "kvm2"):
        (folder / "facts" / host).write_text(json.dumps({"hostdev": FACTS}), encoding="utf-8")
    return {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts")}


def test_tenants_that_are_not_said_as_they_must_be_are_told_before_anything_is_registered(tmp_path: Path) -> None:
    said: dict[str, t.Any] = {
        "blue": {"domains": ["web3"]},
        "green": {"domains": [], "hosts": [], "device": ["gpu"]},
        "red": {"domains": [], "hosts": [], "devices": None},
        "black": {"domains": [], "hosts": [], "tem": "Black"},
        "white": {"domains": [], "hosts": [], "approval": "no"},
        "grey": {"domains": "web3", "hosts": []},
        "line\n": {"domains": [], "hosts": []},
        "gre en": {"domains": [], "hosts": []},
        "fine": {"domains": [], "hosts": []},
    }
    awx = made_awx()
    with Server(awx) as server:
        run = play(tmp_path, server.url, "awx_setup", {**variables_of_guide(), "hostdev_awx_tenants": said})
    assert run.code != 0
    told = re.findall(
        r"hostdev_awx_tenants: (\S.*?) has ([a-z, ]+); its name is", re.sub(r"(\\n|\s)+", " ", run.output)
    )
    assert dict(told) == {name.strip(): ", ".join(sorted(keys)) for name, keys in said.items() if name != "fine"}
    assert awx.changes == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"hostdev_awx_tenats": {}}, "did you mean hostdev_awx_tenants?"),
        ({"hostdev_awx_approval_timeout": "1d"}, "argument 'hostdev_awx_approval_timeout' is of type"),
        ({"hostdev_awx_project": "Playbooks"}, "has not made: project Playbooks; give another name"),
        (
            {"hostdev_awx_environment": "Theirs"},
            "execution environment Theirs of another organization; give another name",
        ),
    ],
)
def test_what_is_not_said_as_it_must_be_is_refused_before_anything_is_registered(
    tmp_path: Path, changed: dict[str, t.Any], told: str
) -> None:
    awx = made_awx()
    awx.add("projects", name="Playbooks", organization=1)
    theirs = {"organization": awx.add("organizations", name="Theirs"), "description": "Made by kvm.hostdev.awx_setup"}
    awx.add("execution_environments", name="Theirs", image="theirs", **theirs)
    with Server(awx) as server:
        run = play(tmp_path, server.url, "awx_setup", {**variables_of_guide(), **changed})
    assert run.code != 0
    assert told in " ".join(run.output.split())
    assert awx.changes == []


def teams(awx: MadeAwx, kind: str, name: str, role: str) -> list[str]:
    """Those that have a role on a template."""
    roles = awx.named(kind, name)["summary_fields"]["object_roles"]
    return [team["name"] for team in awx.listed("roles", roles[role]["id"], "teams")]


def choices(awx: MadeAwx, name: str) -> dict[str, list[str]]:
    return {question["variable"]: question.get("choices") for question in awx.survey(name)["spec"]}


def test_all_that_the_guide_names_is_registered(told: Told) -> None:
    awx = told.awx["first"]
    assert {one["name"] for one in awx.all("job_templates")} == {
        *("Hostdev facts", "Hostdev report", "Hostdev audit", "Hostdev reconcile", "Hostdev adopt", "Hostdev choices"),
        "Hostdev reconcile host",
        *("Hostdev place blue", "Hostdev claim blue", "Hostdev release blue", "Hostdev verify blue"),
    }
    workflows = {one["name"] for one in awx.all("workflow_job_templates")}
    assert workflows == {"Hostdev device for a domain blue", "Hostdev refresh"}
    for template in awx.all("job_templates"):
        assert [label["name"] for label in awx.listed("job_templates", template["id"], "labels")] == ["kvm-hostdev"]
        assert template["use_fact_cache"] is True
    assert awx.named("job_templates", "Hostdev audit")["job_type"] == "check"
    assert awx.named("projects", "kvm.hostdev")["scm_url"] == "https://git.example.org/kvm/hostdev.git"


def test_nothing_can_be_asked_on_launch_but_the_form_and_the_host_to_reconcile(told: Told) -> None:
    awx = told.awx["again"]
    every = [one for kind in ("job_templates", "workflow_job_templates") for one in awx.all(kind)]
    asked = {(one["name"], key) for one in every for key, value in one.items() if key.startswith("ask_") and value}
    assert asked == {(f"Hostdev reconcile{one}", "ask_limit_on_launch") for one in ("", " host")}
    assert json.loads(awx.named("job_templates", "Hostdev reconcile host")["extra_vars"]) == {"hostdev_one_host": True}


def test_templates_with_a_form_ask_it(told: Told) -> None:
    awx = told.awx["again"]
    for kind in ("job_templates", "workflow_job_templates"):
        for one in awx.all(kind):
            assert one["survey_enabled"] is bool(awx.survey(one["name"]))
    assert awx.named("job_templates", "Hostdev claim blue")["survey_enabled"] is True


def test_a_tenant_is_told_by_its_credential_in_the_environment_of_the_job(told: Told) -> None:
    awx = told.awx["first"]
    assert awx.named("credential_types", "Hostdev tenant")["injectors"] == {
        "env": {"HOSTDEV_TENANT": "{{ tenant }}", "HOSTDEV_TENANT_MAY": "{{ may }}"}
    }
    inputs = awx.named("credentials", "Hostdev tenant blue")["inputs"]
    assert inputs["tenant"] == "blue"
    of_blue = variables_of_guide()["hostdev_awx_tenants"]["blue"]
    assert json.loads(inputs["may"]) == {key: of_blue[key] for key in ("domains", "hosts", "devices")}
    for name in ("place", "claim", "release", "verify"):
        template = awx.named("job_templates", f"Hostdev {name} blue")
        given = awx.listed("job_templates", template["id"], "credentials")
        assert {one["name"] for one in given} == {"KVM ssh", "Hostdev tenant blue"}
        assert template["extra_vars"] == ""


def test_the_workflow_asks_before_it_claims(told: Told) -> None:
    awx = told.awx["first"]
    workflow = awx.named("workflow_job_templates", "Hostdev device for a domain blue")
    nodes = [one for one in awx.all("workflow_job_template_nodes") if one["workflow_job_template"] == workflow["id"]]

    def after(node: t.Any, how: str) -> list[str]:
        return [one["identifier"] for one in awx.listed("workflow_job_template_nodes", node["id"], how)]

    links = {node["identifier"]: (after(node, "success_nodes"), after(node, "always_nodes")) for node in nodes}
    assert links == {
        "facts": ([], ["place"]),
        "place": (["approve"], []),
        "approve": (["claim"], []),
        "claim": (["verify"], []),
        "verify": ([], []),
    }
    (approval,) = awx.all("workflow_approval_templates")
    assert approval["timeout"] == 86400
    (approve,) = [node for node in nodes if node["identifier"] == "approve"]
    assert approve["unified_job_template"] == approval["id"]


def test_a_team_may_start_the_workflow_and_no_claim(told: Told) -> None:
    awx = told.awx["first"]
    assert teams(awx, "workflow_job_templates", "Hostdev device for a domain blue", "execute_role") == ["Blue"]
    assert teams(awx, "workflow_job_templates", "Hostdev device for a domain blue", "approval_role") == ["Operators"]
    assert teams(awx, "job_templates", "Hostdev release blue", "execute_role") == ["Blue"]
    assert teams(awx, "job_templates", "Hostdev claim blue", "execute_role") == []
    assert teams(awx, "job_templates", "Hostdev reconcile", "execute_role") == []


def test_a_team_that_is_trusted_may_claim_without_an_approval_and_no_other_may(told: Told) -> None:
    awx = told.awx["trusted"]
    assert teams(awx, "job_templates", "Hostdev claim blue", "execute_role") == ["Blue"]
    assert teams(awx, *WORKFLOW, "execute_role") == ["Blue"]
    assert teams(awx, "job_templates", "Hostdev claim green", "execute_role") == []
    assert teams(awx, "job_templates", "Hostdev release green", "execute_role") == ["Others"]


def test_what_is_no_longer_given_is_taken_back_and_named(told: Told) -> None:
    awx, task = told.awx["fewer"], "Take back what is no longer given"
    for tenant in ("blue", "green"):
        for name in ("place", "claim", "release", "verify"):
            assert teams(awx, "job_templates", f"Hostdev {name} {tenant}", "execute_role") == []
        for role in ("execute_role", "approval_role"):
            assert teams(awx, "workflow_job_templates", f"Hostdev device for a domain {tenant}", role) == []
    assert [line.partition(": ")[2] for line in told.runs["fewer"].changed if line.startswith(task)] == [
        "execute of team Blue on what is of tenant blue",
        "approval of team Operators on what is of tenant blue",
        "execute of team Others on what is of tenant green",
        "approval of team Operators on what is of tenant green",
    ]
    assert "hostdev_awx_tenants, without a team that may start them: Hostdev tenant blue" in told.runs["fewer"].output


def test_a_second_run_changes_nothing_and_leaves_the_choices(told: Told) -> None:
    assert told.runs["again"].changed == []
    before, after = told.awx["choices"], told.awx["again"]
    for kind in ("job_templates", "workflow_job_templates", "workflow_job_template_nodes", "credentials", "schedules"):
        assert after.all(kind) == before.all(kind)
    assert after.survey("Hostdev claim blue") == before.survey("Hostdev claim blue")


def test_before_hosts_are_known_the_form_offers_what_the_tenant_may(told: Told) -> None:
    offered = choices(told.awx["first"], "Hostdev claim blue")
    assert offered[DOMAIN] == ["web1", "web2"]
    assert offered[HOST] == ["any", "kvm1", "kvm2"]
    assert offered[DEVICE] == ["8086:10ca@type-VF", "a100"]


def test_then_it_offers_what_hosts_have(told: Told) -> None:
    awx = told.awx["choices"]
    offered = choices(awx, "Hostdev claim blue")
    assert offered[DEVICE] == ["a100", "8086:10ca@type-VF@82576-Virtual-Function"]
    assert offered[HOST] == ["any", "kvm1", "kvm2"]
    assert choices(awx, "Hostdev device for a domain blue") == offered
    assert choices(awx, "Hostdev release blue")[DOMAIN] == ["web1", "web2"]
    assert len(told.runs["choices"].changed) == 3  # place, claim and the workflow; what was held offers the same


def test_a_schedule_starts_facts_and_choices(told: Told) -> None:
    awx = told.awx["first"]
    (schedule,) = awx.all("schedules")
    assert schedule["unified_job_template"] == awx.named("workflow_job_templates", "Hostdev refresh")["id"]
    assert schedule["rrule"] == "DTSTART:20260101T000000Z RRULE:FREQ=MINUTELY;INTERVAL=60"
    job = awx.named("job_templates", "Hostdev choices")
    assert [one["name"] for one in awx.listed("job_templates", job["id"], "credentials")] == ["AWX itself"]
    tenants = variables_of_guide()["hostdev_awx_tenants"]
    assert json.loads(job["extra_vars"]) == {"hostdev_awx_organization": "KVM", "hostdev_awx_tenants": tenants}


def test_all_of_it_can_be_taken_away_and_nothing_else(told: Told) -> None:
    awx, before, said = told.awx["absent"], made_awx(), told.runs["absent"].output
    for kind in ("job_templates", "workflow_job_templates", "workflow_job_template_nodes", "schedules", "projects"):
        assert awx.all(kind) == []
    own = {"organizations": "Elsewhere", "credentials": "Hostdev tenant red", "credential_types": "Hostdev tenant"}
    for kind in ("credentials", "credential_types", "teams", "organizations"):
        names = {one["name"] for one in awx.all(kind)} - {own.get(kind)}
        assert names == {one["name"] for one in before.all(kind)}
    assert "has not made it: execution environment kvm.hostdev" in said
    assert [one["name"] for one in awx.all("execution_environments")] == ["kvm.hostdev"]
    assert "Hostdev tenant is left, since these have it: Hostdev tenant red" in said
    assert [one["name"] for one in awx.all("inventories")] == ["KVM hosts"]
