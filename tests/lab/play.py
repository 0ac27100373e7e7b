# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook against a host and returns what each task said."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import spent
from .patience import patient
from .say import LabError

_HERE = Path(__file__).resolve().parent
#: Modules as this process's playbooks have packed them: nobody changes the collection meanwhile.
_PACKED = tempfile.TemporaryDirectory(prefix="kvm-hostdev-packed-")


@dataclass(frozen=True)
class TaskResult:
    """One task's end: 'status' is ok, changed, failed, skipped or unreachable; 'result' what the module returned.

    'seconds' it took, from the controller's side.
    """

    task: str
    status: str
    result: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class PlayResult:
    """One run of ansible-playbook: its exit code, its output, and its tasks in order."""

    code: int
    output: str
    tasks: list[TaskResult]

    def of(self, task: str) -> TaskResult:
        """Return the result of the last task whose name is TASK, or ends with it if none is."""
        found = [result for result in self.tasks if result.task == task]
        found = found or [result for result in self.tasks if result.task.endswith(task)]
        if not found:
            raise LabError(f"no task {task!r} was run:\n{self.output}")
        return found[-1]


def play(
    inventory: str | Path,
    playbook: str | list[dict[str, Any]],
    *options: str,
    variables: dict[str, Any] | None = None,
) -> PlayResult:
    """Run a playbook against INVENTORY (a file, or its text): one of the collection by its name, or plays as data."""
    with tempfile.TemporaryDirectory(prefix="kvm-hostdev-play-") as folder:
        hosts, results, settings = (Path(folder, name) for name in ("hosts.yml", "results", "ansible.cfg"))
        if isinstance(inventory, str):
            hosts.write_text(inventory)
        else:
            hosts = inventory
        settings.write_text("[defaults]\n")
        results.touch()
        if not isinstance(playbook, str):
            written = Path(folder, "play.yml")
            written.write_text(json.dumps(playbook))
            playbook = str(written)
        command = ["ansible-playbook", "-i", str(hosts), *options, playbook]
        if variables:
            command += ["-e", json.dumps(variables)]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "KVM_HOSTDEV_RESULTS": str(results),
            "KVM_HOSTDEV_PACKED": _PACKED.name,
        }
        with spent.spending(spent.PLAYBOOKS):
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        lines = [json.loads(line) for line in results.read_text().splitlines()]
        spent.count_tasks(len(lines))
        return PlayResult(done.returncode, done.stdout, [TaskResult(**line) for line in lines])


def tasks(*wanted: dict[str, Any], hosts: str = "lab") -> list[dict[str, Any]]:
    """Return a playbook of one play with the tasks WANTED, in which guests and other runs have time."""
    defaults = {f"kvm.hostdev.pci_passthrough_{change}": patient() for change in ("claim", "release")}
    return [{"hosts": hosts, "gather_facts": False, "module_defaults": defaults, "tasks": list(wanted)}]
