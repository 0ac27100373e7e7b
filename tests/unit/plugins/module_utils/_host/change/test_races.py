# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many processes at once on one host, each with the real lock and record: nothing is given to two of them."""

from __future__ import annotations

import json
import os
import signal
import traceback

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost

RUNS = 20
POOL = {"name": "nic", "specs": [{"product_id": "10ca"}]}


def at_once(works, folder):
    """Run each in a process of its own, let all begin at the same moment, and return what each gives back."""
    ready, gun = os.pipe(), os.pipe()
    children = []
    for number, work in enumerate(works):
        child = os.fork()
        if child == 0:
            signal.alarm(300)
            try:
                os.close(gun[1])
                os.write(ready[1], b".")
                os.read(gun[0], 1)  # which ends when all are there
                result = work()
            except BaseException:
                result = traceback.format_exc()
            (folder / f"{number}.json").write_text(json.dumps(result))
            os._exit(0)
        children.append(child)
    os.close(gun[0])
    waited = 0
    while waited < len(children):
        waited += len(os.read(ready[0], len(children)))
    os.close(gun[1])
    for child in children:
        os.waitpid(child, 0)
    for end in ready:
        os.close(end)
    return [json.loads((folder / f"{number}.json").read_text()) for number in range(len(children))]


@pytest.fixture
def host(folder):
    host = FakeHost(folder, libvirt=False)
    host.lock_timeout = 300.0
    return host


def pool(host):
    return [
        address
        for address, device in host.system.inventory().devices.items()
        if device.product_id == "10ca" and device.vendor_id == "8086"
    ]


def claims(host, owner, count, **options):
    """What a process gets: the addresses, or the code of the error."""

    def work():
        try:
            (plan,) = host.claim({**POOL, "count": count}, owner=owner, **options).plans
        except HostdevError as error:
            return error.code
        return sorted(plan.after.holdings)

    return work


def held(host):
    return {
        claim["owner"]["label"]: sorted(device["address"] for device in claim["devices"])
        for claim in host.record["claims"]
    }


def test_twenty_processes_share_a_pool_out_and_fail_only_for_lack_of_devices(host, folder):
    devices = pool(host)
    assert 1 < len(devices) < RUNS
    owners = [f"owner{number}" for number in range(RUNS)]
    results = dict(zip(owners, at_once([claims(host, owner, 1) for owner in owners], folder)))
    got = {owner: addresses for owner, addresses in results.items() if isinstance(addresses, list)}
    assert sorted(address for addresses in got.values() for address in addresses) == sorted(devices)
    assert {result for result in results.values() if not isinstance(result, list)} == {"not_enough_devices"}
    assert held(host) == got
    assert host.record["journal"] is None
    assert {host.kernel.driver(address) for address in devices} == {"vfio-pci"}


def test_twenty_processes_that_claim_and_give_back_leave_the_host_as_it_was(host, folder):
    before = host.host_state()
    devices = pool(host)

    def work(owner):
        claim, seen = claims(host, owner, 1), []
        for _time in range(2):
            seen.append(claim())
            host.release(owner=owner)
        return seen

    results = at_once([lambda owner=f"owner{number}": work(owner) for number in range(RUNS)], folder)
    outcomes = [outcome for seen in results for outcome in seen]
    assert [
        outcome
        for outcome in outcomes
        if outcome != "not_enough_devices" and not (len(outcome) == 1 and outcome[0] in devices)
    ] == []
    assert any(isinstance(outcome, list) for outcome in outcomes)
    assert held(host) == {}
    assert host.record["journal"] is None
    tree, domains = host.host_state()
    tree.pop("/bus/pci/drivers/vfio-pci")  # the module stays loaded
    assert (tree, domains) == before


def test_one_owner_that_claims_in_twenty_processes_has_what_it_asks_for_once(host, folder):
    devices = pool(host)
    results = at_once([claims(host, "dpdk0", 1 + number % 2) for number in range(RUNS)], folder)
    assert {len(addresses) for addresses in results} == {1, 2}
    assert all(set(addresses) <= set(devices) for addresses in results)
    assert held(host)["dpdk0"] in results


def test_twenty_processes_are_never_above_a_limit(host, folder):
    devices, limits = pool(host), [{"owners": "ci-*", "most": 2, "until": "8h"}, {"specs": POOL["specs"], "most": 3}]
    assert len(devices) > 3
    owners = [f"{'dpdk' if number % 4 == 0 else 'ci'}-{number}" for number in range(RUNS)]
    results = dict(zip(owners, at_once([claims(host, owner, 1, limits=limits) for owner in owners], folder)))
    got = {owner: addresses for owner, addresses in results.items() if isinstance(addresses, list)}
    assert held(host) == got
    assert len(got) == 3
    assert sum(owner.startswith("ci-") for owner in got) <= 2
    assert {result for result in results.values() if not isinstance(result, list)} == {"limit_reached"}
