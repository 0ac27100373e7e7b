# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The choice among hosts, from pools, says of a host what the claim on it does."""

from __future__ import annotations

import random

import pytest

from .vectors import answer

IDS = {"gpu": ("10de:2330", "030200"), "nic": ("15b3:1021", "020000"), "old": ("10de:1db6", "030200")}
REQUESTS = (
    {"name": "gpu", "count": 2, "specs": ["10de:2330"]},
    {"name": "gpu", "count": 2, "first_available": [["10de:2330"], ["10de:1db6"]]},
    {"name": "gpu", "count": 2, "specs": [{"vendor_id": "10de", "memory": ">= 32 GiB"}]},
    {"name": "gpu", "count": 2, "specs": [{"vendor_id": "10de", "numa_node": 0}]},
)
ATTRIBUTES = ("pcie_switch", "pcie_root", "numa_node")
PERMITTED = [{"vendor_id": "10de", "numa_node": 1, "tags": {"net": "a"}}, {"vendor_id": "10de"}, {"class": "02"}]
SEEDS = range(300)


def host_of(rng):
    """Two nodes with some switches and root ports, and devices of three models below them."""
    devices = {}
    for root in range(rng.randint(1, 3)):
        for port in range(rng.randint(1, 3)):
            top = f"pci0000:{root}0/0000:{root}0:0{port}.0"
            switched = rng.random() < 0.6
            above = f"{top}/0000:{root}1:{port}0.0/0000:{root}2:{port}0" if switched else top
            for place in range(rng.randint(1, 3) if switched else 1):
                name, kind = rng.choice(list(IDS.items()))
                bars = {"prefetchable_bars": [f"{rng.choice((16, 64))} GiB"]} if name == "gpu" else {}
                path = f"{above}.{place}" if switched else above
                node = {"numa_node": root % 2} if rng.random() < 0.9 else {}
                devices[f"0000:{root}{port + 3}:0{place}.0"] = {
                    "path": path,
                    "id": kind[0],
                    "class": kind[1],
                    **node,
                    **bars,
                }
    return {"numa_nodes": {"0": {"socket": 0}, "1": {"socket": 1}}, "devices": devices}


def relation_of(rng):
    names = rng.choice((["gpu"], ["gpu", "nic"]))
    pair = {"pair": True} if len(names) == 2 and rng.random() < 0.5 else {}
    return {"requests": names, rng.choice(("match", "distinct")): rng.choice(ATTRIBUTES), **pair}


def vector_of(seed):
    rng = random.Random(seed)
    # Of some, devices of two models serve the second request, so that two kinds of devices mix.
    nic = {"name": "nic", "count": 2, "specs": ["15b3:1021"] if rng.random() < 0.6 else ["10de:1db6", "10de:2330"]}
    spec = {"device_spec": PERMITTED} if rng.random() < 0.3 else {}
    return {
        **spec,
        "area": "any",
        "host": host_of(rng),
        "requests": [rng.choice(REQUESTS), nic],
        "constraints": [relation_of(rng)] if rng.random() < 0.6 else [],
        "prefer": [relation_of(rng) for _number in range(rng.randint(0, 2))],
        "then": {},
    }


def outcome(vector):
    """What the claim says, and what the choice among hosts says of the same host alone."""
    claimed = answer(vector)
    placed = answer({**vector, "place": {"hosts": {"kvm1": {"host": vector["host"]}}}})
    return claimed, placed


@pytest.mark.parametrize("seed", SEEDS)
def test_a_host_serves_by_its_pools_what_it_serves_by_its_devices(seed):
    claimed, placed = outcome(vector_of(seed))
    assert placed["not"] == ({"kvm1": claimed["error"]} if "error" in claimed else {})


def test_the_hosts_above_are_served_and_refused_for_both_reasons():
    found = {answer(vector_of(seed)).get("error") for seed in SEEDS}
    assert found == {None, "not_enough_devices", "constraint_unmet"}


def test_of_two_hosts_the_one_whose_claim_is_better_comes_first():
    compared = 0
    for seed in SEEDS:
        vector = vector_of(seed)
        other = {**vector, "host": vector_of(seed + len(SEEDS))["host"]}
        one, its = answer(vector), answer(other)
        if "error" in one or "error" in its or worth(one) == worth(its):
            continue
        hosts = {"kvm1": {"host": other["host"]}, "kvm2": {"host": vector["host"]}}
        placed = answer({**vector, "place": {"hosts": hosts}})
        assert placed["host"] == ("kvm1" if worth(its) < worth(one) else "kvm2"), seed
        compared += 1
    assert compared > 10


def worth(said):
    return list(said["alternative"].values()), [-one["met"] for one in said["met"]]
