# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All gates of the collection, one session each. `./run` lists them, `./run SESSION ARGS` runs one.

Tools come from virtual environments in the cache folder (tests/gates/venvs.py), so nox makes none itself. Ansible's
tools work on a copy of what git knows, at `.../ansible_collections/kvm/hostdev` (tests/gates/places.py).
"""

from __future__ import annotations

import os
import sys
import typing as t
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tests.gates import ansible_test, awx, cores, everything, fresh, pins, pythons
from tests.gates.cores import CORES
from tests.gates.places import CACHE, CHECKOUT, collection_copy, collections_path
from tests.gates.venvs import venv

nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False

TESTS = (
    *("lint", "ansible_lint", "units", "pages", "sanity", "ansible_units", "docs", "build", "integration", "faults"),
    *("fleet", "awx", "eda", "ee", "lab"),
)
LAB_COMMANDS = {"up", "down", "status", "shell", "image", "console", "inventory"}
# Of the collection, and of what no host is needed for in our own tools.
UNITS = ("tests/unit", "tests/reboots", "tests/hosts", "tests/fleet", "tests/gates")
COLLECTION = "ansible_collections.kvm.hostdev"
UTILS = f"{COLLECTION}.plugins.module_utils"
OLDER = ["--python", pythons.text(pythons.first(CORES["core-2.18"]) or (0, 0))]


def run_checks(session: nox.Session, folder: Path, *commands: t.Sequence[str | Path], **env: str) -> None:
    """Run every command in `folder`, whatever fails on the way, then fail if one did."""
    failed = []
    with session.chdir(folder):
        for command in commands:
            name = " ".join([Path(command[0]).name, *map(str, command[1:])])
            session.log(name if len(name) <= 100 else f"{name[:100]} ...")
            try:
                session.run(*map(str, command), env=env, external=True, log=False)
            except nox.command.CommandFailed:
                failed.append(name.partition(" -")[0])
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session
def test(session: nox.Session) -> None:
    """All gates, then a table of what passed and how long it took."""
    if not everything.run_all(session.posargs or TESTS):
        session.error("not everything passed")


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint, types, storeys, YAML, shell, licences, changelog, what antsibull-nox finds."""
    tools = venv("lint")
    with collection_copy() as tree:
        scripts = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file() and is_shell(path)]
        run_checks(
            session,
            tree,
            [tools / "ruff", "format", "--check", "--diff", "."],
            [tools / "ruff", "check", "."],
            [tools / "mypy", "-p", f"{UTILS}._model", "-p", f"{UTILS}._host"],
            [tools / "mypy", "tests/gates", "tests/mutants", "noxfile.py"],
            # What runs on the lab host only is not imported here: a name that is gone shows in its types.
            [tools / "mypy", "-p", "tests.lab", "-p", "tests.reboots", "-p", "tests.hosts", "-p", "tests.ee"],
            [
                tools / "mypy",
                *(word for name in ("awx", "eda", "fleet") for word in ("-p", f"{COLLECTION}.tests.{name}")),
            ],
            [tools / "lint-imports", "--no-cache"],
            [tools / "yamllint", "--strict", "."],
            ["shellcheck", "--exclude=SC1091", *scripts],  # what a script sources is on the lab host
            [tools / "reuse", "lint", "--lines"],
            [tools / "antsibull-changelog", "lint"],
            [tools / "python", "-m", "tests.gates.docs"],
            [tools / "python", "-m", "tests.gates.docs.antsibull"],
            MYPYPATH=str(tree.parents[2]),
            MYPY_CACHE_DIR=str(CACHE / "mypy"),
            PYTHONPATH=str(tree.parents[2]),
            RUFF_CACHE_DIR=str(CACHE / "ruff"),
            LC_ALL="C.UTF-8",
        )


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """Format and mend with ruff, in the checkout itself; arguments choose files and folders."""
    ruff = str(venv("lint") / "ruff")
    session.run(ruff, "check", "--fix-only", "--no-cache", *(session.posargs or ["."]))
    session.run(ruff, "format", "--no-cache", *(session.posargs or ["."]))


