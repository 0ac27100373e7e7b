# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks and roles reach every option of the modules that they call, and say so."""

from __future__ import annotations

import importlib
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.doc_fragments import _host
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests import guest_values, request, usb_scsi

ROOT = Path(__file__).resolve().parents[3]
CALLS = {
    "passthrough": "pci_passthrough",
    "claim": "pci_passthrough_claim",
    "release": "pci_passthrough_release",
    "reconcile": "pci_reconcile",
    "adopt": "pci_adopt",
}


def options(module: str) -> set[str]:
    """The documented options of a module, with those of its fragments."""
    doc = yaml.safe_load(
        importlib.import_module(f"ansible_collections.kvm.hostdev.plugins.modules.{module}").DOCUMENTATION
    )
    fragments = {
        "kvm.hostdev._host": _host.ModuleDocFragment.DOCUMENTATION,
        "kvm.hostdev._host.recording": _host.ModuleDocFragment.RECORDING,
        "kvm.hostdev._host.change": _host.ModuleDocFragment.CHANGE,
    }
    texts = [fragments[name] for name in doc["extends_documentation_fragment"] if name in fragments]
    return set().union(doc["options"], *(yaml.safe_load(text)["options"] for text in texts))


def handed(part: t.Any, module: str) -> dict[str, t.Any]:
    """The options that anything in a play or role hands to a module."""
    parts = part if isinstance(part, list) else part.values() if isinstance(part, dict) else ()
    own = (part.get(f"kvm.hostdev.{module}") or {}) if isinstance(part, dict) else {}
    return dict(own) | {option: value for one in parts for option, value in handed(one, module).items()}


def said(part: t.Any, module: str) -> set[str]:
    """Their names."""
    return set(handed(part, module))


@pytest.mark.parametrize("name", CALLS)
def test_a_playbook_reaches_every_option_of_its_module(name):
    """But for the tenant, whose name is the credential's of a form."""
    text = (ROOT / "playbooks" / f"{name}.yml").read_text()
    assert said(yaml.safe_load(text), CALLS[name]) == options(CALLS[name]) - {"tenant"}


def test_a_claim_that_is_placed_is_told_what_one_on_each_host_is():
    claim, placed = (
        yaml.safe_load((ROOT / "playbooks" / name).read_text()) for name in ("claim.yml", "tasks/claim_on.yml")
    )
    # A recorded host can be rehearsed on, and not chosen.
    told = {option: value for option, value in handed(claim, CALLS["claim"]).items() if option != "recording"}
    assert handed(placed, CALLS["claim"]) == told


@pytest.mark.parametrize("name", ["claim", "release"])
def test_a_form_hands_over_what_the_playbook_does_but_for_its_answers(name):
    """What an answer could stand for, and what changes what is there already, a form leaves out."""
    form, whole = (
        handed(yaml.safe_load((ROOT / "playbooks" / f"{file}.yml").read_text()), CALLS[name])
        for file in (f"form_{name}", name)
    )
    answers = {"domain", "requests", "names", "tenant"}
    assert {option: value for option, value in form.items() if option not in answers}.items() <= whole.items()
    assert all("lookup('kvm.hostdev.form', " in str(form[option]) for option in answers & form.keys())


@pytest.mark.parametrize("name", CALLS)
def test_a_playbook_has_one_prefix_of_variables(name):
    text = (ROOT / "playbooks" / f"{name}.yml").read_text()
    asked = {line.split("{{")[1].split("|")[0].strip() for line in text.splitlines() if "| default(omit)" in line}
    assert asked
    assert {variable for variable in asked if not variable.startswith("hostdev_")} == set()


ROLE = ROOT / "roles" / "passthrough"


def spec() -> dict[str, t.Any]:
    return yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def test_the_role_passes_every_option_of_its_module_and_describes_it():
    tasks = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text())
    assert said(tasks, "pci_passthrough") == options("pci_passthrough")
    assert {name[len("passthrough_") :] for name in spec()} == options("pci_passthrough")
    readme = (ROLE / "README.md").read_text()
    assert [name for name in spec() if f"`{name}`" not in readme] == []


