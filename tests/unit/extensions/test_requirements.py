# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an execution environment is told to have is what the controller's code imports, and no more."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
ON_CONTROLLERS = ("action", "filter", "lookup", "plugin_utils", "test")
# What an execution environment has anyway: ansible-core with its own requirements.
GIVEN = {"ansible", "ansible_collections", "jinja2", "yaml"}


def test_requirements_are_what_is_imported_on_the_controller():
    folders = [ROOT / "extensions", *(ROOT / "plugins" / kind for kind in ON_CONTROLLERS)]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(files) > 50
    imported = {name for path in files for name in _imported(path)} - GIVEN - set(sys.stdlib_module_names)
    told = yaml.safe_load((ROOT / "meta/execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert list(told) == ["python"]
    listed = (ROOT / told["python"]).read_text(encoding="utf-8").splitlines()
    assert imported == {re.split("[>=<]", line)[0] for line in listed if line and not line.startswith("#")}


def _imported(path: Path) -> set[str]:
    """The packages that a file imports, within functions too; not its own collection's by their places."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}
