# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job: its private data folder, and ansible-runner's transmit, worker and process, from file to file."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

from .rules import CacheFile, Template, Variables, command_line, extravars, facts_after

_INVENTORY = "#!/usr/bin/env python3\nprint({text!r})\n"
_ENDED = {"runner_on_ok": "ok", "runner_on_failed": "failed", "runner_on_unreachable": "unreachable"}
# ansible-runner brings files back as a zip, which knows times to two seconds.
_BEFORE = 3.0


@dataclass
class Job:
    """What became of a job: `tasks` as (task, host, state, result), `artifacts` for the next node."""

    rc: int
    tasks: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    artifacts: dict[str, Any] = field(default_factory=dict)
    output: str = ""

    def of(self, task: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Host, state and result of a task on each host that it ran for."""
        return [(host, state, result) for name, host, state, result in self.tasks if name == task]

    @property
    def failures(self) -> list[str]:
        return [str(result.get("msg")) for _task, _host, state, result in self.tasks if state != "ok"]


class Controller:
    """AWX: an inventory, the facts that it keeps, a project, and an execution environment in which jobs run.

    `collections` is where that has its collections, `project` a folder of playbooks, `inventory` as a script prints it.
    """

    def __init__(self, folder: Path, project: Path, collections: Path, inventory: Mapping[str, Any]) -> None:
        self._folder, self._project, self._collections = folder, project, collections
        self.inventory = dict(inventory)
        self.facts: dict[str, Any] = {}
        self.jobs = 0
        self._numbers = itertools.count(1)

    @property
    def hosts(self) -> list[str]:
        return list(self.inventory["_meta"]["hostvars"])

    def run(self, template: Template, variables: Variables) -> Job:
        """Run a job with these extra variables to its end."""
        number = next(self._numbers)  # of several threads each has its own
        self.jobs = number
        place = self._folder / f"job{number}"
        here, there = place / f"awx_{number}_control", place / "runner"
        there.mkdir(parents=True)
        written = self._lay_out(here, there, str(number), template, variables)
        return self._carry_out(here, there, str(number), template, written)

    def _lay_out(self, here: Path, there: Path, ident: str, template: Template, variables: Variables) -> float:
        for name in ("inventory", "env", "cp", f"artifacts/{ident}/fact_cache"):
            (here / name).mkdir(parents=True, mode=0o700)
        # Jobs that run beside this one write compiled files there, and take them away again under a temporary name.
        shutil.copytree(self._project, here / "project", ignore=shutil.ignore_patterns("__pycache__"))
        _write(here / "inventory/hosts", _INVENTORY.format(text=json.dumps(self.inventory)), 0o700)
        files = []
        if template.credential_vars:
            _write(here / "env/tmpcredential", extravars(template.credential_vars, {}))
            files.append(f"{there}/env/tmpcredential")
        _write(here / "env/cmdline", command_line(template, files))
        own = {"awx_job_id": int(ident), "awx_job_template_name": template.name, "tower_job_id": int(ident)}
        _write(here / "env/extravars", extravars({**variables, **own}, template.extra_vars))
        settings = {"job_timeout": 0, "suppress_ansible_output": True, "suppress_output_file": True}
        _write(here / "env/settings", json.dumps(settings))
        written = time.time() - _BEFORE
        if template.fact_cache:
            for host in self.hosts:
                if host in self.facts:
                    path = here / f"artifacts/{ident}/fact_cache/{host}"
                    _write(path, json.dumps(self.facts[host]))
                    os.utime(path, (written, written))
        return written

    def _carry_out(self, here: Path, there: Path, ident: str, template: Template, written: float) -> Job:
        asked, answered = here.parent / "transmitted", here.parent / "processed"
        with open(asked, "wb") as file:
            ansible_runner.interface.run(
                streamer="transmit",
                _output=file,
                ident=ident,
                private_data_dir=str(here),
                playbook=template.playbook,
                passwords={},
                envvars=self._environment(there, ident, template),
                suppress_env_files=True,
                fact_cache_type="jsonfile" if template.fact_cache else "",
            )
        with open(asked, "rb") as file, open(answered, "wb") as output:
            subprocess.run(
                [sys.executable, "-m", "ansible_runner", "worker", f"--private-data-dir={there}"],
                stdin=file,
                stdout=output,
                env=self._clean(),
                cwd=there,
                check=False,
            )
        job = Job(-1)
        lines: list[str] = []
        with open(answered, "rb") as file:
            ansible_runner.interface.run(
                streamer="process",
                _input=file,
                ident=ident,
                private_data_dir=str(here),
                event_handler=lambda event: _take(job, lines, event),
                quiet=True,
            )
        job.rc = int((here / f"artifacts/{ident}/rc").read_text())
        job.output = "".join(lines)
        if template.fact_cache:
            self._keep_facts(here / f"artifacts/{ident}/fact_cache", written)
        return job

    def _keep_facts(self, folder: Path, written: float) -> None:
        files = {
            host: CacheFile((folder / host).read_text(), (folder / host).stat().st_mtime)
            for host in self.hosts
            if (folder / host).exists()
        }
        self.facts = facts_after(self.facts, files, written)

    def _environment(self, there: Path, ident: str, template: Template) -> dict[str, str]:
        return {
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_COLLECTIONS_PATH": f"{there}/requirements_collections:{self._collections}",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{there}/cp",
            "JOB_ID": ident,
            "INVENTORY_ID": "1",
            "PROJECT_REVISION": "0" * 40,
            "AWX_HOST": "https://awx.example.com",
            "AWX_PRIVATE_DATA_DIR": str(there),
            "MAX_EVENT_RES": "700000",
            **template.credential,
        }

    def _clean(self) -> dict[str, str]:
        """What a container has: nothing of the caller's environment."""
        tools = os.path.dirname(sys.executable)
        return {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(self._folder), "LC_ALL": "C.UTF-8"}


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def _take(job: Job, lines: list[str], event: Mapping[str, Any]) -> bool:
    data = event.get("event_data") or {}
    lines.append(str(event.get("stdout") or "") + "\n")
    state = _ENDED.get(str(event["event"]))
    if state is not None and not (state == "failed" and data.get("ignore_errors")):
        job.tasks.append((str(data["task"]), str(data["host"]), state, dict(data.get("res") or {})))
    elif event["event"] == "playbook_on_stats":
        job.artifacts.update(data.get("artifact_data") or {})
    return False  # it need not be kept in a file


def hosts_inventory(hosts: Mapping[str, Mapping[str, Any]], variables: Mapping[str, Any]) -> dict[str, Any]:
    """An inventory as AWX's script prints it; `variables` are of all hosts."""
    numbered = {
        name: {"remote_tower_enabled": "true", "remote_tower_id": number, **of_host}
        for number, (name, of_host) in enumerate(hosts.items(), 1)
    }
    return {"all": {"hosts": list(numbered), "vars": dict(variables)}, "_meta": {"hostvars": numbered}}


__all__: Sequence[str] = ("Controller", "Job", "hosts_inventory")
