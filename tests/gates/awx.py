# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The session `awx`: tests/awx in the packages of each execution environment, with the collection from its tarball."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import typing as t
from pathlib import Path

from tests.gates import pythons
from tests.gates.places import CHECKOUT, collection_copy, collections_path
from tests.gates.venvs import venv

# The ansible-core with which AWX's fact cache works by itself, and the newest, with the Pythons that each runs on.
ENVIRONMENTS = {"ee-2.18": ((3, 11), (3, 12), (3, 13)), "ee-2.21": ((3, 12), (3, 13))}


def run_all(arguments: t.Sequence[str]) -> bool:
    """Run them one after the other; true when all is well.

    Each way around the wall is tried in one of them, as long as no arguments say otherwise.
    """
    there = pythons.interpreters()
    found = {}
    for name, versions in ENVIRONMENTS.items():
        version = next((version for version in versions if version in there), None)
        if version is None:
            print(f"{name} left out: it needs one of Python {', '.join(map(pythons.text, versions))}", flush=True)
        else:
            found[name] = there[version]
    with installed() as collections:
        passed = [
            _run(name, python, arguments or ["--ways", str(len(found)), "--first", str(number)], collections)
            for number, (name, python) in enumerate(found.items())
        ]
    return all(passed)


@contextlib.contextmanager
def installed() -> t.Iterator[Path]:
    """A collections path with the collection as its tarball has it."""
    galaxy = [str(venv("galaxy") / "ansible-galaxy"), "collection"]
    with collection_copy() as tree, tempfile.TemporaryDirectory(prefix="kvm.hostdev-") as name:
        folder = Path(name)
        # By PYTHONPATH the checkout would be found, and nothing installed.
        env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": name, "LC_ALL": "C.UTF-8", "PYTHONPATH": ""}
        subprocess.run(
            [*galaxy, "build", "--output-path", name, str(tree)], check=True, env=env, stdout=subprocess.PIPE
        )
        built = next(folder.glob("kvm-hostdev-*.tar.gz"))
        install = [*galaxy, "install", "--offline", "--force", "--collections-path", name, str(built)]
        subprocess.run(install, check=True, env=env, stdout=subprocess.PIPE)
        yield folder


def _run(name: str, python: Path, arguments: t.Sequence[str], collections: Path) -> bool:
    tools = venv(name, python)
    env = {
        **os.environ,
        "KVM_HOSTDEV_INSTALLED": str(collections),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(collections_path()),
    }
    command = [str(tools / "python"), "-m", "ansible_collections.kvm.hostdev.tests.awx", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=env, check=False).returncode == 0
