# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Adoption of a host where devices were given away by hand: what is written down, and what a release makes of that."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.adoption import AdoptWish
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, OTHER_UUID, UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import FOLDER, made

VF, SECOND_VF, NVME = "0000:01:10.0", "0000:01:10.2", "0000:04:00.0"


def by_hand(host, *addresses, running=False, managed=True, extra=""):
    """The domain is defined with devices, and started with them where it shall run."""
    host.kernel.load_module("vfio-pci")
    host.domain.xml[LIVE] = None
    elements = [hostdev_xml(address, managed=managed) for address in addresses]
    host.domain.xml[CONFIG] = domain_xml(*elements, extra=extra)
    if running:
        host.domain.create()
    return host


def adopt(host, *, check_mode=False, vfs=False, **wish):
    outcome = host.flow(check_mode=check_mode).adopt(AdoptWish(vfs=vfs, **wish))
    return outcome


def bind(host, address, driver="vfio-pci"):
    host.kernel.load_module(driver)
    host.system.binder.bind(address, driver) if hasattr(host.system.binder, "bind") else None


def requests(host, number=0):
    claim = host.record["claims"][number]
    return {device["address"]: device["request"] for device in claim["devices"]}


@pytest.mark.parametrize("running", [False, True])
def test_what_a_domain_has_is_written_down_and_nothing_else_changes(lab_host, running):
    host = by_hand(lab_host, VF, NVME, running=running)
    before = host.host_state()
    outcome = adopt(host)
    assert outcome.changed
    assert host.host_state() == before
    assert requests(host) == {VF: "nic0", NVME: "disk0"}
    assert [held["attach"] for held in host.record["claims"][0]["devices"]] == [["config", "live"]] * 2
    assert [held["adopted"] for held in host.record["claims"][0]["devices"]] == [running] * 2
    places = ["config", "live"] if running else ["config"]
    assert [sorted(held["stood_before"]) for held in host.record["claims"][0]["devices"]] == [places] * 2


def test_a_second_run_changes_nothing(lab_host):
    host = by_hand(lab_host, VF, running=True)
    adopt(host, vfs=True)
    before = host.record
    again = adopt(host, vfs=True)
    assert (again.changed, again.diff, again.adoption.lines) == (False, [], [])
    assert host.record == before
