# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A record that came along with a cloned image is of another host's devices."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.host_facts import machine_id
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

NIC = {"name": "nic", "address": "0000:01:10.0"}
HERE, THERE = "0123456789abcdef0123456789abcdef", "f" * 32


@pytest.fixture
def host(lab_host):
    lab_host.write("/etc/machine-id", f"{HERE}\n")
    return lab_host


def test_the_id_itself_is_told_to_nobody_and_it_is_always_the_same(folder):
    (folder / "etc").mkdir()
    (folder / "etc/machine-id").write_text(f"{HERE}\n")
    assert machine_id(Tree(str(folder))) == "5c642ed5695dde669b784c9b300a3377"


@pytest.mark.parametrize("text", ["", "uninitialized\n", "0123\n", None])
def test_before_the_first_boot_is_over_there_is_none(folder, text):
    if text is not None:
        (folder / "etc").mkdir()
        (folder / "etc/machine-id").write_text(text)
    assert machine_id(Tree(str(folder))) == ""


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_record_of_another_machine_is_not_acted_upon(host, check_mode):
    host.claim(NIC)
    host.write("/etc/machine-id", f"{THERE}\n")
    before = host.kept_state()
    with pytest.raises(HostdevError) as caught:
        host.release(check_mode=check_mode)
    assert caught.value.code == "record_of_another_machine"
    assert set(caught.value.details["commands"]) == {"forget", "keep"}
    assert host.kept_state() == before


def test_it_goes_on_once_one_of_the_two_commands_was_run(host):
    host.claim(NIC)
    path = host.root / "etc/ansible/facts.d/hostdev.fact"
    written = host.record["machine_id"]
    host.write("/etc/machine-id", f"{THERE}\n")
    with pytest.raises(HostdevError) as caught:
        host.claim(NIC)
    assert caught.value.details["commands"]["keep"].startswith(f"sed -i s/{written}/")
    path.write_text(path.read_text().replace(written, machine_id(host.tree)))
    assert not host.claim(NIC).changed


def test_a_record_without_claims_is_anybodys(host):
    host.claim(NIC)
    host.release()
    host.write("/etc/machine-id", f"{THERE}\n")
    assert host.claim(NIC).changed
    assert host.record["machine_id"] == machine_id(host.tree)


def test_a_record_of_before_there_was_an_id_in_it_is_believed(lab_host):
    lab_host.claim(NIC)
    assert "machine_id" not in lab_host.record
    lab_host.write("/etc/machine-id", f"{HERE}\n")
    lab_host.claim({"name": "more", "address": "0000:01:10.2"}, owner="x")
    assert lab_host.record["machine_id"] == machine_id(lab_host.tree)
