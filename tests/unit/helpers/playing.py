# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks run by ansible-playbook itself, and what their tasks returned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import ansible_collections
import yaml

_CALLBACK = Path(__file__).parent / "callback"


class Site:
    """A folder with an inventory and settings, in which plays are run."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder = folder
        (folder / "ansible.cfg").write_text(settings, encoding="utf-8")
        (folder / "inventory").mkdir()

    def write(self, name: str, content: t.Any) -> None:
        """A file of YAML."""
        (self.folder / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def ansible(self, program: str, *arguments: str) -> str:
        """What a program of Ansible prints, which must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", f"ansible.cli.{program}", "-i", "inventory", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(os.path.dirname, ansible_collections.__path__)),
                "ANSIBLE_CONFIG": "ansible.cfg",
                "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACK),
                "ANSIBLE_CALLBACKS_ENABLED": "answers",
                "ANSWERS": "answers",
            },
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def play(self, plays: t.Sequence[t.Any]) -> list[dict[str, t.Any]]:
        """What the tasks returned, in their order: host, task, state and result."""
        answers = self.folder / "answers"
        answers.unlink(missing_ok=True)
        self.write("playbook.yml", plays)
        self.ansible("playbook", "playbook.yml")
        return [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