@nox.session
def ansible_lint(session: nox.Session) -> None:
    """ansible-lint, profile production."""
    tools = venv("ansible-lint")
    with collection_copy() as tree:
        env = ansible_env(tools, tree.parents[2])
        run_checks(session, tree, [tools / "ansible-lint", "--offline", "--strict", *session.posargs], **env)


@nox.session
def units(session: nox.Session) -> None:
    """Unit tests on the newest Python that ansible-core 2.19 runs on; arguments go to pytest."""
    tools = venv("ansible", pythons.interpreters()[newest_of_units()])
    with collection_copy() as tree:
        pytest = [str(tools / "python"), "-m", "pytest", "-o", f"cache_dir={CACHE / 'pytest'}"]
        arguments = session.posargs if names_a_test(session.posargs) else [*UNITS, *session.posargs]
        run_checks(session, tree, [*pytest, *arguments], **ansible_env(tools, tree.parents[2]))


@nox.session
def pages(session: nox.Session) -> None:
    """The picture in Debian's Chromium; arguments go to pytest."""
    arguments = session.posargs if names_a_test(session.posargs) else ["tests/pages", *session.posargs]
    in_lab_environment(session, "pytest", *arguments, environment="pages")


@nox.session
def sanity(session: nox.Session) -> None:
    """ansible-test sanity on each ansible-core; arguments go to ansible-test.

    On 2.19 every file is compiled and imported on every Python. On 2.21 that is so on its newest Python, and imports,
    which may be of ansible-core, are tried on the oldest as well; what judges Python's text alone is run there only.
    On 2.18 runs what asks ansible-core itself.
    """
    newest = pythons.first(CORES["core-2.21"])
    runs: dict[str, list[list[str]]] = {core: [[]] for core in CORES}
    if newest and not session.posargs:
        oldest = ["--python", pythons.text(min(pythons.interpreters())), "--test", "import"]
        runs = {
            "core-2.18": [[*OLDER, *(word for test in cores.OF_CORE for word in ("--test", test))]],
            "core-2.19": [[word for test in cores.OF_TEXT for word in ("--skip-test", test)]],
            "core-2.21": [["--python", pythons.text(newest)], oldest],
        }
    on_cores(session, "sanity", ["--local", "--color", "no"], runs)


@nox.session
def ansible_units(session: nox.Session) -> None:
    """ansible-test units on ansible-core 2.18, 2.19 with the Pythons before that of `units`, 2.21; or its arguments.

    All on the oldest Python, on those between a choice (BETWEEN in tests/gates/cores.py). The newest of 2.19 is left to
    `units`, which has all on it, with the same ansible-core. On 2.21 runs what has to do with Ansible, but for rules;
    on a Python on which `units` cannot run, all but the pure ones. On 2.18 runs what it does in its own way. The other
    conformance cases, which ansible-test runs on controllers' Pythons only, are in `units`.
    """
    newest = pythons.first(CORES["core-2.21"])
    own = ["--python", pythons.text(newest or (0, 0))]
    if session.posargs:
        runs: dict[str, list[list[str]]] = {"core-2.19": [[]], "core-2.21": [own]}
    else:
        oldest, *later = sorted(version for version in pythons.interpreters() if version <= max(CORES["core-2.19"]))
        not_again = (*cores.PURE, cores.CONFORMANCE)
        of_ansible = [*cores.OF_ANSIBLE, *excluding(*cores.RULES_OF_MODULES)]
        scopes: dict[pythons.Version, t.Sequence[str]] = dict.fromkeys(later[:-1], cores.BETWEEN)
        scopes[oldest] = excluding(cores.CONFORMANCE)
        runs = {
            "core-2.18": [[*OLDER, *cores.OF_OLDER]],
            "core-2.19": [["--python", pythons.text(version), *scope] for version, scope in scopes.items()],
            "core-2.21": [[*own, *(of_ansible if newest == newest_of_units() else excluding(*not_again))]],
        }
    on_cores(session, "units", ["--venv", "--color", "no"], runs)


