# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ansible-cores that the collection is tested on, what runs on which, and a look at all of them and at the next."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
import typing as t
from pathlib import Path

from tests.gates import pythons
from tests.gates.echo import echoed
from tests.gates.everything import Outcome, print_table
from tests.gates.places import CACHE, REQUIREMENTS, collection_copy

# Those of `./run test`, with the Pythons of their controllers, the first one that is there is taken.
CORES: dict[str, tuple[pythons.Version, ...]] = {
    "core-2.18": ((3, 11), (3, 12), (3, 13)),
    "core-2.19": ((3, 11), (3, 12), (3, 13)),
    "core-2.21": ((3, 14), (3, 13), (3, 12)),
}
# Those of `./run cores` besides.
BY_HAND: dict[str, tuple[pythons.Version, ...]] = {"core-2.20": ((3, 12), (3, 13), (3, 14))}
# Rules that know neither a host nor Ansible, and behave alike on every Python on which they run at all.
PURE = ("tests/unit/plugins/module_utils/_model/", "tests/unit/plugins/module_utils/test_no_shell.py")
MODULES = "tests/unit/plugins/modules/"
CONFORMANCE = "tests/unit/conformance/"
# All tests of what imports Ansible, of what Ansible makes of a module, and of what it reads in the documentation.
OF_ANSIBLE = (
    MODULES,
    *(f"tests/unit/plugins/{name}/" for name in ("module_utils/_module", "action", "filter", "plugin_utils")),
    "tests/unit/roles/",
    "tests/unit/playbooks/",
    "tests/unit/test_what_a_task_costs.py",
    *(f"{CONFORMANCE}test_{name}.py" for name in ("examples", "guides", "returns")),
)
# Of these what an older ansible-core does in its own way: reading options, templates, playbooks, packing a module.
OF_OLDER = (
    *(f"{MODULES}test_{name}.py" for name in ("modules", "constraints")),
    *(f"tests/unit/plugins/{name}/" for name in ("module_utils/_module", "action", "filter")),
    "tests/unit/playbooks/test_place.py",
)
# What takes long with modules and shows rules: on the oldest Python and in `units`, whatever the ansible-core.
RULES_OF_MODULES = tuple(
    f"{MODULES}test_{name}.py"
    for name in ("constraints", "constraints_of_owners", "odd_inputs", "recording_anonymous", "rehearsal", "samples")
)
# What Pythons between the oldest and the newest are asked: options, results and errors of the modules that change who
# has a device, and reading the zip that Ansible sends, for which each Python has its own ways.
BETWEEN = (f"{MODULES}test_modules.py", "tests/unit/plugins/module_utils/_module/")
# Tests of ansible-test sanity whose answer is the same on each ansible-core, but for the version of their tools.
OF_TEXT = ("pylint", "pep8")
# And those that ask ansible-core itself, which reads documentation and options of modules. `compile` tells on which
# Python that was. What is imported of ansible-core, unit tests import as well.
OF_CORE = ("action-plugin-docs", "ansible-doc", "compile", "runtime-metadata", "validate-modules")
Environment = t.Callable[[Path, Path], dict[str, str]]


def next_core() -> str:
    """What pip is asked for to have the ansible-core after the newest of ours, as a beta where it is not out."""
    newest = max(tuple(map(int, core.removeprefix("core-").split("."))) for core in CORES)
    return f"ansible-core>={newest[0]}.{newest[1] + 1}.0b1"


def try_all(arguments: t.Sequence[str], environment: Environment) -> bool:
    """Run what has to do with Ansible on each ansible-core, and print a table; true when all passed.

    With `--betas` that is on the next ansible-core alone, on the newest Python that is here; other arguments go to
    pytest. `environment` makes a command's variables, of its tools' folder and a collections path.
    """
    further = [argument for argument in arguments if argument != "--betas"]
    if "--betas" in arguments:
        wanted = {next_core(): max(pythons.interpreters())}
    else:
        wanted = {}
        for core, versions in sorted({**CORES, **BY_HAND}.items()):
            version = pythons.first(versions)
            if version is None:
                print(f"{core} left out: it needs one of Python {', '.join(map(pythons.text, versions))}")
            else:
                wanted[pinned(core)] = version
    return print_table([_tried(core, version, further, environment) for core, version in wanted.items()])


def pinned(core: str) -> str:
    """What the requirements of a core say is to be installed."""
    return (REQUIREMENTS / f"{core}.in").read_text(encoding="utf-8").split("\n\n")[-1].strip()


def _tried(core: str, version: pythons.Version, arguments: t.Sequence[str], environment: Environment) -> Outcome:
    tools = _tools(core, pythons.interpreters()[version])
    told = subprocess.run([tools / "python", "-m", "pip", "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    name = f"{re.findall(r'^ansible-core +(.+)$', told, re.MULTILINE)[0]} on Python {pythons.text(version)}"
    print(f"\n--- ansible-core {name} ---", flush=True)
    command = [str(tools / "python"), "-m", "pytest", "-p", "no:cacheprovider", *(arguments or OF_ANSIBLE)]
    started = time.monotonic()
    with collection_copy() as tree:
        run = echoed(command, tree, {**os.environ, **environment(tools, tree.parents[2])})
    closing = [line for line in run.lines if line.startswith("=") and " in " in line]
    return Outcome(name, run.status == 0, time.monotonic() - started, run.processor, 1, closing)


def _tools(core: str, python: Path) -> Path:
    """The `bin` folder of an environment with an ansible-core and what the unit tests need, made once.

    That of a core that is not pinned is made anew on each day, since it may have become a newer one.
    """
    further = (REQUIREMENTS.parent / "unit/requirements.txt").read_text(encoding="utf-8")
    day = "" if "==" in core else time.strftime("%F")
    test = (REQUIREMENTS / "ansible.in").read_text(encoding="utf-8")
    runners = [line for line in test.splitlines() if line.startswith("pytest")]
    key = hashlib.sha256("\0".join([core, str(python), further, day, *runners]).encode()).hexdigest()[:12]
    folder = CACHE / "venvs" / f"cores-{key}"
    if not (folder / "complete").exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
        subprocess.run([*pip, core, *runners, "-r", REQUIREMENTS.parent / "unit/requirements.txt"], check=True)
        (folder / "complete").touch()
    return folder / "bin"
