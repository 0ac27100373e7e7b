# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README's commands as on a newcomer's machine: a minimal Debian root with nothing of this machine's in it.

What goes in is a clone of the work tree and the machine's way to its package registries (name service, certificates,
proxies, the settings of apt and pip). The commands run in name spaces of their own, so that mounts and processes end
with them, whatever happens. /sys of this machine is not mounted.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from tests.gates.ansible_test import pip_settings
from tests.gates.everything import Outcome, print_table
from tests.gates.places import copy_files, known_files

SUITES = ("bookworm", "trixie")
COMMANDS = ("./run", "./run lint", "./run units", "./run lab image")
_CLONE = "root/kvm.hostdev"
_LOCAL_CERTIFICATES = "usr/local/share/ca-certificates"
_PROXIES = re.compile(r"(https?|ftp|all|no)_proxy", re.IGNORECASE)

# Runs in new mount and process name spaces; $1 is the root, the rest the command.
_ENTER = """
set -eu
root=$1
shift
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts"
exec chroot "$root" env -i "$@"
"""


def run_all(arguments: t.Sequence[str]) -> bool:
    """Run the commands in a root of each suite, and print a table; true when all passed.

    Arguments are suites, then, if other commands are wanted, `--` and sessions with their arguments.
    """
    if os.geteuid() != 0:
        sys.exit("fresh roots are entered as root: sudo ./run fresh")
    arguments = list(arguments)
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    suites = arguments[:cut] or SUITES
    commands = [f"./run {words}".strip() for words in arguments[cut + 1 :]] or COMMANDS
    return print_table([outcome for suite in suites for outcome in _run_suite(suite, commands)])


def _run_suite(suite: str, commands: t.Sequence[str]) -> t.Iterator[Outcome]:
    with tempfile.TemporaryDirectory(prefix=f"kvm.hostdev-{suite}-", dir="/var/tmp") as folder:
        root = Path(folder, "root")
        yield _timed(f"{suite}: a fresh root", functools.partial(_make_root, suite, root))
        for command in commands:
            outcome = _timed(f"{suite}: {command}", functools.partial(_run_inside, root, command))
            yield outcome
            if not outcome.passed and command == "./run":
                return


def _timed(name: str, work: t.Callable[[], bool]) -> Outcome:
    print(f"\n--- {name} ---", flush=True)
    started = time.monotonic()
    passed = work()
    return Outcome(name, passed, time.monotonic() - started)


def _make_root(suite: str, root: Path) -> bool:
    options = [f"--aptopt={line}" for line in _apt_settings()]
    made = subprocess.run(
        ["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", *options, suite, root], check=False
    )
    if made.returncode:
        return False
    for name in ("etc/resolv.conf", "etc/hosts"):
        shutil.copyfile(f"/{name}", root / name)
    _tell_pip(root)
    clone = root / _CLONE
    copy_files(known_files(), clone)
    git = ["git", "-c", "user.name=fresh", "-c", "user.email=fresh@localhost", "-c", "init.defaultBranch=main"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=The work tree"]):
        subprocess.run([*git, *words], cwd=clone, check=True)
    return True


def _tell_pip(root: Path) -> None:
    """Give the root this machine's pip settings and the certificates that go with them.

    pip's own bundle has a name of its own there: installing ca-certificates rewrites the usual one.
    """
    settings = pip_settings(Path(sys.executable))
    bundle = re.search(r"^cert = (.+)$", settings, re.MULTILINE)
    if bundle:
        shutil.copyfile(bundle[1], root / "etc/pip-certificates.pem")
        settings = settings.replace(bundle[0], "cert = /etc/pip-certificates.pem")
    (root / "etc/pip.conf").write_text(settings)
    if Path("/", _LOCAL_CERTIFICATES).is_dir():
        shutil.copytree(Path("/", _LOCAL_CERTIFICATES), root / _LOCAL_CERTIFICATES, dirs_exist_ok=True)


def _run_inside(root: Path, command: str) -> bool:
    environment = {
        "HOME": "/root",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "TERM": "dumb",
    }
    environment |= {name: value for name, value in os.environ.items() if _PROXIES.fullmatch(name)}
    variables = [f"{name}={value}" for name, value in environment.items()]
    inside = [*variables, "sh", "-c", f"cd /{_CLONE} && exec {command}"]
    enter = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"]
    done = subprocess.run([*enter, "sh", "-c", _ENTER, "sh", root, *inside], stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def _apt_settings() -> list[str]:
    """How this machine's apt reaches its mirrors: proxies, certificates, clocks."""
    dump = subprocess.run(["apt-config", "dump", "Acquire"], stdout=subprocess.PIPE, text=True, check=True).stdout
    wanted = re.compile(r"Acquire::(https?(::.*)?::|Check-Valid-Until|Check-Date|Retries)", re.IGNORECASE)
    return [line.rstrip(";") for line in dump.splitlines() if wanted.match(line) and '""' not in line]