@nox.session
def integration(session: nox.Session) -> None:
    """ansible-test integration, on libvirt's test driver; arguments go to ansible-test."""
    version = pythons.first(CORES["core-2.19"])
    assert version, "./run has found a Python 3.11 to 3.13 before"
    python = pythons.interpreters()[version]
    arguments = ["--venv", "--color", "no"]
    wrong = ansible_test.run("integration", arguments, session.posargs, core="core-2.19", python=python)
    if wrong:
        session.error("; ".join(wrong))


@nox.session
def docs(session: nox.Session) -> None:
    """Documentation of plugins and roles, and the site (`--to FOLDER`); `--write` first writes what comes from code."""
    tools = venv("docs")
    written: list[str | Path] = [tools / "python", "-m", "tests.gates.docs"]
    if "--write" in session.posargs:
        run_checks(session, CHECKOUT, [*written, "--write"])
    check = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", "--skip-rstcheck", "."]
    site: list[str | Path] = [tools / "python", "-m", "tests.gates.site", CHECKOUT, *session.posargs]
    with collection_copy() as tree:
        env = ansible_env(tools, tree.parents[2])
        run_checks(session, tree, written, [tools / "antsibull-docs", *check], site, **env)


@nox.session
def build(session: nox.Session) -> None:
    """What `release` builds, of any checkout: twice, imported as Galaxy does, installed, and nothing of it kept."""
    in_lab_environment(session, "tests.gates.release", "--try", environment="release")


@nox.session
def release(session: nox.Session) -> None:
    """Check the checkout and build what is published, into FOLDER; before that, `--changelog` writes the changelog."""
    in_lab_environment(session, "tests.gates.release", *session.posargs, environment="release")


@nox.session
def conformance(session: nox.Session) -> None:
    """OpenStack Nova's cases against ours: failing cases and totals per area; `--cases FOLDER` takes another folder."""
    in_lab_environment(session, f"{COLLECTION}.tests.unit.conformance.nova", *session.posargs)


@nox.session
def together(session: nox.Session) -> None:
    """Vectors for devices that belong together: failing ones and totals; `--cases FOLDER` takes another folder."""
    in_lab_environment(session, f"{COLLECTION}.tests.unit.conformance.together", *session.posargs)


