# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners of one run who can't all be served, and whose error it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, HostWish, Terms
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import requests
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import (
    DATA,
    DISK,
    NIC,
    NVME,
    VF1,
    VF2,
    VF3,
    at,
    refused,
)

GROUP = ("0000:03:00.0", "0000:03:00.1")


@pytest.fixture
def host(two_domains):
    return two_domains


def test_owners_that_compete_are_named_and_nothing_is_changed(host):
    host.passthrough({"db1": [at(2)]})
    before = host.kept_state()
    error = refused(host.passthrough, {"web1": [{**NIC, "count": 3}], "db1": [at(2)], "spdk": [at(1)]})
    assert (error.code, error.details["owners"]) == ("owners_compete", ["spdk", "web1"])
    assert error.subject == "claims[2] (spdk) and claims[0] (web1)"
    assert error.details["unserved"]["code"] == "device_blocked"
    assert VF2 in error.found
    assert host.kept_state() == before


def test_whoever_comes_first_leaves_the_others_what_they_alone_ask_for(host):
    host.passthrough({"web1": [{**NIC, "count": 2}], "db1": [at(2)], "spdk": [at(1)]})
    held = {claim["owner"]["label"]: [one["address"] for one in claim["devices"]] for claim in host.record["claims"]}
    assert (held["db1"], held["spdk"], len(held["web1"])) == ([VF3], [VF2], 2)


def test_owners_compete_for_what_one_of_them_holds_already(host):
    host.passthrough(DATA)
    before = host.kept_state()
    error = refused(host.passthrough, {**DATA, "spdk": [{**NIC, "count": 2}]})
    assert (error.code, error.details["owners"]) == ("owners_compete", ["spdk", "web1", "db1", "dpdk0"])
    assert (VF1 in error.found, NVME in error.found) == (True, False)
    assert host.kept_state() == before


def test_who_is_not_in_the_data_is_no_competitor_but_named(host):
    host.claim({**NIC, "count": 4}, owner="by hand")
    error = refused(host.passthrough, {"web1": [DISK], "db1": [NIC]})
    assert error.code == "not_enough_devices"
    assert "held by owner by hand" in error.found


def test_owners_of_one_label_compete_with_each_other(host):
    host.passthrough({"web1": [at(0)]})
    wanted = ClaimWish(None, "web1", requests(at(0)), AllowList(None), Terms(), ())
    held_now = replace(wanted, domain="web1", owner=None, attach=("config", "live"))
    error = refused(host.flow().passthrough, HostWish((held_now, wanted)))
    assert (error.code, error.subject) == ("owners_compete", "claims[1] (web1) and claims[0] (web1)")
    assert error.details["owners"] == ["owner web1", f"domain web1 ({UUID})"]


def test_of_several_owners_the_one_is_named_that_needs_libvirt(tmp_path):
    host = FakeHost(tmp_path, libvirt=False)
    error = refused(host.passthrough, {"dpdk0": [NIC], "web1": [NIC]})
    assert (error.code, error.subject) == ("no_libvirt", "claims[1] (web1): domain web1")


def test_an_owner_that_could_not_be_served_alone_either_competes_with_nobody(host):
    error = refused(host.passthrough, {"web1": [NIC], "db1": [{**NIC, "count": 20}]})
    assert error.code == "not_enough_devices"
    assert error.subject == "claims[1] (db1): request nic"
    assert host.record_or_none() is None


def test_it_is_said_what_each_has_and_what_one_would_get_alone(host):
    error = refused(host.passthrough, {"web1": [at(0)], "db1": [at(1)], "spdk": [{**NIC, "count": 4}]})
    assert error.subject == "claims[2] (spdk) and claims[0] (web1), claims[1] (db1)"
    assert error.found.startswith(f"web1 gets {VF1}; db1 gets {VF2}, and then for spdk: ")
    assert error.remedy.endswith(f"; alone spdk would get {VF1}, {VF2}, {VF3}, 0000:01:10.6")


def test_who_has_a_group_mate_has_the_device(host):
    group = {"name": "nic", "address": GROUP[0]}
    error = refused(host.passthrough, {"web1": [group], "spdk": [{**group, "address": GROUP[1]}]}, whole_group=True)
    assert (error.code, error.details["owners"]) == ("owners_compete", ["spdk", "web1"])
    assert all(address in error.found.partition(", and then for")[0] for address in GROUP)


def test_an_error_that_is_not_about_devices_names_no_others(host):
    error = refused(host.passthrough, {"web1": [at(0)], "spdk": [{**NIC, "network": {"mac": "52:54:00:00:00:01"}}]})
    assert (error.code, error.subject.startswith("claims[1] (spdk): ")) == ("invalid_request", True)


def test_an_owner_is_there_once_by_whatever_it_is_named(host):
    wish = ClaimWish("web1", None, requests(at(0)), AllowList(None), Terms(), ("config", "live"))
    error = refused(host.flow().passthrough, HostWish((wish, replace(wish, domain=UUID, requests=requests(at(1))))))
    assert (error.code, error.subject) == ("invalid_option", "claims[1] (web1)")
    assert error.found == f"domain web1 ({UUID}) is in claims[0] already"
