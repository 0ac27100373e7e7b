# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated host's Python finds the host at /, and comes at nothing of the machine that it runs on."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import ansible_collections
import pytest

from .hosts import KINDS, Host, bindings, fleet, lay_out
from .kernel import Kernels

INTERPRETER = Path(__file__).with_name("interpreter.py")
GPU = "0000:10:00.0"
UTILS = "ansible_collections.kvm.hostdev.plugins.module_utils"
BREACH = 70


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one host, which has a GPU alone on bus 0x10."""
    place = tmp_path_factory.mktemp("fleet") / "kvm001"
    lay_out(Host("kvm001", "rack01", "GPU and VFs"), place)
    return place


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Hand a script to the host's Python, as Ansible does with pipelining."""
    command = [sys.executable, "-I", "-S", str(INTERPRETER), str(folder)]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False)


def using_the_collection(script: str) -> str:
    """The script, with the collection to be found."""
    places = list(map(os.path.dirname, ansible_collections.__path__))
    return f"import sys\nsys.path[:0] = {places}\n{script}"


@pytest.mark.parametrize(
    "script",
    [
        "open('/sys/kernel/uevent_seqnum')",
        "open('/etc/machine-id')",
        "open('/proc/self/mountinfo')",
        "open('/usr/../sys/kernel/uevent_seqnum')",
        "open('root/../../other')",
        "import os; os.listdir('/sys/bus/pci/devices')",
        "import os; os.scandir('/dev')",
        "import os; os.open('/run/kvm.hostdev.lock', os.O_RDWR | os.O_CREAT)",
        "import os; os.mkdir('/tmp/not-of-this-host')",
        "import os; os.rename('tmp', '/tmp/not-of-this-host')",
        "import os; os.symlink('tmp', '/tmp/not-of-this-host')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.execv('/bin/true', ['true'])",
        "import socket; socket.socket(socket.AF_INET)",
        "import socket; socket.socket(socket.AF_UNIX).connect('/nobody')",
        "try:\n    open('/etc/machine-id')\nexcept BaseException:\n    pass",
        "import os\nif os.fork() == 0:\n    open('/etc/machine-id')\nraise SystemExit(os.wait()[1] >> 8)",
    ],
)
def test_who_comes_at_the_machine_is_ended_and_it_is_written_down(folder: Path, script: str) -> None:
    breaches = folder / "breaches"
    breaches.unlink(missing_ok=True)
    done = run(folder, f"{script}\nprint('went on')")
    assert (done.returncode, done.stdout) == (BREACH, ""), done.stderr
    assert len(breaches.read_text().splitlines()) == 1
    assert "not of the simulated host" in done.stderr


def test_what_is_of_the_host_may_be_read_and_written(folder: Path) -> None:
    script = (
        "import os, tempfile\n"
        f"assert os.listdir('{folder}/root/sys/bus/pci/devices')\n"
        "with tempfile.NamedTemporaryFile() as file:\n    file.write(b'1')\n"
        f"print(os.path.dirname(file.name) == '{folder.resolve()}/tmp', sorted(os.environ))"
    )
    assert run(folder, script).stdout.split(" ", 1)[0] == "True"


def test_a_folder_that_is_no_host_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "print('went on')")
    assert (done.returncode, done.stdout) == (1, "")


def test_the_collection_finds_the_host_at_its_root(folder: Path) -> None:
    script = using_the_collection(
        f"from {UTILS}._host.sysfs import Tree\nfrom {UTILS}._host.record.record_file import RecordFile\n"
        "print(Tree().link_name('/sys/bus/pci/devices/0000:10:00.0/driver'), RecordFile('/etc/ansible/facts.d').path)"
    )
    record = folder.resolve() / "root/etc/ansible/facts.d/hostdev.fact"
    assert run(folder, script).stdout == f"nvidia {record}\n"


def test_what_is_written_to_sysfs_reaches_the_kernel_and_its_errno_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "kvm001"
    lay_out(Host("kvm001", "rack01", "GPU and VFs"), folder)
    unbind = f"write('/sys/bus/pci/drivers/nvidia/unbind', '{GPU}', 10.0)"
    script = using_the_collection(
        f"from {UTILS}._host.binding.sysfs_writer import SysfsWriter\nfrom {UTILS}._host.sysfs import Tree\n"
        f"write = SysfsWriter(Tree())\n{unbind}\n"
        f"try:\n    {unbind}\nexcept OSError as error:\n    print(error.errno)"
    )
    with Kernels(tmp_path, ["kvm001"]) as kernels:
        assert run(folder, script).stdout == "19\n"  # ENODEV: it has no driver any more
    assert bindings(folder / "root")[GPU] == (None, "(null)")
    assert (kernels.asked, kernels.wrong) == (2, [])


def test_hosts_of_a_fleet_differ() -> None:
    hosts = fleet(10)
    assert {host.kind for host in hosts} == set(KINDS)
    assert [host.name for host in hosts if not host.reachable] == ["kvm008"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_can_be_laid_out_and_read(tmp_path: Path, kind: str) -> None:
    lay_out(Host("kvm001", "rack01", kind), tmp_path / "kvm001")
    drivers: set[t.Any] = {driver for driver, _override in bindings(tmp_path / "kvm001/root").values()}
    assert {"pcieport"} < drivers
    assert None not in drivers
