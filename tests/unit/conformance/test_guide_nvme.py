# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide to NVMe disks: its files are rehearsed on the lab host, whose disk is free, mounted, or claimed."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kvm.hostdev.tests.unit.helpers.gpu_host import gpu_host, record
from ansible_collections.kvm.hostdev.tests.unit.helpers.guide import missing, printed_by, rehearse, write_files

NAME = "guide_nvme"
CLAIM = "kvm.hostdev.passthrough"
BACK = f"{CLAIM} -e '{{hostdev_claims: []}}' --check"
DOMAIN = "<domain type='kvm'><name>db1</name><devices/></domain>"


@pytest.fixture
def site(tmp_path):
    write_files(NAME, tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["kvm.hostdev.report", f"{CLAIM} --check --diff"], ids=["report", "plan"])
def test_a_free_disk_is_shown_and_claimed(site, folder, command):
    recording = site / "kvm1.json.gz"
    record(gpu_host(folder, DOMAIN), recording)
    done = rehearse(site, recording, *command.split())
    assert missing(done, printed_by(NAME, command)) == [], "\n".join(done)


def test_a_mounted_disk_is_refused(site, folder):
    host, recording = gpu_host(folder, DOMAIN), site / "kvm1.json.gz"
    host.mount("nvme2n1")
    record(host, recording)
    done = rehearse(site, recording, CLAIM, "--check", code=2)
    (shown,) = printed_by(NAME, CLAIM)
    assert [line for line in done if shown in line] != [], "\n".join(done)


def test_a_claimed_disk_goes_back(site, folder):
    host, recording = gpu_host(folder, DOMAIN), site / "kvm1.json.gz"
    (claim,) = yaml.safe_load((site / "group_vars/kvm_hosts.yml").read_text(encoding="utf-8"))["hostdev_claims"]
    host.passthrough({claim["domain"]: claim["requests"]})
    record(host, recording)
    done = rehearse(site, recording, CLAIM, "-e", "{hostdev_claims: []}", "--check")
    assert missing(done, printed_by(NAME, BACK)) == [], "\n".join(done)
