# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide to start with: its files are rehearsed on three recorded hosts, and its play is played."""

from __future__ import annotations

import time

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import iproute
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.gpu_host import gpu_host, name_devices, record
from ansible_collections.kvm.hostdev.tests.unit.helpers.guide import missing, printed_by, rehearse, write_files
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.played import lay_out, run

NAME = "guide_start"


@pytest.fixture
def site(tmp_path):
    """A folder with the files of the guide, in which they are played and rehearsed."""
    write_files(NAME, tmp_path)
    (tmp_path / "recordings").mkdir()
    return tmp_path


@pytest.fixture
def recordings(site, folder):
    """Where each host's recording is, by its name: the lab host, one with a GPU, and the lab host with a claim."""
    hosts = {"kvm1": FakeHost(folder / "1"), "kvm2": gpu_host(folder / "2"), "kvm3": FakeHost(folder / "3")}
    hosts["kvm3"].claim({"name": "disk", "address": "0000:04:00.0"}, attach=("config",))
    for name, host in hosts.items():
        name_devices(host)
        record(host, site / f"recordings/{name}.json.gz", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    return site / "recordings/{{ inventory_hostname }}.json.gz"


def test_the_report_of_three_hosts_is_a_page(site, recordings):
    words = "kvm.hostdev.report -e hostdev_report_html=hostdev.html"
    done = rehearse(site, recordings, *words.split())
    assert missing(done, printed_by(NAME, words)) == [], "\n".join(done)
    page = (site / "hostdev.html").read_text(encoding="utf-8")
    assert [name for name in ("kvm1", "kvm2", "kvm3") if name not in page] == []


def test_the_claim_is_shown_before_it_is_made(site, recordings):
    words = "kvm.hostdev.claim --limit kvm1 -e hostdev_domain=web1 -e @nic.yml --check --diff"
    done = rehearse(site, recordings, *words.split())
    assert missing(done, printed_by(NAME, words)) == [], "\n".join(done)


def test_the_first_virtual_function_comes_into_the_guest(site, folder, tmp_path, monkeypatch, capsys):
    host = FakeHost(folder)
    host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "0")
    (play,) = yaml.safe_load((site / "vf.yml").read_text(encoding="utf-8"))
    monkeypatch.setattr(iproute, "Iproute", {"ip": host.links, "devlink": host.links.devlink}.get)
    runner, told = Runner(host, monkeypatch, capsys), {}
    for task in play["tasks"]:
        for module in [module for module in task if module.startswith("kvm.hostdev.")]:
            told[module.rpartition(".")[2]] = runner.done(module.rpartition(".")[2], **task[module])
    monkeypatch.undo()
    lay_out(tmp_path / "played", told, {"kvm1": {"answers": told}})
    done = run(tmp_path / "played", [{**play, "become": False}])
    assert missing(done.lines, printed_by(NAME, "vf.yml")) == [], "\n".join(done.lines)
