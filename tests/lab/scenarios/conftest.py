# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab host for all scenarios, brought back to a clean state before each."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.lab import broken, runs, spent, topology
from tests.lab.guest import console_path
from tests.lab.machine import Lab
from tests.lab.say import LabError
from tests.lab.scenarios.idle import Idle, look
from tests.lab.scenarios.sharing import Sharing
from tests.lab.self_booting import SelfBooting
from tests.lab.state import RECORD, HostState, read_state
from tests.lab.suites import SUITES, USUAL
from tests.lab.warm import warm

GUEST = "web1"
_SPENT = pytest.StashKey[dict[str, Counter[str]]]()
_HOST = pytest.StashKey[Lab]()
_OWN = pytest.StashKey[Lab]()
_SPOILED = pytest.StashKey[bool]()
_IDLE = pytest.StashKey[Idle]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose the host: a Debian release, or a lab that runs already."""
    parser.addoption("--suite", choices=SUITES, default=USUAL, help="release of the lab host")
    parser.addoption("--lab", help="name of a running lab to use (see ./run lab up)")


def pytest_configure(config: pytest.Config) -> None:
    """Name our marks, and share the scenarios where another run is to take some of them."""
    config.stash[_SPOILED] = False
    config.addinivalue_line("markers", "last: leaves a host that other scenarios can't use")
    config.addinivalue_line("markers", "other_suites: what other scenarios show more of on the usual release")
    shared = os.environ.get("KVM_HOSTDEV_LAB_SHARED")
    if shared:
        config.pluginmanager.register(Sharing(Path(shared)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put those that look at the idle host first, so that one look is enough, then those that reset it last.

    Those with a host of their own come behind them, when that one is of no use any more. Who joins another run begins
    with these. They take the longest, the last of them most of all: it is begun first, so that nobody waits for one at
    the end.
    """
    if config.getoption("--suite") == USUAL:
        items[:] = [item for item in items if item.get_closest_marker("other_suites") is None]
    joins = bool(os.environ.get("KVM_HOSTDEV_LAB_JOINS"))
    own = [item for item in items if "self_booting" in _fixtures(item)]
    shared = [item for item in items if item not in own]
    own.reverse()
    if joins:
        shared.reverse()
    shared.sort(key=lambda item: (item.get_closest_marker("last") is not None, "idle" not in _fixtures(item)))
    items[:] = [*own, *shared] if joins else [*shared, *own]


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(scope="session")
def host(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A booted lab host with four VFs and the guest web1 running."""
    name = request.config.getoption("--lab")
    if name:
        lab = Lab.attach(name)
        _make_ready(lab)
        yield lab
        return
    with Lab(suite=request.config.getoption("--suite")) as lab:
        _make_ready(lab)
        request.config.stash[_HOST] = lab
        yield lab


@pytest.fixture
def self_booting(request: pytest.FixtureRequest) -> Iterator[Callable[[str], SelfBooting]]:
    """Start a new host that boots by itself through the loader that is named, as installed: its IOMMU is off.

    The host of the other scenarios is stopped: all that come now have one of their own.
    """
    if request.config.getoption("--suite") != USUAL:
        pytest.skip(f"the images that boot by themselves are of {USUAL}")
    if (common := request.config.stash.get(_HOST, None)) is not None:
        common.stop()
    with contextlib.ExitStack() as hosts:

        def start(loader: str) -> SelfBooting:
            lab = hosts.enter_context(SelfBooting(loader))
            request.config.stash[_OWN] = lab
            return lab

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a scenario failed, since nobody knows how it left the host, and say what that looks like."""
    report = yield
    if report.failed:
        own = "self_booting" in _fixtures(item)
        item.config.stash[_SPOILED] |= not own
        if (lab := item.config.stash.get(_OWN if own else _HOST, None)) is not None:
            report.sections.append(("the lab host after it", _look_at(lab)))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin with a new host after a scenario that failed, so that none fails for another one's fault."""
    lab = item.config.stash.get(_HOST, None)
    if lab is not None and item.config.stash[_SPOILED] and "self_booting" not in _fixtures(item):
        lab.stop()
        lab.start()
        _make_ready(lab)
        item.config.stash[_SPOILED] = False
        if _IDLE in item.config.stash:
            del item.config.stash[_IDLE]  # of the host as it was


def _look_at(lab: Lab) -> str:
    commands = (
        "virsh -q list --all",
        f"cat {RECORD}",
        f"tail -n 12 {console_path(GUEST)}",
        "tail -n 12 /var/log/libvirt/qemu/*1.log",
        "dmesg | tail -n 25",
    )
    script = "".join(f"echo '$ {command}'; timeout 20 {command}\n" for command in commands)
    try:
        return lab.sh("sh", text=script, check=False).stdout
    except LabError as error:
        return str(error)


@pytest.fixture
def code(lab: Lab) -> None:
    """The code on the host that can be broken off."""
    broken.install(lab)


@pytest.fixture
def lab(host: Lab) -> Lab:
    """The lab host as a scenario finds it: no claim on record."""
    record = host.sh(f"cat {RECORD} 2> /dev/null", check=False).stdout
    left = [claim["owner"]["label"] for claim in HostState({}, {}, record).claims()]
    assert not left, f"an earlier scenario left claims of {left}"
    return host


@pytest.fixture
def both_processors(lab: Lab) -> Iterator[None]:
    """What happens at once does so on two processors."""
    lab.switch_processor(on=True)
    yield
    lab.switch_processor(on=False)


@pytest.fixture
def before(lab: Lab) -> HostState:
    """The host's state before the scenario."""
    return read_state(lab)


@pytest.fixture
def idle(host: Lab, request: pytest.FixtureRequest) -> Idle:
    """What the facts and other tools say of a host on which nothing happens, since it was started."""
    stash = request.config.stash
    if _IDLE not in stash:
        stash[_IDLE] = look(host)
    return stash[_IDLE]


def _make_ready(lab: Lab) -> None:
    warm(lab)
    lab.sh(
        f"cd /sys/bus/pci/devices/{topology.IGB_PF} && "
        "{ test $(cat sriov_numvfs) = 4 || echo 4 > sriov_numvfs; } && udevadm settle"
    )
    if GUEST not in lab.sh("virsh -q list --name").stdout.split():
        lab.start_guest(GUEST)


def _clock() -> Counter[str]:
    """What has been spent so far, in seconds, but for the number of tasks."""
    of_children = os.times()
    processor = of_children.children_user + of_children.children_system
    for name in runs.names():
        # The host of somebody else may end at any moment.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if state := runs.Run(name).state():
                fields = Path(f"/proc/{state.pid}/stat").read_text().rpartition(")")[2].split()
                processor += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Counter({"seconds": time.monotonic(), "tasks": spent.tasks, "processor": processor, **spent.seconds})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Add up by file what its scenarios take."""
    before = _clock()
    result = yield
    of_file = item.config.stash.setdefault(_SPENT, {}).setdefault(item.path.stem, Counter())
    of_file.update(_clock())
    of_file.subtract(before)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what had to be run again, and where the time went; `./run test` takes these lines over into its table."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"failed, and run again: {report.nodeid}")
        for title, text in [("", report.longreprtext), *report.sections]:
            terminalreporter.write_line(f"{title}\n{text}")
        reason = next((line for line in report.longreprtext.splitlines() if line.startswith("E  ")), "E")
        terminalreporter.write_line(f"RERUN {report.nodeid} - {reason[1:].strip()}")
    files = config.stash.get(_SPENT, {})
    columns = ("seconds", *spent.KINDS, "tasks", "processor")
    terminalreporter.section("where the time went, in seconds")
    terminalreporter.write_line(" ".join(["time:", " " * 20, *columns]))
    for file, of_file in [*sorted(files.items()), ("all", sum(files.values(), Counter()))]:
        numbers = (f"{of_file[column]:{len(column)}.0f}" for column in columns)
        terminalreporter.write_line(" ".join(["time:", f"{file:<20}", *numbers]))
