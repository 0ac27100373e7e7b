# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of all unit tests."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import os
import resource
import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision import pci
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.domain.attaching import waiting
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.glance import at_rest
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Change, Steps
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.planner import function_steps
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost, entries
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA, expand, recorded

# Thousands of small files: in memory, as sysfs is itself, where there is such a place.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Where each test is run in a fork, as ansible-test does, import before what ours imports only where it needs it.

    What a fork imports is compiled there and gone with it, so that each test would import the same again. So it is with
    what all tests of a module look at and takes long to be made: the module's `before_forks`.
    """
    if session.items and session.config.pluginmanager.hasplugin("ansible_forked"):
        ours = Path(__file__).resolve().parents[2]
        for path in sorted(ours.glob("plugins/module_utils/**/*.py")):
            parts = path.relative_to(ours).with_suffix("").parts
            importlib.import_module(".".join(("ansible_collections.kvm.hostdev", *parts)))
        entries()
        for module in {item.getparent(pytest.Module) for item in session.items}:
            getattr(module.obj, "before_forks", lambda: None)()
        gc.freeze()  # a collection in a fork would copy all pages that objects are on


@pytest.fixture(scope="session", autouse=True)
def _glances_at_claims_are_right() -> t.Iterator[None]:
    """What a glance tells of a claim is held against the planner, in each test that decides on one."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(pci, "at_rest", _at_rest)
        yield


def _at_rest(snapshot: Snapshot, change: Change) -> bool:
    rest = at_rest(snapshot, change)
    if rest:
        assert function_steps(snapshot, change) == Steps([], [])
        domain = snapshot.domain_of(change.after.owner)
        assert domain is None or waiting(snapshot.inventory, domain, change.after) == []
    return rest


@pytest.fixture
def folder() -> t.Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="kvm.hostdev-unit-") as path:
        yield Path(path).resolve()


@pytest.fixture(scope="session")
def recordings() -> dict[str, Tree]:
    """The recorded trees as they are; no test may write to them."""
    return {name: Tree(str(_laid_out(name))) for name in ("lab-trixie", "lab-bookworm")}


def _laid_out(name: str) -> Path:
    """A recording as a folder, made once and kept.

    ansible-test runs each test in a process of its own, which would lay it out anew, and never comes to the end of a
    session where it could be removed.
    """
    key = hashlib.sha256((DATA / f"{name}.json").read_bytes()).hexdigest()[:12]
    base = Path(_MEMORY or tempfile.gettempdir(), f"kvm.hostdev-unit-{os.getuid()}-{name}-{key}")
    if not base.exists():
        made = tempfile.mkdtemp(dir=base.parent, prefix="kvm.hostdev-unit-")
        expand(recorded(name), Path(made))
        try:
            os.rename(made, base)
        except OSError:  # another process was first
            shutil.rmtree(made)
    return base


@pytest.fixture
def lab(recordings: dict[str, Tree]) -> Tree:
    """The lab host of Debian 13, to be read only."""
    return recordings["lab-trixie"]


@pytest.fixture
def lab_host(folder: Path) -> FakeHost:
    return FakeHost(folder)


@pytest.fixture
def two_domains(lab_host: FakeHost) -> FakeHost:
    """The lab host with another running domain, `db1`, as `db`; see helpers.two_domains."""
    xml = domain_xml(name="db1", uuid=OTHER_UUID)
    lab_host.db = lab_host.libvirt.define("db1", OTHER_UUID, config=xml, live=xml)
    return lab_host


@pytest.fixture
def full_disk() -> t.Callable[[int], t.ContextManager[None]]:
    """Within it a file can take so many bytes, which the kernel itself refuses beyond that.

    That counts for pytest's own output, too: not longer than for what is tested.
    """

    @contextlib.contextmanager
    def limited(size: int) -> t.Iterator[None]:
        former = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, former)

    return limited
