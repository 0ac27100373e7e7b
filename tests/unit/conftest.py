# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of all unit tests."""

from __future__ import annotations

import contextlib
import os
import resource
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
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import expand, recorded

# Thousands of small files: in memory, as sysfs is itself, where there is such a place.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def pytest_configure(config: pytest.Config) -> None:
    """Let ansible-test run the tests in its workers, as pytest does: its fork of each costs as much as most tests do.

    What one test leaves to another shows where both run in one process. As without this, the workers' own thread
    is no reason to warn of our children.
    """
    if config.pluginmanager.hasplugin("ansible_forked"):
        config.pluginmanager.unregister(name="ansible_forked")
        config.addinivalue_line("filterwarnings", "ignore:This process .* is multi-threaded:DeprecationWarning")


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
def recordings() -> t.Iterator[dict[str, Tree]]:
    """The recorded trees as they are; no test may write to them."""
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="kvm.hostdev-unit-") as path:
        folders = {name: Path(path, name) for name in ("lab-trixie", "lab-bookworm")}
        for name, laid_out in folders.items():
            expand(recorded(name), laid_out)
        yield {name: Tree(str(laid_out)) for name, laid_out in folders.items()}


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
