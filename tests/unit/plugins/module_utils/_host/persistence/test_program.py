# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program: its bytes, what tells it from another, and that Python runs it from bytecode or from source."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence import contents, program
from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence.program import build, digest, digest_in

UTILS = Path(__file__).resolve().parents[6] / "plugins/module_utils"
MAIN, HELPER = "_host/restore/main.py", "_model/errors.py"
SOURCES = {
    MAIN: b"import sys\n\n\ndef main(words):\n    from ..._model.errors import TEXT\n\n"
    b"    print(TEXT, words, sys.flags.isolated)\n    return 4\n",
    HELPER: b"TEXT = 'source'\n",
}


@pytest.fixture
def sources(monkeypatch):
    monkeypatch.setattr(program, "FILES", tuple(sorted(SOURCES)))
    return dict(SOURCES)


def names(data):
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return opened.namelist()


def changed(data, edit, *, without=()):
    """The zip with other entries in it."""
    new = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(new, "w") as written:
        for entry in old.infolist():
            if entry.filename not in without:
                written.writestr(entry.filename, edit(entry.filename, old.read(entry.filename)))
    return new.getvalue()


def run(data, folder):
    path = folder / "restore.pyz"
    path.write_bytes(data)
    command = [sys.executable, "-I", str(path), "boot", "now"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def test_it_runs_isolated_with_its_words_and_ends_with_its_number(sources, folder):
    assert run(build(sources.__getitem__), folder) == (4, "source ['boot', 'now'] 1\n", "")


def test_each_source_has_its_bytecode_and_each_folder_is_a_package(sources):
    wanted = ["__main__", "kvm_hostdev/__init__", "kvm_hostdev/_host/__init__", "kvm_hostdev/_host/restore/__init__"]
    wanted += ["kvm_hostdev/_host/restore/main", "kvm_hostdev/_model/__init__", "kvm_hostdev/_model/errors"]
    assert names(build(sources.__getitem__)) == [f"{name}{ending}" for name in wanted for ending in (".py", ".pyc")]


def test_the_bytecode_is_what_runs(sources, folder):
    data = build(sources.__getitem__)
    helper = f"kvm_hostdev/{HELPER}"
    other = changed(data, lambda name, text: b"TEXT = 'changed'\n" if name == helper else text)
    assert run(other, folder)[1].startswith("source ")
    assert run(changed(data, lambda _name, text: text, without=(helper,)), folder)[1].startswith("source ")


def test_another_python_runs_the_source(sources, folder):
    data = build(sources.__getitem__)

    def other_version(name, text):
        if not name.endswith(".pyc"):
            return text.replace(b"'source'", b"'compiled'")
        assert text.startswith(importlib.util.MAGIC_NUMBER)
        return b"\0\0" + text[2:]

    assert run(changed(data, other_version), folder) == (4, "compiled ['boot', 'now'] 1\n", "")


def test_the_same_sources_make_the_same_bytes_in_any_process(sources, folder):
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence import program\n"
        f"program.FILES = {program.FILES!r}\n"
        f"sys.stdout.buffer.write(program.build({sources!r}.__getitem__))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "5", "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment)
    here = build(sources.__getitem__)
    # Before 3.11 the bytecode has sets in any order; what is there is known by its digest.
    assert digest_in(done.stdout) == digest_in(here) == digest(sources.__getitem__)
    assert done.stdout == here or sys.version_info < (3, 11)


def test_the_digest_is_in_the_program_and_tells_sources_names_and_python(sources, monkeypatch):
    first = digest(sources.__getitem__)
    assert digest_in(build(sources.__getitem__)) == first
    assert digest({**sources, HELPER: b"TEXT = 1\n"}.__getitem__) != first
    with monkeypatch.context() as patched:
        patched.setattr(importlib.util, "MAGIC_NUMBER", b"abcd")
        assert digest(sources.__getitem__) != first
    monkeypatch.setattr(program, "FILES", (HELPER,))
    assert digest(sources.__getitem__) != first


@pytest.mark.parametrize("place", [0, 100, -1, -100, -300])
def test_one_wrong_byte_and_it_is_made_anew(sources, place):
    data = bytearray(build(sources.__getitem__))
    data[place] ^= 1
    assert digest_in(bytes(data)) != digest(sources.__getitem__)


@pytest.mark.parametrize("cut", [b"", b"PK", b"\xff" * 500])
def test_what_is_something_else_is_no_program(cut):
    assert digest_in(cut) is None


def test_half_of_it_is_no_program(sources):
    data = build(sources.__getitem__)
    assert digest_in(data[: len(data) // 2]) is None


def test_all_files_of_the_program_are_imported_from_it(folder):
    data = build(lambda path: (UTILS / path).read_bytes())
    path = folder / "restore.pyz"
    path.write_bytes(data)
    script = (
        f"import sys; sys.path.insert(0, {str(path)!r})\n"
        f"import importlib\nfor name in {[name[:-3].replace('/', '.') for name in contents.FILES]!r}:\n"
        "    importlib.import_module('kvm_hostdev.' + name)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
