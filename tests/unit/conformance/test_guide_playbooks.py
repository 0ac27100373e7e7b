# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide on playbooks shows of a run is what is printed, in rehearsals on the lab host.

Where nothing can be rehearsed, stand-ins for the modules answer what these returned on that host, or would say.
"""

from __future__ import annotations

import re
import sys
import textwrap
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.iommu import read_boot
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.platform import missing
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.words import (
    Doing,
    arguments_told,
    memory_lock_told,
    modules_told,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._module import recording
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.played import Run, imported, lay_out, run
from ansible_collections.kvm.hostdev.tests.unit.helpers.playing import Site
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import VF1

GUIDE = (Path(__file__).resolve().parents[3] / "docs/docsite/rst/guide_playbooks.rst").read_text(encoding="utf-8")
KERNEL = "6.12.48+deb13-amd64"
MODULES = "/etc/modules-load.d/kvm-hostdev.conf"
NIC = {"name": "nic", "specs": ["8086:10ca"]}
WEB1 = {"domain": "web1", "requests": [NIC]}
DPDK0 = {"owner": "dpdk0", "requests": [{"name": "port", "specs": ["8086:10ca"]}]}
RUNS: dict[str, tuple[str, dict[str, t.Any]]] = {
    "report": ("held", {}),
    "adopt": ("by_hand", {}),
    "claim": ("free", {"hostdev_domain": "web1", "hostdev_requests": [NIC]}),
    "passthrough": ("held", {"hostdev_claims": [WEB1, DPDK0]}),
    "release": ("held", {"hostdev_domain": "web1"}),
    "reconcile": ("held", {}),
}


@pytest.fixture
def runner(two_domains, monkeypatch, capsys):
    monkeypatch.setattr(recording, "Tree", lambda: two_domains.tree)
    return Runner(two_domains, monkeypatch, capsys)


@pytest.fixture
def site(runner, tmp_path):
    """Recordings of the lab host: `web1` has no device, has claimed a VF, and has one that was given to it by hand."""

    def record(name: str) -> None:
        runner.done("pci_recording", dest=str(tmp_path / f"{name}.json.gz"), anonymous=False)

    record("free")
    runner.done("pci_passthrough_claim", **WEB1)
    record("held")
    runner.done("pci_passthrough_release", domain="web1")
    runner.host.domain.xml.update({LIVE: None, CONFIG: domain_xml(hostdev_xml(VF1, managed=True))})
    record("by_hand")
    return Site(tmp_path)


def shown(name: str) -> str:
    """The run that the section on a playbook shows."""
    section = re.split(rf"^{name}\n-+\n", GUIDE, maxsplit=1, flags=re.MULTILINE)[1]
    block = section.split(".. code-block:: text\n\n", 1)[1]
    return textwrap.dedent(re.split(r"\n(?=\S)", block, maxsplit=1)[0]).strip()


def test_the_runs_that_are_shown_are_real(site):
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "hostdev_become": False}
    for name, (state, variables) in RUNS.items():
        told = {**host, **variables, "hostdev_recording": str(site.folder / f"{state}.json.gz")}
        site.write("inventory/hosts.yml", {"all": {"hosts": {"kvm1": told}}})
        printed = site.ansible("playbook", "--check", f"kvm.hostdev.{name}")
        assert shown(name) in printed, f"{name}:\n{printed}"


def _missing(name: str, printed: Run) -> list[str]:
    """The lines that the guide shows, and that were not printed; hosts have no order among themselves."""
    return [line for line in shown(name).splitlines() if line not in printed.lines]


def _played(folder: Path, name: str, answers: t.Mapping[str, t.Any], *options: str, **variables: t.Any) -> Run:
    """The playbook on two hosts where modules answer so."""
    folder.mkdir()
    hosts = {host: {"answers": answers} for host in ("kvm1", "kvm2")}
    lay_out(folder, answers, hosts)
    return run(folder, [imported(name, "kvm1,kvm2", **variables)], options)


def test_the_place_that_is_shown_is_real(runner, tmp_path):
    facts = runner.done("pci_facts", gather_subset=["pools", "claims", "host"])
    answers = {"pci_facts": facts, "pci_passthrough_claim": runner.done("pci_passthrough_claim", **DPDK0)}
    told = {"hostdev_owner": "dpdk0", "hostdev_requests": DPDK0["requests"]}
    printed = _played(tmp_path / "place", "place", answers, **told)
    assert _missing("place", printed) == [], printed.lines


def test_the_recording_that_is_shown_is_real(runner, tmp_path):
    done = runner.done("pci_recording", dest=str(tmp_path / "recording.json.gz"))
    folder = tmp_path / "recordings"
    printed = _played(
        tmp_path / "record", "record_host", {"pci_recording": done}, "--limit=kvm1", hostdev_record_dest=str(folder)
    )
    assert _missing("record_host", printed) == [], printed.lines
    assert [path.name for path in folder.iterdir()] == ["kvm1.json.gz"]


def test_the_preparation_that_is_shown_is_what_the_modules_would_say(tmp_path):
    files(
        tmp_path / "host",
        {
            "/sys/firmware/acpi/tables/DMAR": "",
            "/proc/cmdline": "root=/dev/vda1\n",
            "/proc/sys/kernel/osrelease": f"{KERNEL}\n",
            "/proc/sys/kernel/arch": "x86_64\n",
            f"/boot/config-{KERNEL}": "CONFIG_INTEL_IOMMU=y\n",
            "/dev/kvm": "",
        },
    )
    off = read_boot(Tree(str(tmp_path / "host")))
    written = Doing(changed=True, absent=False, check_mode=True)
    nothing = Doing(changed=False, absent=True, check_mode=True)
    needed = {"changed": True, "reboot_needed": True}
    answers = {
        "iommu_info": {"enabled": False, "recommended_arguments": ["intel_iommu=on"], "missing": missing(off)},
        "kernel_arguments": {
            **needed,
            "msg": arguments_told(written, ["intel_iommu=on"], "grub_debian", reboot_needed=True),
        },
        "vfio_modules": {**needed, "msg": modules_told(written, [MODULES], rebuilt=False, reboot_needed=False)},
        "memory_lock": {"msg": memory_lock_told(nothing, None, ()), "reload_needed": False},
        "host_events": {"msg": nothing.words("events", ())},
    }
    printed = _played(tmp_path / "prepare", "prepare", answers, "--check", "--limit=kvm1", hostdev_host_packages=[])
    assert _missing("prepare", printed) == [], printed.lines
