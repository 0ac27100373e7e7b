# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test without containers, with only a package index in reach, and without its silent passes.

It leaves with status 0 when git ignores the tree, when a tool is missing, and when a Python is missing: so its
output is read, and a run counts only when it says what it ran.
"""

from __future__ import annotations

import ast
import fcntl
import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

from tests.gates import pythons
from tests.gates.echo import echoed
from tests.gates.places import CACHE, COLLECTION, copy_files, files_under_test
from tests.gates.venvs import venv

# A Python that this machine does not have, or that the collection does not support, is no fault of the run.
_FORGIVEN = re.compile(
    r"Skipping (?:unit tests|sanity test \".*\") on Python [\d.]+ because it "
    r"(?:could not be found|is not supported by this collection|is only supported by module/module_utils unit tests)"
)
_SILENT = re.compile(r"skipp|could not be found|not found|unavailable|no tests applicable", re.IGNORECASE)

_PYTHON_RUN = {
    "sanity": re.compile(r'Running sanity test "(?:compile|import)" on Python ([\d.]+)'),
    "units": re.compile(r"Unit test [\w ]*with Python ([\d.]+)"),
}
_INTEGRATION_RUN = re.compile(r"Running (\S+) integration test (?:role|script)")


def run(command: str, arguments: t.Sequence[str], chosen: t.Sequence[str], *, core: str, python: Path) -> list[str]:
    """Run `ansible-test COMMAND`; returns what is wrong with the run, nothing when it is a true pass.

    `chosen` are the user's own arguments: with any, not everything need run. `core` names the requirements file with
    the ansible-core to use.
    """
    tools = venv(core, python)
    folder = CACHE / "ansible-test" / core
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another session that runs ansible-test in {folder}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        home, tree = _home(folder, tools), _tree(folder)
        if command == "integration":
            _write_settings(home, tree)
        return _run(command, [*arguments, *chosen], tools, home, tree, whole=not chosen)


def _run(command: str, arguments: list[str], tools: Path, home: Path, tree: Path, *, whole: bool) -> list[str]:
    environment = {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join(map(str, [tools, home / "bin", "/usr/local/bin", "/usr/bin", "/bin"])),
        "TERM": os.environ.get("TERM", "dumb"),
    }
    status, lines, _processor = echoed([tools / "ansible-test", command, *arguments], tree, environment)
    wrong = [f"exit status {status}"] if status else []
    if command == "integration":
        return wrong + _untested_targets(lines, tree, whole=whole)
    wrong += [f"skipped: {line}" for line in lines if _is_silent_skip(line)]
    # It also names Pythons for which the collection has no files to test.
    there = map(pythons.text, pythons.interpreters())
    named = {match for line in lines for match in _PYTHON_RUN[command].findall(line)}
    tested = [version for version in there if version in named]
    print(f"ansible-test {command}: Pythons tested: {', '.join(tested) or 'none'}", flush=True)
    if whole and not tested:
        wrong.append("no Python was tested")
    return wrong


def _is_silent_skip(line: str) -> bool:
    return line.startswith("WARNING") and bool(_SILENT.search(line)) and not _FORGIVEN.search(line)


def _untested_targets(lines: list[str], tree: Path, *, whole: bool) -> list[str]:
    """Every target is to run, but for those that only prepare others (`setup_*`)."""
    there = {path.name for path in tree.glob("tests/integration/targets/*") if path.is_dir()}
    wanted = {name for name in there if not name.startswith("setup_")}
    ran = {match for line in lines for match in _INTEGRATION_RUN.findall(line)}
    print(f"ansible-test integration: targets run: {', '.join(sorted(ran)) or 'none'}", flush=True)
    if not ran:
        return ["no integration target ran"]
    return [f"integration target {name} did not run" for name in sorted(wanted - ran) if whole]


def _tree(folder: Path) -> Path:
    """A copy of what is tested, always in one place, so that the environments that ansible-test keeps in it last."""
    tree = folder / "tree" / COLLECTION
    environments = tree / "tests/output/.tmp/delegation"
    kept = folder / "delegation"
    if environments.exists():
        shutil.rmtree(kept, ignore_errors=True)
        environments.rename(kept)
    shutil.rmtree(tree, ignore_errors=True)
    copy_files(files_under_test(), tree)
    if kept.exists():
        environments.parent.mkdir(parents=True)
        kept.rename(environments)
    return tree


def _home(folder: Path, tools: Path) -> Path:
    """A home for ansible-test, which keeps its environments there and forgets most of the caller's variables."""
    home = folder / "home"
    programs = home / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for link in programs.iterdir():
        link.unlink()
    for version, executable in pythons.interpreters().items():
        (programs / f"python{pythons.text(version)}").symlink_to(executable)
    _write_pip_settings(tools / "python", home / ".config/pip/pip.conf")
    _write_pip_bootstrap(tools, home / ".ansible/test/cache")
    return home


def _write_settings(home: Path, tree: Path) -> None:
    """Settings of Ansible for targets.

    It looks for the results of background jobs in the account's home, jobs leave them in `$HOME`. With pipelining a
    module takes one process instead of five; those of background jobs go without.
    """
    path = tree / "tests/integration/integration.cfg"
    if not path.exists() and path.parent.is_dir():
        path.write_text(f"[defaults]\nasync_dir = {home}/.ansible_async\n[connection]\npipelining = true\n")


def pip_settings(python: Path) -> str:
    """What this machine tells pip about its package index, as a pip.conf."""
    listing = subprocess.run(
        [python, "-m", "pip", "config", "list"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    lines = ["[global]", "disable-pip-version-check = 1"]
    for line in listing.splitlines():
        key, _equals, quoted = line.partition("=")
        name = key.rpartition(".")[2].removeprefix("default-")
        words = [word for word in ast.literal_eval(quoted).split() if not word.startswith("file:")]
        if (
            name in {"index-url", "extra-index-url", "trusted-host", "proxy", "cert", "client-cert", "timeout"}
            and words
        ):
            lines.append(f"{name} = {' '.join(words)}")
    return "\n".join([*dict.fromkeys(lines), ""])


def _write_pip_settings(python: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pip_settings(python))


def _write_pip_bootstrap(tools: Path, folder: Path) -> None:
    """ansible-test fetches a script that installs pip: put one in its cache that does so with pip's own wheel."""
    source = next(tools.parent.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py"))
    version = re.search(r"pip='([\d.]+)'", source.read_text())
    if version is None:
        raise RuntimeError(f"{source} does not say which pip ansible-test wants")
    script = folder / f"get_pip_{version[1].replace('.', '_')}.py"
    if script.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    pip = [str(tools / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    subprocess.run([*pip, "download", "--no-deps", "--dest", folder, f"pip=={version[1]}"], check=True)
    wheel = next(folder.glob(f"pip-{version[1]}-*.whl"))
    script.write_text(
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(wheel)!r})\n"
        "wanted = [word for word in sys.argv[1:] if word not in ('--no-setuptools', '--no-wheel')]\n"
        "sys.argv[1:] = ['install', *wanted]\n"
        "runpy.run_module('pip', run_name='__main__')\n"
    )