@nox.session
def hosts(session: nox.Session) -> None:
    """Recorded hosts in folders and files replayed, and held against what was recorded; arguments: FOLDER ..."""
    in_lab_environment(session, f"{COLLECTION}.tests.hosts", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Every effect of every change made to fail, hang or end in SIGKILL, on a fake root; arguments choose changes."""
    in_lab_environment(session, "tests.faults", *session.posargs)


@nox.session
def fleet(session: nox.Session) -> None:
    """A hundred simulated hosts (or N) by ansible-runner and a Redis fact cache: report, and claims that compete."""
    in_lab_environment(session, f"{COLLECTION}.tests.fleet", *session.posargs, environment="fleet")


@nox.session(name="awx")
def awx_(session: nox.Session) -> None:
    """The job templates as AWX runs them, in the packages of execution environments, on simulated hosts."""
    in_lab_environment(session, "pytest", "tests/awx")
    if not awx.run_all(session.posargs):
        session.error("not every job did what it shall")


@nox.session
def eda(session: nox.Session) -> None:
    """Event-driven Ansible: simulated hosts post to a real rulebook, another one reads cached facts."""
    in_lab_environment(session, f"{COLLECTION}.tests.eda", environment="eda")


@nox.session
def ee(session: nox.Session) -> None:
    """Execution environments: ansible-builder and ansible-navigator with the collection from its tarball."""
    in_lab_environment(session, "tests.ee", environment="ee-tools")


@nox.session
def fuzz(session: nox.Session) -> None:
    """A million inputs to all that reads what others wrote; words choose targets, `--inputs N` says how many."""
    in_lab_environment(session, "tests.fuzz", *session.posargs, environment="fuzz")


@nox.session
def mutants(session: nox.Session) -> None:
    """Mutants of the rules, of which tests must kill 90 %; words choose wings and files, `--sample N` or `--all`."""
    in_lab_environment(session, "tests.mutants", *session.posargs, environment="mutants")


@nox.session
def lab(session: nox.Session) -> None:
    """The lab host: up, down, status, shell, image, console, inventory; else its scenarios, arguments go to pytest."""
    arguments = session.posargs
    if arguments and arguments[0] in LAB_COMMANDS:
        in_lab_environment(session, "tests.lab", *arguments)
    elif names_a_test(arguments):
        in_lab_environment(session, "pytest", *arguments)
    else:
        # Under emulation a guest now and then hangs: then its scenario is run again, on a new host. Both are told.
        in_lab_environment(session, "pytest", "--reruns", "1", "tests/lab/scenarios", *arguments)


@nox.session
def reboots(session: nox.Session) -> None:
    """N reboots of a lab host with random changes in between: what of its claims came back; `--seed S` repeats them."""
    in_lab_environment(session, "tests.reboots", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job, shown on the lab host, or with `--inventory FILE --domain NAME` its reading part on your own."""
    in_lab_environment(session, "tests.lab.demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Speed, as ratios: `facts` (lspci), `lab` (a no-op module), `place` and `tracker` (Nova), `together`; `page`."""
    environment = "pages" if session.posargs[:1] == ["page"] else "ansible"
    in_lab_environment(session, "tests.bench", *(session.posargs or ["facts"]), environment=environment)


@nox.session(name="cores")
def cores_(session: nox.Session) -> None:
    """What has to do with Ansible, on each ansible-core; `--betas` on the next one alone, other arguments to pytest."""
    if not cores.try_all(session.posargs, ansible_env):
        session.error("not every ansible-core came through")


@nox.session(name="fresh")
def fresh_(session: nox.Session) -> None:
    """The README's commands in fresh roots of Debian 12 and 13, as root; arguments: suites, then `--` and sessions."""
    if not fresh.run_all(session.posargs):
        session.error("not every fresh root came through")


@nox.session(name="pins")
def pins_(session: nox.Session) -> None:
    """Resolve tests/requirements/*.in anew into *.txt; arguments choose files."""
    pins.write_pins(session.posargs)


def on_cores(
    session: nox.Session, command: str, arguments: list[str], runs: t.Mapping[str, t.Iterable[list[str]]]
) -> None:
    """Run ansible-test on each ansible-core, as many times as `runs` has more arguments for it."""
    wrong = []
    for core, scopes in runs.items():
        version = pythons.first(CORES[core])
        if version is None:
            session.warn(f"{core} left out: it needs one of Python {', '.join(map(pythons.text, CORES[core]))}")
            continue
        python = pythons.interpreters()[version]
        for scope in scopes:
            faults = ansible_test.run(command, [*arguments, *scope], session.posargs, core=core, python=python)
            wrong += [f"{core}: {fault}" for fault in faults]
    if wrong:
        session.error("; ".join(wrong))


def newest_of_units() -> pythons.Version:
    """The Python of `units`, which need not be the one that runs the sessions."""
    version = pythons.first(tuple(sorted(CORES["core-2.19"], reverse=True)))
    assert version, "./run has found a Python 3.11 to 3.13 before"
    return version


def excluding(*targets: str) -> list[str]:
    return [word for target in targets for word in ("--exclude", target)]


def in_lab_environment(session: nox.Session, module: str, *arguments: str, environment: str = "ansible") -> None:
    tools = venv(environment)
    env = ansible_env(tools, collections_path())
    with session.chdir(CHECKOUT):
        session.run(str(tools / "python"), "-m", module, *arguments, env=env, external=True)


def ansible_env(tools: Path, collections: Path) -> dict[str, str]:
    """Ansible's tools call each other by name, want a UTF-8 locale, and find the collection by this path."""
    return {
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
        "PYTHONPATH": str(collections),
    }


def names_a_test(arguments: list[str]) -> bool:
    """Whether pytest's arguments say what to run, so that nothing need be added."""
    return any(argument.split("::")[0].startswith("tests/") for argument in arguments)


def is_shell(path: Path) -> bool:
    with open(path, "rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.split()[-1].rpartition(b"/")[2] in {b"sh", b"bash"}
