# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide from a form to a device: its files and its commands as they are, on two simulated hosts of the lab's kind.

One file is put beside those of the guide, which says how its hosts are reached.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..fleet.kernel import Kernels
from ..unit.helpers.fake_host import entries
from ..unit.helpers.guide import blocks, missing, write_files
from ..unit.helpers.recorded import expand
from .site import domain_xml, reached

NAME = "guide_form"
DOMAINS = {"kvm1": "web1", "kvm2": "db1"}
_RUN = "ansible-runner run form -p "
_WANTED = ["facts", "form_place", "form_claim", "form_verify", "form_release"]


def faults(collections: Path) -> Iterator[str]:
    """What is wrong, a line for each. The collection is installed in a folder of `collections`."""
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-form-") as name:
        folder = Path(name)
        write_files(NAME, folder)
        told = {host: _host(folder / "hosts" / host, domain) for host, domain in DOMAINS.items()}
        beside = {"all": {"hosts": told, "vars": {"hostdev_become": False}}}
        (folder / "form/inventory/simulated.yml").write_text(json.dumps(beside))
        with Kernels(folder / "hosts", list(DOMAINS)) as kernels:
            yield from _typed(folder, collections)
        breaches = [folder / "hosts" / host / "breaches" for host in DOMAINS]
        yield from [*kernels.wrong, *(line for path in breaches if path.exists() for line in path.open())]


def _host(folder: Path, domain: str) -> dict[str, object]:
    for part in ("root", "tmp", "bin", "domains"):
        (folder / part).mkdir(parents=True)
    expand(entries(), folder / "root")
    (folder / "domains" / f"{domain}.xml").write_text(domain_xml(folder.name, domain))
    return dict(reached(folder))


def _typed(folder: Path, collections: Path) -> Iterator[str]:
    """Each command of the guide, and what it says that it prints; then all devices are back."""
    shown = blocks(NAME)
    at = {block.text.strip().removeprefix("$ "): number for number, block in enumerate(shown)}
    typed = [command for command in at if command.startswith(_RUN)]
    if typed != [f"{_RUN}kvm.hostdev.{playbook}" for playbook in _WANTED]:
        yield f"the guide tells to type {typed}"
    definition = folder / "hosts/kvm1/domains/web1.xml"
    for command in typed:
        printed = _run(folder, collections, command)
        answer = shown[at[command] + 1] if at[command] + 1 < len(shown) else None
        lines = answer.text.splitlines() if answer is not None and answer.language == "text" else []
        if lacking := missing(printed, lines):
            yield f"{command} does not print {lacking}, but {printed}"
        if command.endswith("form_claim") and "<hostdev" not in definition.read_text():
            yield f"{command}: web1 has no device in its definition"
    if "<hostdev" in definition.read_text():
        yield "web1 has a device still"


def _run(folder: Path, collections: Path, command: str) -> list[str]:
    program = shutil.which("ansible-runner", path=os.path.dirname(sys.executable))
    assert program is not None
    tools = f"{os.path.dirname(program)}:/usr/bin:/bin"
    done = subprocess.run(
        [program, *command.split()[1:]],
        cwd=folder,
        env={
            "PATH": tools,
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    return lines if done.returncode == 0 else [*lines, f"it ended with {done.returncode}"]
