# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people read when the playbooks run under Ansible's own callback, and what is asked of no host.

In the modules' places are stand-ins that answer what a variable of the host says, and note that they were called.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = """
import pathlib
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        name, host = self._task.action.rpartition(".")[2], task_vars["inventory_hostname"]
        pathlib.Path(task_vars["calls"], f"{name} {host}").touch()
        return {"changed": False, **task_vars["answers"][name]}
"""
MODULES = (
    "pci_facts",
    "pci_adopt",
    "pci_passthrough",
    "pci_passthrough_claim",
    "pci_passthrough_release",
    "pci_reconcile",
)
TAKEN = 'web1: nic = 0000:01:10.0 (8086:10ca), "igbvf" to vfio-pci, attached to definition and guest'
STILL = "web1: nic = 0000:01:10.0 (8086:10ca), as it was"
WRITTEN = "1 device of web1 written down"
REFUSED = "0000:01:10.0: in use; what to do: end it."
CHANGES = {
    "kvm1": {"changed": True, "msg": TAKEN},
    "kvm2": {"msg": STILL},
    "kvm3": {"failed": True, "msg": REFUSED},
}
OTHERS = {
    "pci_facts": {"ansible_facts": {"hostdev": {"drift": []}}},
    "pci_adopt": {"changed": True, "msg": WRITTEN, "lines": [], "unattached": [], "fighters": []},
}
WANTED = {"hostdev_domain": "web1", "hostdev_requests": [{"name": "nic", "specs": ["8086:10ca"]}]}
DATA = {"hostdev_claims": [], "passthrough_claims": []}
UNTOLD = {
    "no_requests": {"hostdev_domain": "web1"},
    "no_domain": {"hostdev_requests": []},
    "no_owner": {"hostdev_names": ["nic"]},
    "no_data": {"hostdev_purge": True},
}
ROLE_PLAY = {"hosts": "{{ hostdev_hosts }}", "gather_facts": False, "roles": ["kvm.hostdev.passthrough"]}


def imported(name: str, hosts: str, **variables: t.Any) -> dict[str, t.Any]:
    told = {"hostdev_hosts": hosts, **variables}
    return {"ansible.builtin.import_playbook": f"kvm.hostdev.{name}", "vars": told}


GOOD = "kvm1,kvm2"
PLAYS: dict[str, list[dict[str, t.Any]]] = {
    "claim": [imported("claim", "kvm1,kvm2,kvm3", **WANTED)],
    "others": [
        *(imported(name, GOOD, **WANTED, **DATA) for name in ("release", "passthrough", "reconcile")),
        imported("adopt", "kvm1", hostdev_adopt_confirm=True),
        {**ROLE_PLAY, "hosts": GOOD, "vars": DATA},
    ],
    "turns": [imported("claim", GOOD, **WANTED, hostdev_serial=1), imported("adopt", "kvm1")],
    # Were all hosts of a play to fail, Ansible would leave out those that follow.
    "untold": [
        imported("claim", "kvm1,no_requests,no_domain"),
        imported("release", "kvm1,no_owner"),
        imported("passthrough", "kvm1,no_data"),
    ],
}
OPTIONS = {"turns": ["--check", "--limit=kvm2,kvm1"]}
FORMS = {"others": "yaml"}


class Run(t.NamedTuple):
    """What Ansible printed, its exit code, and which module was called on which host."""

    lines: list[str]
    code: int
    calls: set[str]


def _lay_out(folder: Path) -> None:
    collection = folder / "ansible_collections/kvm/hostdev"
    for part in ("playbooks", "roles"):
        shutil.copytree(ROOT / part, collection / part)
    for kind, text in (("action", STAND_IN), ("modules", "")):
        (collection / "plugins" / kind).mkdir(parents=True)
        for name in MODULES:
            (collection / f"plugins/{kind}/{name}.py").write_text(text, encoding="utf-8")
    changing = [name for name in MODULES if name not in OTHERS]
    hosts = {host: {"answers": {**OTHERS, **dict.fromkeys(changing, told)}} for host, told in CHANGES.items()}
    hosts["kvm1"].update(WANTED | DATA)
    shared = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "hostdev_become": False}
    inventory = {"all": {"hosts": hosts | UNTOLD, "vars": {**shared, "calls": str(folder / "calls")}}}
    (folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")


def _run(folder: Path, name: str) -> Run:
    calls = folder / "calls"
    calls.mkdir()
    (folder / "play.yml").write_text(json.dumps(PLAYS[name]), encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": FORMS.get(name, "json"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", "-i", "inventory.json", "play.yml", *OPTIONS.get(name, ())],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    called = {path.name for path in calls.iterdir()}
    shutil.rmtree(calls)
    return Run((done.stdout + done.stderr).splitlines(), done.returncode, called)


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-playbooks-") as name:
        folder = Path(name).resolve()
        _lay_out(folder)
        return {name: _run(folder, name) for name in PLAYS}


def shown(run: Run) -> list[str]:
    return [line for line in run.lines if " => (item=" in line]


def test_a_line_of_each_host_says_what_was_done_and_that_nothing_was(runs):
    claim = runs["claim"]
    assert claim.code == 2
    assert sorted(shown(claim)) == [f"ok: [kvm1] => (item={TAKEN})", f"ok: [kvm2] => (item={STILL})"]
    assert any(line.startswith("fatal: [kvm3]") and REFUSED in line for line in claim.lines)


def test_the_other_playbooks_and_the_role_show_the_same_in_one_line_also_where_results_are_yaml(runs):
    others = runs["others"]
    assert others.code == 0
    of_each = [f"ok: [kvm1] => (item={TAKEN})", f"ok: [kvm2] => (item={STILL})"]
    assert sorted(shown(others)) == sorted([*of_each * 4, f"ok: [kvm1] => (item={WRITTEN})"])


def test_check_mode_turns_and_a_limit_show_the_same(runs):
    turns = runs["turns"]
    assert turns.code == 0
    first, second, adopted = shown(turns)
    assert (first, second) == (f"ok: [kvm1] => (item={TAKEN})", f"ok: [kvm2] => (item={STILL})")
    assert adopted.startswith(
        "ok: [kvm1] => (item=Nothing was written. Run it again with -e hostdev_adopt_confirm=true"
    )


def test_what_a_playbook_must_be_told_is_named_and_the_host_is_left_alone(runs):
    untold = runs["untold"]
    assert untold.calls == {"pci_passthrough_claim kvm1", "pci_passthrough_release kvm1", "pci_passthrough kvm1"}
    of_host = {host: next(line for line in untold.lines if line.startswith(f"fatal: [{host}]")) for host in UNTOLD}
    for host in ("no_requests", "no_domain"):
        assert "hostdev_domain (or hostdev_owner) and hostdev_requests say who gets which devices" in of_host[host]
        assert "-e hostdev_domain=web1 -e '{hostdev_requests: [{name: nic, specs: [8086:10ca]}]}'" in of_host[host]
    assert "hostdev_orphans says whose devices go back, and none of them is given" in of_host["no_owner"]
    assert "hostdev_claims says what no_data gives to whom, and is missing" in of_host["no_data"]
