# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks and roles run by Ansible itself on hosts that are none, with stand-ins for the modules.

A stand-in answers what a variable of the host says, and notes that it was called. A list has an answer for each call,
of which the last one stands for all later ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_STAND_IN = """
import pathlib
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        name, host = self._task.action.rpartition(".")[2], task_vars["inventory_hostname"]
        answers = task_vars["answers"]
        if self._task.delegate_to:
            host = self._task.delegate_to
            answers = task_vars["hostvars"][host]["answers"]
        with open(pathlib.Path(task_vars["calls"], f"{name} {host}"), "a") as calls:
            number = calls.tell()
            calls.write(".")
        answer = answers[name]
        return {"changed": False, **(answer[min(number, len(answer) - 1)] if isinstance(answer, list) else answer)}
"""


class Run(t.NamedTuple):
    """What Ansible printed, its exit code, and which module was called on which host."""

    lines: list[str]
    code: int
    calls: set[str]

    @property
    def shown(self) -> list[str]:
        """The lines that say what was done."""
        return [line for line in self.lines if " => (item=" in line]


def lay_out(folder: Path, modules: t.Iterable[str], hosts: t.Mapping[str, t.Any], groups: t.Any = ()) -> None:
    """A collection with the playbooks, roles and filters as they are, and an inventory of these hosts and groups."""
    collection = folder / "ansible_collections/kvm/hostdev"
    for part in ("playbooks", "roles"):
        shutil.copytree(ROOT / part, collection / part)
    for kind, text in (("action", _STAND_IN), ("modules", "")):
        (collection / "plugins" / kind).mkdir(parents=True)
        for name in modules:
            (collection / f"plugins/{kind}/{name}.py").write_text(text, encoding="utf-8")
    for part in ("filter", "lookup", "module_utils", "plugin_utils"):
        (collection / "plugins" / part).symlink_to(ROOT / "plugins" / part)
    shared = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "hostdev_become": False}
    everything = {"hosts": hosts, "children": dict(groups), "vars": {**shared, "calls": str(folder / "calls")}}
    (folder / "inventory.json").write_text(json.dumps({"all": everything}), encoding="utf-8")


def run(folder: Path, play: t.Any, options: t.Iterable[str] = (), form: str = "json") -> Run:
    calls = folder / "calls"
    calls.mkdir()
    (folder / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": form,
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", "-i", "inventory.json", "play.yml", *options],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    called = {path.name for path in calls.iterdir()}
    shutil.rmtree(calls)
    return Run((done.stdout + done.stderr).splitlines(), done.returncode, called)


def imported(name: str, hosts: str, **variables: t.Any) -> dict[str, t.Any]:
    told = {"hostdev_hosts": hosts, **variables}
    return {"ansible.builtin.import_playbook": f"kvm.hostdev.{name}", "vars": told}
