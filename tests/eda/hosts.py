# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated hosts (tests/fleet) that hold a device each, and post their state as the unit does."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.paths import SETTINGS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.settings import EventSettings
from ansible_collections.kvm.hostdev.tests.fleet import interpreter
from ansible_collections.kvm.hostdev.tests.fleet.hosts import GPU, Host, bindings, lay_out
from ansible_collections.kvm.hostdev.tests.fleet.kernel import Kernels

HOSTS = [Host(f"kvm{number:03}", "rack01", "GPU and VFs") for number in (1, 3)]
GROUP = "rack01"
DEVICE = "0000:10:00.0"
_FACTS = "/etc/ansible/facts.d"
_TOKEN, _CA = "/etc/kvm.hostdev.token", "/etc/kvm.hostdev.ca"
# What the unit starts, but for the root of the host and the libvirt that is not on it.
_POST = f"""
import sys
from ansible_collections.kvm.hostdev.plugins.module_utils._host.events.post import post
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
sys.exit(post({_FACTS!r}, Tree(sys.argv[1]), lambda: (None, "libvirt is not on this host")))
"""


class Hosts:
    """The hosts in a folder, with an inventory, settings of Ansible, and a fact cache in `cache`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.inventory = folder / "inventory.json"
        self.cache = folder / "cache"
        hosts = {host.name: {"ansible_python_interpreter": self._interpreter(host)} for host in HOSTS}
        group: dict[str, object] = {GROUP: {"hosts": {name: {} for name in hosts}}}
        variables = {"ansible_connection": "local", "hostdev_become": False}
        told = {"all": {"hosts": hosts, "children": group, "vars": variables}}
        self.inventory.write_text(json.dumps(told))
        settings = folder / "ansible.cfg"
        settings.write_text(
            f"[defaults]\nhome = {folder}/ansible\nlocal_tmp = {folder}/ansible/tmp\ndeprecation_warnings = false\n"
            f"fact_caching = ansible.builtin.jsonfile\nfact_caching_connection = {self.cache}\npipelining = true\n"
        )
        self.environment = {**os.environ, "ANSIBLE_CONFIG": str(settings), "HOME": str(folder)}

    def _interpreter(self, host: Host) -> str:
        """The Python of the host (tests/fleet/interpreter.py), below the environment that this runs in."""
        folder = self._folder / "hosts" / host.name
        program = folder / "bin/python"
        python = [f"{sys.base_prefix}/bin/python3", "-I", "-S", interpreter.__file__, str(folder)]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(python)} "$@"\n')
        program.chmod(0o755)
        return str(program)

    def play(self, playbook: str, **variables: object) -> None:
        """Run a playbook on all hosts. Raises CalledProcessError."""
        command = [
            "ansible-playbook",
            "--inventory",
            str(self.inventory),
            "--extra-vars",
            json.dumps(variables),
            playbook,
        ]
        ended = subprocess.run(
            command, env=self.environment, cwd=self._folder, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise SystemExit(f"{playbook}: {ended.stdout}{ended.stderr}")

    def claim(self) -> None:
        """Have an owner claim the GPU of each host."""
        requests = [{"name": "gpu", "specs": [GPU]}]
        self.play("kvm.hostdev.claim", hostdev_owner="dpdk0", hostdev_requests=requests, hostdev_attach=[])

    def driver(self, host: Host) -> str | None:
        return bindings(self._root(host))[DEVICE][0]

    def take_driver(self, host: Host) -> None:
        """Have the claimed device without a driver, as somebody would by hand."""
        device = self._root(host) / "sys/bus/pci/devices" / DEVICE
        (device / "driver").unlink()
        shutil.rmtree(device / "vfio-dev")
        (device / "driver_override").write_text("(null)\n")

    def post(
        self, host: Host, url: str, token: str, ca: Path, name: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Let a host post its state, as its timer does, in its own name or another."""
        root = self._root(host)
        told = EventSettings(url, name or host.name, 300, _TOKEN, _CA).text()
        for path, text in {SETTINGS: told, _TOKEN: f"{token}\n", _CA: ca.read_text()}.items():
            file = root / path[1:]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o600)
        command = [sys.executable, "-c", _POST, str(root)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    def _root(self, host: Host) -> Path:
        return self._folder / "hosts" / host.name / "root"


@contextmanager
def simulated(folder: Path) -> Iterator[Hosts]:
    """The hosts with their kernel."""
    for host in HOSTS:
        lay_out(host, folder / "hosts" / host.name)
    with Kernels(folder / "hosts", [host.name for host in HOSTS]):
        yield Hosts(folder)


def as_older_core(cache: Path, host: Host, changes: Mapping[str, Sequence[str]]) -> None:
    """Have the cached facts of a host in the form of ansible-core 2.18, with some texts replaced."""
    told = json.loads((cache / f"s1_{host.name}").read_text())["__payload__"]
    for before, after in changes.values():
        told = told.replace(before, after)
    (cache / f"s1_{host.name}").unlink()
    (cache / host.name).write_text(json.dumps(json.loads(told), indent=4))
