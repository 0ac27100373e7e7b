# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts for a limit, and which changes it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.usb_scsi import NodeHolding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.limits.reached import check_limits
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.limits.limit import parse_limits
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    PERMIT_ALL,
    WEB,
    claim,
    device,
    holding,
    inventory,
    pf,
    vf,
)

A, B, C, D = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0"
CI = [Owner("name", f"ci-{number}", f"ci-{number}") for number in range(3)]
STICK = NodeHolding("usb_1_1", "usb_device", "stick", {"vendor_id": "0951", "product_id": "1666", "serial": None})
HOST = inventory(*(device(address) for address in (A, B, C, D)))


def refused(limit, before, after, *, host=HOST, allow_list=PERMIT_ALL, now="2026-11-28T08:00:00Z"):
    """The error, None where the change is allowed."""
    snapshot = Snapshot(host, Tracker(before), now=now)
    try:
        check_limits(parse_limits([limit], {}), snapshot, after, allow_list)
    except HostdevError as error:
        return error
    return None


def of(known, request="nic"):
    """A held device, as it is on the host."""
    return replace(holding(known.address, request), identity=known.identity)


def has(owner, *addresses, **parts):
    return replace(claim(owner, *(holding(address) for address in addresses)), **parts)


def test_what_all_hold_is_added_up_and_owners_that_are_not_meant_are_not():
    others = [has(CI[0], A), has(WEB, B)]
    assert refused({"owners": "ci-*", "most": 2}, others, [*others, has(CI[1], C)]) is None
    assert refused({"owners": "ci-*", "most": 1}, others, [*others, has(CI[1], C)]) is not None
    assert refused({"owners": ["web?", "ci-0"], "most": 2}, others, [*others, has(CI[1], C)]) is None


def test_a_device_that_goes_from_one_owner_to_another_is_counted_once():
    assert refused({"most": 1}, [has(CI[0], A)], [has(CI[1], A)]) is None
    assert refused({"most": 1}, [has(CI[0], A, B)], [has(CI[0], A), has(CI[1], B)]) is None


def test_above_a_limit_another_device_may_take_a_ones_place_and_no_more():
    assert refused({"most": 1}, [has(CI[0], A, B)], [has(CI[0], A, C)]) is None
    assert refused({"most": 1}, [has(CI[0], A, B)], [has(CI[0], A)]) is None
    assert refused({"most": 1}, [has(CI[0], A, B)], [has(CI[0], A, C, D)]) is not None


def test_for_each_owner_one_is_not_served_with_what_another_gives_back():
    limit = {"most": 1, "per": "owner"}
    assert refused(limit, [has(CI[0], A, B)], [has(CI[0]), has(CI[1], A)]) is None
    error = refused(limit, [has(CI[0], A), has(CI[1], B)], [has(CI[1], A, B)])
    assert error.found == "ci-1 wants 1 more, and 1 of 1 are held: ci-1 holds 1"
    assert error.wanted == "at most 1 for each owner"


def test_a_claim_that_gets_a_label_counts_from_then_on():
    before, after = has(CI[0], A), has(CI[0], A, labels={"team": "vision", "tier": "2"})
    limit = {"labels": {"team": "vision"}, "most": 0}
    assert refused(limit, [before], [after]) is not None
    assert refused(limit, [after], [after]) is None
    assert refused({"labels": {"team": "vision", "tier": 3}, "most": 0}, [before], [after]) is None


def test_a_group_mate_that_came_along_counts_where_it_fits():
    gpu, sound = device(A, class_id="030000"), device(B, class_id="040300")
    host, after = inventory(gpu, sound), [claim(CI[0], of(gpu), of(sound, None))]
    assert refused({"most": 1}, [], after, host=host).found == "ci-0 wants 2, and 0 of 1 are held"
    assert refused({"specs": [{"class": "03"}], "most": 1}, [], after, host=host) is None
    assert refused({"specs": [{"class": "04"}], "most": 0}, [], after, host=host) is not None


def test_a_pf_counts_as_one_and_by_what_it_is():
    first, second = "0000:01:10.0", "0000:01:10.2"
    one, *others = pf(A, first, second), vf(first, A), vf(second, A)
    host = inventory(one, *others)
    whole, parts = [claim(CI[0], of(one))], [claim(CI[0], *map(of, others))]
    assert refused({"specs": ["8086:10c9"], "most": 1}, [], whole, host=host) is None
    assert refused({"specs": [{"device_type": "type-PF"}], "most": 0}, [], whole, host=host) is not None
    assert refused({"specs": ["8086:10ca"], "most": 0}, [], whole, host=host) is None
    assert refused({"specs": ["8086:10ca"], "most": 1}, [], parts, host=host) is not None


def test_a_held_device_counts_by_the_driver_that_it_had():
    before = [claim(CI[0], holding(A))]
    host = inventory(device(A, driver="vfio-pci"), device(B))
    limit = {"specs": [{"driver": "e1000e"}], "most": 1}
    assert refused(limit, before, [*before, has(CI[1], B)], host=host) is not None


def test_what_is_gone_counts_unless_its_ids_say_that_it_is_another_kind():
    before, host = [has(CI[0], A)], inventory(device(B))
    after = [*before, has(CI[1], B)]
    assert refused({"specs": [{"vendor_id": "8086", "class": "02"}], "most": 1}, before, after, host=host) is not None
    assert refused({"specs": ["8086:10d4", {"address": B}], "most": 1}, before, after, host=host) is not None
    assert refused({"specs": ["8086:10d4"], "most": 0}, before, after, host=host) is None
    assert refused({"specs": [{"class": "03"}], "most": 0}, before, after, host=host) is None


def test_usb_devices_count_for_a_limit_on_every_device_alone():
    after = [Claim(CI[0], node_devices={STICK.name: STICK})]
    assert refused({"most": 0}, [], after) is not None
    assert refused({"specs": [{"vendor_id": "0951"}], "most": 0}, [], after) is None


def test_tags_are_those_of_the_allow_list():
    allow_list = AllowList(parse_device_specs([{"address": A, "tags": {"tier": "gold"}}, {}], "device_spec"))
    limit = {"specs": [{"tags": {"tier": "gold"}}], "most": 0}
    assert refused(limit, [], [has(CI[0], A)], allow_list=allow_list) is not None
    assert refused(limit, [], [has(CI[0], B)], allow_list=allow_list) is None


@pytest.mark.parametrize(("now", "over"), [("2026-11-30T23:59:59Z", False), ("2026-12-01T00:00:00Z", True)])
def test_once_its_time_is_over_a_limit_lets_nothing_new_through(now, over):
    limit = {"until": "2026-12-01T01:00:00+01:00"}
    assert (refused(limit, [], [has(CI[0], A)], now=now) is not None) is over
    assert (refused(limit, [has(CI[0], A)], [has(CI[0], B)], now=now) is not None) is over, "an exchange"


def test_many_holders_are_told_in_one_line():
    owners = [Owner("name", f"job{number}", f"job{number}") for number in range(9)]
    host = inventory(*(device(f"0000:{number + 1:02x}:00.0") for number in range(10)))
    before = [has(owner, f"0000:{number + 1:02x}:00.0") for number, owner in enumerate(owners)]
    error = refused({"most": 9}, before, [*before, has(WEB, "0000:0a:00.0")], host=host)
    assert error.found.startswith("web1 wants 1, and 9 of 9 are held: job0 holds 1; job1 holds 1;")
    assert error.found.endswith("job4 holds 1 and 4 more")
    assert len(error.details["held"]) == 10
