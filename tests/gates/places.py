# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are: the checkout, the cache folder, and copies of the collection where Ansible's tools want them."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(
    os.environ.get("KVM_HOSTDEV_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvm.hostdev"
)
REQUIREMENTS = CHECKOUT / "tests" / "requirements"
COLLECTION = Path("ansible_collections", "kvm", "hostdev")
# What runs on one Python alone, with packages of its own, and is judged by `lint`.
_OF_TOOLS = ("awx", "eda", "ee", "fleet", "gates", "hosts", "lab", "mutants", "pages", "reboots", "requirements")
_TOOLS = {"antsibull-nox.toml", "noxfile.py", "pyproject.toml", "run", *(f"tests/{name}" for name in _OF_TOOLS)}


def known_files() -> list[Path]:
    """The files that git tracks or would track, relative to the checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return [Path(name) for name in sorted(set(listing.split("\0"))) if name and os.path.lexists(CHECKOUT / name)]


def shipped_files() -> list[Path]:
    """The files of `known_files` that the built collection holds too, by galaxy.yml's `build_ignore`."""
    _before, _key, after = (CHECKOUT / "galaxy.yml").read_text().partition("\nbuild_ignore:\n")
    lines = (line.partition(" #")[0] for line in after.splitlines() if line.startswith("  - "))
    patterns = ["galaxy.yml", *(line.removeprefix("  - ").strip("'\"") for line in lines)]

    def ignored(name: Path) -> bool:
        paths = [name, *name.parents[:-1]]
        return any(fnmatch.fnmatch(str(path), pattern) for path in paths for pattern in patterns)

    return [name for name in known_files() if not ignored(name)]


def files_under_test() -> list[Path]:
    """The files of `known_files` that ansible-test is given: what ships, and the tests that need no more than that."""
    return [
        name
        for name in known_files()
        if not name.parts[0].startswith(".") and name.parts[0] not in _TOOLS and "/".join(name.parts[:2]) not in _TOOLS
    ]


def copy_files(names: t.Iterable[Path], folder: Path) -> None:
    """Copy files of the checkout into `folder`, which must not exist yet or be empty."""
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, target, follow_symlinks=False)


@contextlib.contextmanager
def collection_copy() -> t.Iterator[Path]:
    """A temporary `.../ansible_collections/kvm/hostdev` with what git knows; its third parent is a collections path.

    It is a copy, since some tools resolve links, and lies outside the checkout, whose git would tell them to ignore it.
    """
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder).resolve() / COLLECTION
        copy_files(known_files(), tree)
        yield tree


def collections_path() -> Path:
    """A lasting collections path through which ansible-playbook sees the checkout itself, by a link."""
    root = CACHE / "collections" / str(CHECKOUT).strip("/").replace("/", "-")
    link = root / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.resolve() != CHECKOUT:
        made = link.with_name(f".{link.name}-{os.getpid()}")
        made.symlink_to(CHECKOUT)
        made.rename(link)  # whatever another session makes of it meanwhile
    return root
