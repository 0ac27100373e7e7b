# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guide's code blocks: the files that it shows whole, and what it says that programs print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import typing as t
from pathlib import Path

import ansible_collections

GUIDES = Path(__file__).resolve().parents[3] / "docs/docsite/rst"
_BLOCK = re.compile(r"^\.\. code-block:: ([\w+]+)\n((?: {3}:\w+: .*\n)*)\n((?: {3}.*\n|\n)+)", re.MULTILINE)
_RESULT = re.compile(r"^[a-z]+: \[([^\]]+)\]")  # of a host, as in `ok: [kvm1] => ...`


class Block(t.NamedTuple):
    """A code block: its language, the file that its caption names or "", and its text."""

    language: str
    file: str
    text: str


def blocks(guide: str) -> list[Block]:
    """All code blocks of the guide of this name, in their order."""
    text = (GUIDES / f"{guide}.rst").read_text(encoding="utf-8")
    found = []
    for language, options, body in _BLOCK.findall(text):
        caption = re.search(r":caption: (.*)\n", options)
        found.append(Block(language, caption[1] if caption else "", textwrap.dedent(body).strip("\n") + "\n"))
    assert len(found) == text.count(".. code-block:: ")
    return found


def write_files(guide: str, folder: Path) -> list[str]:
    """Write the files that the guide shows into a folder; their names."""
    files = {block.file: block.text for block in blocks(guide) if block.file}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return list(files)


def printed_by(guide: str, command: str) -> list[str]:
    """The lines that a guide says a command prints: in the block behind the one that ends with it."""
    shown = blocks(guide)
    (number,) = [at for at, block in enumerate(shown) if " ".join(_words(block.text)).endswith(f" {command}")]
    assert (shown[number].language, shown[number + 1].language) == ("console", "text")
    return shown[number + 1].text.splitlines()


def _words(command: str) -> list[str]:
    """Those of a command that goes on in the next line after a backslash."""
    return command.replace("\\\n", " ").split()


def rehearse(folder: Path, recording: Path, playbook: str, *options: str, code: int = 0) -> list[str]:
    """What a playbook prints that is rehearsed on a recording, in a folder with `inventory.ini`; it ends with the code.

    Errors, which Ansible prints elsewhere, come last.
    """
    local = {"hostdev_become": "false", "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    variables = [f"-e{name}={value}" for name, value in {**local, "hostdev_recording": recording}.items()]
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", "-i", "inventory.ini", playbook, *options, *variables],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(os.path.dirname, ansible_collections.__path__)),
            "ANSIBLE_HOME": str(folder / ".ansible"),
            "ANSIBLE_NOCOLOR": "1",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def missing(printed: t.Iterable[str], shown: t.Iterable[str]) -> list[str]:
    """The lines that are shown and were not printed in that order; others may have stood between them, as `...`.

    Which of several hosts answers first nobody promises: neighbouring lines of results are in the order of each host.
    """
    lines, lacking = [_plain(line) for line in printed], []
    begin, of_hosts = 0, dict[str, int]()
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        result = _RESULT.match(line)
        if result is None:
            begin, of_hosts = max([begin, *of_hosts.values()]), {}
        try:
            after = lines.index(_plain(line), of_hosts.get(result[1], begin) if result else begin) + 1
        except ValueError:
            lacking.append(line)
            continue
        if result is None:
            begin = after
        else:
            of_hosts[result[1]] = after
    return lacking


def _plain(line: str) -> str:
    """A line without the stars that Ansible fills it up with."""
    return re.sub(r" \*+$", "", line.rstrip())
