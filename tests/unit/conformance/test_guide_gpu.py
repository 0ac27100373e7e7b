# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide to GPUs: its files are rehearsed on a recorded host with a GPU, and played from the bare host on.

In the play the modules' answers are those that the modules themselves give on fake roots; packages, the reboot and
virsh are stand-ins.
"""

from __future__ import annotations

import configparser
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change import changing
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import made
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FACTS
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_initramfs import lay_out as lay_out_kernels
from ansible_collections.kvm.hostdev.tests.unit.helpers.gpu_host import GPU, SOUND, gpu_host, record
from ansible_collections.kvm.hostdev.tests.unit.helpers.guide import missing, printed_by, rehearse, write_files
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_on_tree import ModuleOnTree
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.played import imported, lay_out, run
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfio_host import VfioHost
from ansible_collections.kvm.hostdev.tests.unit.plugins.modules.test_iommu_info import INTEL, ON
from ansible_collections.kvm.hostdev.tests.unit.plugins.modules.test_kernel_arguments import Runner as BootRunner

NAME = "guide_gpu"
BUILT_IN = ("command", "package", "reboot", "setup", "stat")
DEBIAN = {"os_family": "Debian", "distribution": "Debian", "distribution_major_version": "13", "pkg_mgr": "apt"}
PAGES = ["default_hugepagesz=1G", "hugepagesz=1G", "hugepages=16"]


@pytest.fixture
def site(tmp_path):
    """A folder with the files of the guide, in which they are played and rehearsed."""
    write_files(NAME, tmp_path)
    return tmp_path


@pytest.fixture
def host(site, folder):
    return gpu_host(folder, (site / "gpu1.xml").read_text(encoding="utf-8"))


@pytest.fixture
def recording(site):
    path = site / "recordings/kvm1.json.gz"
    path.parent.mkdir()
    return path


def variables(site: Path) -> dict[str, t.Any]:
    return yaml.safe_load((site / "group_vars/gpu_hosts.yml").read_text(encoding="utf-8"))


def test_the_files_are_those_of_one_site(site):
    inventory = configparser.ConfigParser(allow_no_value=True, delimiters=" ")
    inventory.read(site / "inventory.ini")
    assert list(inventory["gpu_hosts"]) == ["kvm1"]
    (play,) = yaml.safe_load((site / "ready.yml").read_text(encoding="utf-8"))
    assert play["hosts"] == "gpu_hosts"
    assert {claim["domain"] for claim in variables(site)["hostdev_claims"]} == {"gpu1"}


@pytest.mark.parametrize(
    "command",
    ["kvm.hostdev.report", "look.yml", "kvm.hostdev.passthrough --check --diff"],
    ids=["report", "look", "plan"],
)
def test_rehearsed_on_a_recorded_host_the_files_do_what_the_guide_shows(site, host, recording, command):
    record(host, recording)
    done = rehearse(site, recording, *command.split())
    assert missing(done, printed_by(NAME, command)) == [], "\n".join(done)


def test_the_play_for_the_guest_is_understood(site, recording):
    assert "playbook: guest.yml" in rehearse(site, recording, "guest.yml", "--syntax-check")


def test_the_card_goes_back_as_the_guide_shows(site, host, recording):
    (claim,) = variables(site)["hostdev_claims"]
    host.passthrough({claim["domain"]: claim["requests"]})
    record(host, recording)
    words = ["kvm.hostdev.passthrough", "-e", "{hostdev_claims: []}"]
    done = rehearse(site, recording, *words, "--check")
    assert missing(done, printed_by(NAME, "kvm.hostdev.passthrough -e '{hostdev_claims: []}' --check")) == [], (
        "\n".join(done)
    )


def answers(host, site, folder, monkeypatch, capsys) -> dict[str, t.Any]:
    """What the modules say of a bare host, and after its reboot, with the variables of the guide."""
    (folder / "boot/host").mkdir(parents=True)
    (folder / "boot/run").mkdir()
    boots = BootRunner(made("grub_debian", folder / "boot/host", monkeypatch), folder / "boot", monkeypatch, capsys)
    kernel = [boots.done(arguments=PAGES, exclusive=True)]
    line = boots.host.root / "proc/cmdline"
    line.write_text(f"{line.read_text().rstrip()} {' '.join(PAGES)}\n")
    kernel.append(boots.done(arguments=PAGES, exclusive=True))
    assert [one["reboot_needed"] for one in kernel] == [True, False]

    lay_out_kernels(folder / "vfio", "initramfs_tools")
    vfio = VfioHost(folder / "vfio", f"{site}/lock", monkeypatch, capsys)
    files(folder / "iommu", {**INTEL, **ON})
    (folder / "lock/etc/systemd/system").mkdir(parents=True)
    runner = Runner(host, monkeypatch, capsys)
    monkeypatch.setattr(changing, "FACTS_PATH", f"{host.root}{FACTS}")
    (host.root / "run/systemd/system").mkdir(parents=True)
    given = {name.removeprefix("hostdev_"): value for name, value in variables(site).items() if "_host_" not in name}
    return {
        "iommu_info": ModuleOnTree(folder / "iommu", monkeypatch, capsys).run("iommu_info"),
        "kernel_arguments": kernel,
        "vfio_modules": [vfio.run(), vfio.run()],
        "memory_lock": ModuleOnTree(folder / "lock", monkeypatch, capsys).run("memory_lock", state="absent"),
        "host_events": ModuleOnTree(folder / "lock", monkeypatch, capsys).run("host_events", state="absent"),
        "pci_passthrough": [runner.done("pci_passthrough", **given), runner.done("pci_passthrough", **given)],
        "command": [{"rc": 1}, {"rc": 0, "changed": True}],
        "package": {"changed": True},
        "reboot": {"changed": True, "elapsed": 94},
        "setup": {"ansible_facts": {**DEBIAN, "architecture": "x86_64"}},
        "stat": {"stat": {"exists": False}},
    }


def played(folder: Path, site: Path, told: dict[str, t.Any]):
    """The guide's play, by Ansible, on a host that answers so."""
    lay_out(folder, told, {"kvm1": {"answers": told}}, {"gpu_hosts": {"hosts": {"kvm1": {}}}})
    write_files(NAME, folder)
    ready = (site / "ready.yml").read_text(encoding="utf-8")
    for path in (folder / "ansible_collections/kvm/hostdev/roles/host/tasks").iterdir():
        path.write_text(_with_stand_ins(path.read_text(encoding="utf-8")), encoding="utf-8")
    (play,) = yaml.safe_load(_with_stand_ins(ready))
    return run(folder, [{**play, "gather_facts": False}, imported("passthrough", "gpu_hosts")])


def _with_stand_ins(text: str) -> str:
    return re.sub(rf"ansible\.builtin\.({'|'.join(BUILT_IN)}):", r"kvm.hostdev.\1:", text)


def test_from_the_bare_host_on_the_play_does_what_the_guide_shows(site, host, folder, tmp_path, monkeypatch, capsys):
    told = answers(host, site, folder, monkeypatch, capsys)
    assert [host.kernel.driver(address) for address in (GPU, SOUND)] == ["vfio-pci", "vfio-pci"]
    monkeypatch.undo()
    done = played(tmp_path / "played", site, told)
    assert done.code == 0, "\n".join(done.lines)
    shown = [*printed_by(NAME, "ready.yml"), *printed_by(NAME, "kvm.hostdev.passthrough")]
    assert missing(done.lines, shown) == [], "\n".join(done.lines)
