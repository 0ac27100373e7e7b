# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""python3 -m tests.ee: what ansible-builder and ansible-navigator make of the collection from its tarball.

No image is built: that needs a container engine, and a registry.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.gates.places import CHECKOUT, REQUIREMENTS, collection_copy

_DEFINITIONS = {"newest": "ee-2.21", "awx": "ee-2.18", "tarball": "ee-2.21"}
"""The requirement set of the tests whose pins each definition has."""
_NAVIGATOR = ("--ee", "false", "--mode", "stdout", "--lf", "navigator.log")
_READING = {"hostdev_become": False, "hostdev_libvirt": "none", "ansible_python_interpreter": sys.executable}
_PLAY = """\
- name: Ask of what was gathered
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Gather from this machine, which is only read
      kvm.hostdev.pci_facts:
        libvirt: none
        gather_subset: [host]
    - name: Ask by a filter that needs JMESPath
      ansible.builtin.assert:
        that: ansible_facts.hostdev | kvm.hostdev.pci_query('host.kernel') == ansible_facts.hostdev.host.kernel
"""


class Tools:
    """The collection in a folder, as installed from its tarball, and what tools say about it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collections = folder / "collections"
        self.environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(self.collections), "HOME": str(folder)}
        self.environment.pop("PYTHONPATH")
        with collection_copy() as tree:
            self.run("ansible-galaxy", "collection", "build", "--output-path", str(folder), str(tree))
        (self.tarball,) = folder.glob("kvm-hostdev-*.tar.gz")
        target = ("--collections-path", str(self.collections))
        self.run("ansible-galaxy", "collection", "install", "--offline", *target, str(self.tarball))
        self.installed = self.collections / "ansible_collections/kvm/hostdev"

    def run(self, *words: str) -> str:
        """What a tool writes to its output. Ends the session where it fails."""
        ended = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise SystemExit(f"{' '.join(words)}: {ended.stdout}{ended.stderr}")
        return ended.stdout


def pins(tools: Tools) -> list[str]:
    """That definitions have the pins of the sets that the playbooks are tested with."""
    wrong = []
    for name, requirements in _DEFINITIONS.items():
        wanted = set(re.findall(r"^[a-z].*==.*", (REQUIREMENTS / f"{requirements}.in").read_text(), re.MULTILINE))
        told = yaml.safe_load((tools.installed / f"extensions/ee/{name}.yml").read_text())["dependencies"]
        has = {told["ansible_core"]["package_pip"], told["ansible_runner"]["package_pip"], *told["python"]}
        missing = wanted - has
        wrong += (
            [f"{name}.yml lacks {', '.join(sorted(missing))} of {requirements}.in"] if missing or not wanted else []
        )
    return wrong


def created(tools: Tools) -> list[str]:
    """That ansible-builder takes each definition as it is shipped, and makes of it what it says."""
    wrong = []
    for name in _DEFINITIONS:
        place = tools.folder / f"ee-{name}"
        shutil.copytree(tools.installed / "extensions/ee", place)
        shutil.copy(tools.tarball, place / "kvm-hostdev.tar.gz")
        context = place / "context"
        tools.run(
            "ansible-builder",
            "create",
            "--file",
            str(place / f"{name}.yml"),
            "--context",
            str(context),
            "--output-filename",
            "Containerfile",
        )
        told = yaml.safe_load((place / f"{name}.yml").read_text())["dependencies"]
        containerfile = (context / "Containerfile").read_text()
        galaxy = yaml.safe_load((context / "_build/requirements.yml").read_text())
        packed = (context / "_build/dist/kvm-hostdev.tar.gz").exists()
        if told["ansible_core"]["package_pip"] not in containerfile or galaxy != told["galaxy"]:
            wrong.append(f"{name}: the context lacks what its definition has")
        if packed is not (name == "tarball"):
            wrong.append(f"{name}: the tarball is {'' if packed else 'not '}in the context")
    return wrong


def introspected(tools: Tools) -> list[str]:
    """That a definition gets what filters need, and nothing else, from the collection itself."""
    told = yaml.safe_load(tools.run("ansible-builder", "introspect", str(tools.collections)))
    wanted = {"python": ["jmespath>=0.10  # from collection kvm.hostdev"], "system": []}
    return [] if told == wanted else [f"introspected: {told}, not {wanted}"]


def navigated(tools: Tools) -> list[str]:
    """The collection by ansible-navigator: in its list, one module's documentation, a play."""
    wrong = []
    listed = json.loads(tools.run("ansible-navigator", "collections", "--format", "json", *_NAVIGATOR))
    known = {entry["known_as"]: entry["collection_info"]["version"] for entry in listed["collections"]}
    version = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())["version"]
    if known.get("kvm.hostdev") != version:
        wrong.append(f"collections: {known}")
    if "pci_facts" not in tools.run("ansible-navigator", "doc", "kvm.hostdev.pci_facts", *_NAVIGATOR):
        wrong.append("doc: it does not know pci_facts")
    (tools.folder / "play.yml").write_text(_PLAY)
    recap = tools.run("ansible-navigator", "run", "play.yml", "--pae", "false", *_NAVIGATOR)
    if not re.search(r"ok=2 .*failed=0", recap):
        wrong.append(f"run: {recap}")
    here = ("--inventory", "localhost,", "--connection", "local", "--extra-vars", json.dumps(_READING))
    recap = tools.run("ansible-navigator", "run", "kvm.hostdev.report", "--pae", "false", *_NAVIGATOR, *here)
    if not re.search(r"localhost .*failed=0", recap):
        wrong.append(f"run of a playbook of the collection: {recap}")
    return wrong


_CHECKS: tuple[Callable[[Tools], list[str]], ...] = (pins, created, introspected, navigated)


def main() -> int:
    """Return 1 when something was wrong."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-ee-", ignore_cleanup_errors=True) as folder:
        tools = Tools(Path(folder).resolve())
        wrong = [fault for check in _CHECKS for fault in check(tools)]
    for fault in wrong:
        print(f"WRONG: {fault}")
    print(f"{len(_DEFINITIONS)} definitions, introspection, ansible-navigator: {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
