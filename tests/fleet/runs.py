# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-runner on the simulated hosts, several at once, and what their tasks returned."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import ansible_runner

from .cache import PLUGIN
from .claims import Answer, Claim
from .hosts import EVERYWHERE, Host

_STATES = {"runner_on_ok": "ok", "runner_on_failed": "failed", "runner_on_unreachable": "unreachable"}
_SECONDS = 1200
_INTERPRETER = Path(__file__).with_name("interpreter.py")
_NOBODY_THERE = "#!/bin/sh\necho 'ssh: connect to host: No route to host' >&2\nexit 255\n"


class Run(NamedTuple):
    """A playbook with the variables that are given to it."""

    name: str
    playbook: str
    variables: Mapping[str, Any]


class Site:
    """A folder in which ansible-runner has its files; `connection` leads to the fact cache."""

    def __init__(self, folder: Path, connection: str, collections: Sequence[str], *, forks: int) -> None:
        self._folder = folder
        self._inventory = folder / "inventory.json"
        self._forks = forks
        self._stopped = threading.Event()
        settings = folder / "ansible.cfg"
        settings.write_text(
            f"[defaults]\nhome = {folder}/ansible\nlocal_tmp = {folder}/ansible/tmp\ndeprecation_warnings = false\n"
            f"fact_caching = {PLUGIN}\nfact_caching_connection = {connection}\npipelining = true\n"
        )
        self._environment = {
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(collections),
        }

    def inventory(self, hosts: Sequence[Host], groups: Mapping[str, Sequence[Claim]]) -> None:
        """Write it: the hosts, whose folders lie in `hosts`, by their racks, and groups of claims."""
        racks: dict[str, Any] = {}
        for host in hosts:
            racks.setdefault(host.rack, {"hosts": {}})["hosts"][host.name] = self._variables(host)
        claims = {
            name: {"hosts": {claim.name: claim.variables() for claim in wanted}} for name, wanted in groups.items()
        }
        told = {"all": {"children": {EVERYWHERE: {"children": racks}, **claims}, "vars": {"hostdev_become": False}}}
        self._inventory.write_text(json.dumps(told))

    def _variables(self, host: Host) -> dict[str, Any]:
        folder = self._folder / "hosts" / host.name
        if not host.reachable:
            program = _program(folder / "bin/ssh", _NOBODY_THERE)
            return {"ansible_connection": "ssh", "ansible_ssh_executable": program}
        # The Python below the environment that this runs in: with nothing in it, like a host's own.
        python = [f"{sys.base_prefix}/bin/python3", "-I", "-S", str(_INTERPRETER), str(folder)]
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": _program(
                folder / "bin/python", f'#!/bin/sh\nexec {shlex.join(python)} "$@"\n'
            ),
        }

    def run(self, *runs: Run) -> list[list[Answer]]:
        """All at once; what the tasks of each returned. Ends the session where ansible-playbook itself goes wrong."""
        with ThreadPoolExecutor(len(runs)) as pool:
            try:
                return list(pool.map(self._run, runs))
            except BaseException:
                self._stopped.set()  # no run outlives the session
                raise

    def _run(self, run: Run) -> list[Answer]:
        answers: list[Answer] = []

        def told(event: dict[str, Any]) -> bool:
            state = _STATES.get(event["event"])
            if state is not None:
                data = event["event_data"]
                answers.append(Answer(str(data["task"]), str(data["host"]), state, data.get("res") or {}))
            return False  # it need not be kept in a file

        folder = self._folder / "runs" / run.name
        folder.mkdir(parents=True)
        runner = ansible_runner.run(
            private_data_dir=str(folder),
            playbook=run.playbook,
            inventory=str(self._inventory),
            extravars=dict(run.variables),
            envvars=self._environment,
            forks=self._forks,
            fact_cache_type=PLUGIN,  # else each run has a cache of its own, whatever ansible.cfg says
            event_handler=told,
            cancel_callback=self._stopped.is_set,
            timeout=_SECONDS,
            quiet=True,
        )
        # 2: a host failed, 4: one was not reachable (ansible/cli/playbook.py, TaskQueueManager)
        if runner.rc not in (0, 2, 4) or not answers:
            raise SystemExit(f"fleet: {run.name}: {runner.status} ({runner.rc})\n{runner.stdout.read()}")
        return answers


def _program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)