def test_the_role_describes_each_key_of_a_claim_and_of_a_request():
    module = importlib.import_module("ansible_collections.kvm.hostdev.plugins.modules.pci_passthrough")
    claims = spec()["passthrough_claims"]["options"]
    assert claims.keys() == yaml.safe_load(module.DOCUMENTATION)["options"]["claims"]["suboptions"].keys()
    wanted = claims["requests"]["options"]
    assert wanted.keys() == set(request.KEYS)
    assert wanted["rom"]["options"].keys() == set(guest_values._ROM_KEYS)
    assert wanted["network"]["options"].keys() == set(guest_values._NETWORK_KEYS)
    assert wanted["usb"]["options"].keys() == set(usb_scsi.NODE_KEYS["usb"])
    assert wanted["scsi"]["options"].keys() == set(usb_scsi.NODE_KEYS["scsi"])


# What AWX runs for forms has guides of its own.
PLAYBOOKS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "playbooks").glob("*.yml"))
    if not path.stem.startswith(("awx_", "form_"))
}
TASKS = {
    path.name: path.read_text(encoding="utf-8")
    for path in (ROOT / "playbooks/tasks").glob("*.yml")
    if not path.stem.startswith("form_")
}
GUIDE = (ROOT / "docs/docsite/rst/guide_playbooks.rst").read_text(encoding="utf-8")


def own(part: t.Any) -> set[str]:
    """What a play gives itself: results that are registered, variables, and facts."""
    if isinstance(part, list):
        return set().union(*(own(one) for one in part))
    if not isinstance(part, dict):
        return set()
    mine = {part["register"]} if "register" in part else set()
    mine |= set(part.get("ansible.builtin.set_fact", ()))
    return mine | set(part.get("vars", ())) | set().union(*(own(one) for one in part.values()))


def read(part: t.Any) -> set[str]:
    """The variables with our prefix that stand in anything of a play, which are all but its own."""
    return set(re.findall(r"\bhostdev_\w+", str(part))) - own(part)


def table(title: str) -> dict[str, list[str]]:
    """The cells of the table below a title of the guide, by the variable in the first."""
    text = re.split(r"\n[^\n]+\n-{4,}\n", GUIDE.split(f"\n{title}\n{'-' * len(title)}\n", 1)[1])[0]
    rows = [re.split(r"\n     - ", row) for row in re.split(r"\n   \* - ", text)[1:]]
    return {cells[0].strip("` "): [" ".join(cell.split()) for cell in cells[1:]] for cells in rows[1:]}


COMMON = table("Variables of several playbooks")


def having(cell: str) -> set[str]:
    """The playbooks that a cell names."""
    without = cell.startswith("all")
    named = set(re.findall(r"\w+", cell.removeprefix("all but").removeprefix("all")))
    assert named <= PLAYBOOKS.keys()
    return PLAYBOOKS.keys() - named if without else named


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_the_guide_has_each_variable_of_a_playbook_and_no_other(name):
    included = TASKS.values() if "include_tasks" in PLAYBOOKS[name] else [TASKS["first.yml"]]
    plays = [part for text in (PLAYBOOKS[name], *included) for part in yaml.safe_load(text)]
    told = {variable for variable, cells in COMMON.items() if name in having(cells[0])}
    assert {"hostdev_hosts", "hostdev_become"} <= told
    wanted = read(plays)
    if name == "prepare":
        specs = yaml.safe_load((ROOT / "roles/host/meta/argument_specs.yml").read_text(encoding="utf-8"))
        wanted |= set(specs["argument_specs"]["main"]["options"])
    assert table(name).keys() & COMMON.keys() == set()
    assert {*told, *table(name)} == wanted


def test_the_guide_says_what_becomes_of_each_variable():
    cells = {name: cells for playbook in PLAYBOOKS for name, cells in table(playbook).items()}
    assert cells["hostdev_requests"][:2] == [":ansopt:`kvm.hostdev.pci_passthrough_claim#module:requests`", "required"]
    assert cells["hostdev_to"][:2] == [":ansopt:`kvm.hostdev.pci_passthrough_release#module:to`", "``recorded``"]
    assert all(len(row) in (2, 3) and all(row) for row in cells.values())
    assert all(len(row) == 4 and all(row) for row in COMMON.values())


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_what_a_playbook_registers_has_the_prefix(name):
    assert {
        variable for variable in own(yaml.safe_load(PLAYBOOKS[name])) if not variable.startswith("hostdev_")
    } == set()
