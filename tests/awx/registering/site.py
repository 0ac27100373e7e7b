# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A place from which the registering playbooks are run by ansible-playbook, against a made API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import ansible_collections
import yaml

from ansible_collections.kvm.hostdev.tests.awx.registering.made_awx import TOKEN, MadeAwx
from ansible_collections.kvm.hostdev.tests.gates.packaged import packaged

COLLECTION = Path(__file__).resolve().parents[3]
AWX_AWX = packaged("awx.awx", "ansible==11.13.0")
"""A collections path. 11.13.0 is the last release of `ansible` that has awx.awx; it is 24.6.1, as AWX itself."""


class Run(t.NamedTuple):
    """How a playbook ended; `changed` has the tasks that changed something, each with its items."""

    code: int
    output: str

    @property
    def changed(self) -> list[str]:
        changed, task = [], ""
        for line in self.output.splitlines():
            task = line.split("[", 1)[1].rsplit("]", 1)[0] if line.startswith("TASK [") else task
            if line.startswith("changed: "):
                changed.append(f"{task}: {line.partition('(item=')[2].rstrip(')')}".rstrip(": "))
        return changed


def made_awx() -> MadeAwx:
    """An AWX as somebody has it who registers nothing of ours yet: credentials, and teams of the tenants."""
    awx = MadeAwx({f"playbooks/{path.name}" for path in (COLLECTION / "playbooks").glob("*.yml")})
    organization = awx.add("organizations", name="KVM")
    machine = awx.add("credential_types", name="Machine", kind="ssh", managed=True)
    controller = awx.add("credential_types", name="Red Hat Ansible Automation Platform", kind="cloud", managed=True)
    awx.add("credentials", name="KVM ssh", organization=organization, credential_type=machine)
    awx.add("credentials", name="AWX itself", organization=organization, credential_type=controller)
    for team in ("Blue", "Operators", "Others"):
        awx.add("teams", name=team, organization=organization)
    return awx


def play(
    folder: Path, url: str, playbook: str, variables: t.Mapping[str, t.Any], *arguments: str, **environment: str
) -> Run:
    """Run a playbook of the collection by its name, as somebody does who has variables in a file.

    Hundreds of tasks bring the same files: these are compiled once, which is half of what a task costs.
    """
    (folder / "sitecustomize.py").write_text((COLLECTION / "tests/lab/warm/bytecode.py").read_text(encoding="utf-8"))
    (folder / "variables.yml").write_text(yaml.safe_dump(dict(variables)), encoding="utf-8")
    (folder / "ansible.cfg").write_text("", encoding="utf-8")
    own = [os.path.dirname(path) for path in ansible_collections.__path__]
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", f"kvm.hostdev.{playbook}", "-e", "@variables.yml", *arguments],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("CONTROLLER_", "TOWER_"))},
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([*own, AWX_AWX]),
            "ANSIBLE_CONFIG": "ansible.cfg",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "CONTROLLER_HOST": url,
            "CONTROLLER_OAUTH_TOKEN": TOKEN,
            "HOME": str(folder),
            "KVM_HOSTDEV_BYTECODE": str(folder / "bytecode"),
            "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]),
            **environment,
        },
        check=False,
        capture_output=True,
        text=True,
    )
    return Run(done.returncode, done.stdout + done.stderr)


def variables_of_guide() -> dict[str, t.Any]:
    """The variables file that the guide on AWX shows."""
    text = (COLLECTION / "docs/docsite/rst/guide_awx.rst").read_text(encoding="utf-8")
    shown = re.search(r"\n   # awx\.yml\n((?: {3}.*\n|\n)+)", text)
    assert shown, "the guide shows awx.yml"
    return t.cast("dict[str, t.Any]", yaml.safe_load(shown[1]))
