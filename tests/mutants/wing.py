# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One wing under mutmut: a copy of the collection in the cache folder, its mutants, and what became of each.

mutmut keeps each result as soon as it has it. A run that was stopped goes on from there as long as nothing has changed.
After a change all is made anew, but a mutant of the same text that was killed is taken for killed; `--anew` forgets it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

from tests.gates.places import CACHE, CHECKOUT, copy_files, known_files

from .mutation import Mutation, mutations
from .wings import COLLECTION, LEFT_OUT, TESTS, UTILS, WINGS

PLACE = CACHE / "mutants" / str(CHECKOUT).strip("/").replace("/", "-")
# By mutmut's exit codes (mutmut/stats.py); what is in neither was not tried, or not to its end.
_KILLED = {1, 3}
_TIMEOUT = {24, -24, 36, 152, 255}
_SURVIVED = {0}
_NO_TEST = {5, 33}

# With mutmut's own patience a busy machine's slow start is taken for an endless loop, and that for a kill.
_SETTINGS = """\
[tool.mutmut]
source_paths = ["ansible_collections"]
only_mutate = [{mutated}]
pytest_add_cli_args = [{options}]
pytest_add_cli_args_test_selection = [{tests}]
process_isolation = "forkserver"
timeout_constant = 6
timeout_multiplier = 10
track_dependencies = false
use_git_change_detection = false
"""
# The steps of `mutmut run` that make the mutants, which must be known before some of them are drawn.
_MAKE = """\
import os
from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants
os.makedirs("mutants", exist_ok=True)
copy_src_dir()
copy_also_copy_files()
create_mutants(os.cpu_count() or 2)
"""


class Wing:
    """The mutants of one wing by their names, and how the tests ended with them."""

    def __init__(self, name: str, *, anew: bool = False) -> None:
        self.name = name
        self._folder = PLACE / name.replace("/", "-").strip("_")
        self._known = self._folder / "killed.json"
        self._made = self._folder / "made-of"
        self._make(anew)
        self.mutants = {
            f"{str(file.relative_to(self._tree).with_suffix('')).replace('/', '.')}.{name}": mutation
            for file in sorted((self._tree / UTILS / self.name).rglob("*.py"))
            for name, mutation in mutations(file, str(file.relative_to(self._tree / UTILS))).items()
        }

    @property
    def _tree(self) -> Path:
        return self._folder / "mutants"

    def _make(self, anew: bool) -> None:
        digest = _digest()
        if anew:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._made.exists() and self._made.read_text() == digest:
            return
        if self._made.exists():
            self.mutants = {}
            self._remember()
            for left in self._folder.iterdir():
                if left != self._known:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
        copy_files(known_files(), self._folder / COLLECTION)
        tests = [str(TESTS / path) for path in WINGS[self.name]]
        options = ["--import-mode=importlib", "-pno:cacheprovider"]
        options += [f"--deselect={TESTS / path}" for path in LEFT_OUT]
        mutated = [str(UTILS / self.name / "*")]
        words = {"mutated": mutated, "options": options, "tests": tests}
        settings = {name: ", ".join(map(json.dumps, those)) for name, those in words.items()}
        (self._folder / "pyproject.toml").write_text(_SETTINGS.format(**settings))
        self._call("-c", _MAKE)
        self._made.write_text(digest)

    def _remember(self) -> None:
        """Keep the texts of what was killed, before the mutants are made anew."""
        killed = set(self._killed_before())
        for file, ends in self._ends().items():
            found = mutations(file, "")
            killed |= {found[name.rpartition(".")[2]].key for name, end in ends.items() if end in _KILLED}
        self._known.write_text(json.dumps(sorted(killed)))

    def _killed_before(self) -> t.Iterable[str]:
        return json.loads(self._known.read_text()) if self._known.exists() else ()

    def _ends(self) -> dict[Path, dict[str, int | None]]:
        """mutmut's exit codes by mutated file."""
        metas = (self._tree / UTILS / self.name).rglob("*.meta")
        return {
            meta.with_name(meta.name.removesuffix(".meta")): json.loads(meta.read_text())["exit_code_by_key"]
            for meta in metas
        }

    def results(self) -> dict[str, str]:
        """killed, timeout, survived or untested, of each mutant that was tried."""
        killed = set(self._killed_before())
        told = {name: "killed" for name, mutation in self.mutants.items() if mutation.key in killed}
        for ends in self._ends().values():
            for name, end in ends.items():
                for word, codes in (
                    ("killed", _KILLED), ("timeout", _TIMEOUT), ("survived", _SURVIVED), ("untested", _NO_TEST),
                ):  # fmt: skip
                    if end in codes:
                        told[name] = word
        return told

    def try_all(self, names: t.Iterable[str]) -> None:
        """Let mutmut try those of them that have no result yet."""
        results = self.results()
        missing = [name for name in names if name not in results]
        if missing:
            self._call("-m", "mutmut.__main__", "run", *missing)

    def _call(self, *arguments: str) -> None:
        """Run Python in the folder, on the mutated collection; its output goes to a file, shown when it fails."""
        log = self._folder / "log"
        env = {**os.environ, "PYTHONPATH": str(self._tree), "ANSIBLE_COLLECTIONS_PATH": str(self._tree)}
        with open(log, "w") as file:
            running = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self._folder,
                env=env,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
            try:
                code = running.wait()
            finally:
                # A mutant may have left a child behind that never ends, or this run is interrupted.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
        if code:
            lines = log.read_text(errors="replace").replace("\r", "\n").splitlines()
            raise SystemExit(f"mutants: mutmut failed for {self.name}:\n" + "\n".join(lines[-40:]))


def _digest() -> str:
    """Of all that decides about a result."""
    parts = hashlib.sha256(repr((WINGS, LEFT_OUT, _SETTINGS)).encode())
    for name in known_files():
        if name.parts[0] in ("plugins", "tests") and name.parts[:2] != ("tests", "mutants"):
            parts.update(str(name).encode() + b"\0" + hashlib.sha256((CHECKOUT / name).read_bytes()).digest())
    return parts.hexdigest()


def sampled(mutants: t.Mapping[str, Mutation], count: int, seed: int) -> list[str]:
    """So many of them, the same ones in each run, and mostly the same ones after a change."""

    def lot(name: str) -> str:
        return hashlib.sha256(f"{seed} {name} {mutants[name].key}".encode()).hexdigest()

    return sorted(mutants, key=lot)[:count]
