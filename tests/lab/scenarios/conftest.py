# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab host for all scenarios, brought back to a clean state before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import topology
from tests.lab.image import SUITES
from tests.lab.machine import Lab
from tests.lab.state import HostState, read_state

GUEST = "web1"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose the host: a Debian release, or a lab that runs already."""
    parser.addoption("--suite", choices=SUITES, default="trixie", help="Debian release of the lab host")
    parser.addoption("--lab", help="name of a running lab to use (see ./run lab up)")


@pytest.fixture(scope="session")
def host(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A booted lab host with four VFs and the guest web1 running."""
    name = request.config.getoption("--lab")
    if name:
        lab = Lab.attach(name)
        make_ready(lab)
        yield lab
        return
    with Lab(suite=request.config.getoption("--suite")) as lab:
        make_ready(lab)
        yield lab


@pytest.fixture
def lab(host: Lab) -> Lab:
    """The lab host as a scenario finds it: no claim on record."""
    left = [claim["owner"]["label"] for claim in read_state(host).claims()]
    assert not left, f"an earlier scenario left claims of {left}"
    return host


@pytest.fixture
def before(lab: Lab) -> HostState:
    """The host's state before the scenario."""
    return read_state(lab)


def make_ready(lab: Lab) -> None:
    lab.sh(
        f"cd /sys/bus/pci/devices/{topology.IGB_PF} && "
        "{ test $(cat sriov_numvfs) = 4 || echo 4 > sriov_numvfs; } && udevadm settle"
    )
    if GUEST not in lab.sh("virsh -q list --name").stdout.split():
        lab.start_guest(GUEST)
