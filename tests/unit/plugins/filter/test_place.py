# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.kvm.hostdev.plugins.filter.place import FilterModule
from ansible_collections.kvm.hostdev.tests.unit.helpers import fleet

place = FilterModule().filters()["place"]

A100 = {"name": "gpu", "specs": ["10de:20b2"]}
VF = {"name": "nic", "specs": ["8086:10ca"]}
GPU = {"vendor_id": "10de", "product_id": "2330", "class": "030200", "device_type": "type-PCI", "numa_node": 0}
ONE = {"name": "gpu", "specs": ["10de:2330"]}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """kvm1 has no A100 free, kvm2 three, two of them on one node, and kvm3 two on two nodes."""
    facts = fleet.fleet(tmp_path_factory.mktemp("fleet"))
    return {name: {"ansible_facts": {"hostdev": of_host}} for name, of_host in facts.items()}


def of_pools(*counts):
    return {f"kvm{number}": {"hostdev": {"pools": [{**GPU, "count": count}]}} for number, count in enumerate(counts)}


def claims_of(owner):
    return {"pools": [], "claims": [{"owner": {"kind": "domain", "id": "4dea22b3-uuid", "label": owner}}]}


def test_hosts_are_chosen_by_gathered_facts(hosts):
    chosen = place(hosts, [A100, {**VF, "count": 2}])
    assert (chosen["host"], chosen["order"]) == ("kvm3", ["kvm3", "kvm2"])
    assert {name: why["code"] for name, why in chosen["not"].items()} == {"kvm1": "not_enough_devices"}
    on_one_node = [{"requests": ["gpu"], "match": "numa_node"}]
    assert place(hosts, [{**A100, "count": 2}], on_one_node)["order"] == ["kvm2"]


def test_devices_without_pools_serve_as_well(hosts):
    without = {name: {"devices": value["ansible_facts"]["hostdev"]["devices"]} for name, value in hosts.items()}
    assert place(without, [A100])["order"] == place(hosts, [A100])["order"]


def test_the_record_in_local_facts_tells_pools_and_who_has_what():
    local = {"kvm1": {"ansible_local": {"hostdev": {"pools": [{**GPU, "count": 1}], "claims": []}}}}
    assert place(local, [ONE])["host"] == "kvm1"
    local["kvm2"] = {"ansible_local": {"hostdev": claims_of("web1")}}
    chosen = place(local, [ONE], owner="web1")
    assert (chosen["order"], chosen["not"]["kvm1"]["code"]) == (["kvm2"], "claimed_elsewhere")
    assert place(local, [ONE], owner="4dea22b3-uuid")["order"] == ["kvm2"]
    assert place(local, [ONE], owner="web2")["order"] == ["kvm1"]


def test_an_owner_does_not_stay_where_it_may_not():
    known = {"kvm1": {"hostdev": claims_of("web1")}, **of_pools(1)}
    chosen = place(known, [ONE], owner="web1", anti_affinity=["kvm1"])
    assert (chosen["host"], chosen["code"]) == (None, "no_host")
    assert {name: why["code"] for name, why in chosen["not"].items()} == {
        "kvm1": "anti_affinity",
        "kvm0": "claimed_elsewhere",
    }


def test_where_there_is_none_each_host_has_its_reason_and_equal_ones_share_a_line():
    known = {**of_pools(0, 0), "down": None, "failed": {"failed": True, "msg": "not root"}}
    chosen = place(known, [ONE], anti_affinity=["kvm0"])
    assert chosen["code"] == "no_host"
    assert chosen["msg"] == (
        "gpu: no host serves this: kvm0: anti_affinity names it (anti_affinity); "
        "down: neither its devices nor pools are known: it was not gathered (no_facts); "
        "failed: neither its devices nor pools are known: not root (no_facts); "
        "kvm1: too few free devices for request gpu: 0 of 1 device with vendor_id 10de, product_id 2330 "
        "(not_enough_devices); wanted: a host that serves all requests; "
        "what to do: ask for less, or gather the hosts that are not known by the playbook kvm.hostdev.facts."
    )
    assert "no host serves this: none is known" in place({}, [ONE])["msg"]


def test_groups_are_away_as_a_whole():
    chosen = place(of_pools(1, 2, 3), [ONE], anti_affinity=["rack"], groups={"rack": ["kvm0", "kvm1", "elsewhere"]})
    assert chosen["order"] == ["kvm2"]
    assert place(of_pools(1, 2, 3), [ONE], anti_affinity="kvm1, kvm0")["order"] == ["kvm2"]


def test_aliases_wishes_and_what_is_left_are_told():
    chosen = place(
        of_pools(1),
        [{"name": "gpu", "alias": "h100"}, {"name": "disk", "address": "0000:81:00.0"}],
        aliases=[{"name": "h100", "vendor_id": "10de", "product_id": "2330"}],
        prefer=[{"requests": ["gpu"], "match": "numa_node"}],
    )
    assert (chosen["host"], chosen["bounded"]) == ("kvm0", [])
    assert chosen["left_to_claim"] == ["request disk: the device at 0000:81:00.0"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"anti_affinity": ["kvm9"]}, ["anti_affinity[0]", "kvm9", "kvm0"]),
        ({"anti_affinity": 5}, ["anti_affinity", "a list"]),
        ({"anti_affinity": ["rack"]}, ["give groups=groups"]),
        ({"strategy": "packed"}, ["strategy", "did you mean pack"]),
        ({"hosts": ["kvm9"]}, ["hosts", "kvm9", "did you mean kvm0"]),
        ({"constraint": []}, ["did you mean constraints"]),
        (
            {"constraints": [{"requests": ["gpu", "nic"], "match": "pcie_switch"}]},
            ["nic", "constraints[0].requests[1]"],
        ),
        ({"constraints": [{"requests": ["gpu"], "match": "pcie_swich"}]}, ["did you mean pcie_switch"]),
        ({"numa_cells": 0}, ["numa_cells", "a list"]),
        ({"numa_cells": ["x"]}, ["numa_cells[0]"]),
        ({"aliases": [{"vendor_id": "10de"}]}, ["aliases[0]"]),
        ({"device_spec": [{"vendor": "10de"}]}, ["did you mean vendor_id"]),
        ({"device_spec": {"kvm9": [{"vendor_id": "10de"}]}}, ["device_spec.kvm9", "no host", "did you mean kvm0"]),
        ({"device_spec": {"vendor_id": "10de"}}, ["device_spec.vendor_id", "put a single spec into brackets"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_misspelt_is_told_with_what_is_meant(options, words):
    with pytest.raises(AnsibleFilterError) as refused:
        place(of_pools(1), [ONE], **options)
    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize("requests", [[], [{"name": "gpu", "specs": []}], [{"name": "gpu", "alias": "a"}], 5])
def test_requests_must_be_some(requests):
    with pytest.raises(AnsibleFilterError, match="place: "):
        place(of_pools(1), requests)


def test_each_host_may_have_an_allow_list_of_its_own():
    lists = {"kvm0": [{"vendor_id": "15b3"}], "kvm1": [{"vendor_id": "10de"}], "kvm2": None}
    assert place(of_pools(1, 2, 3, 4), [ONE], device_spec=lists)["order"] == ["kvm1", "kvm2", "kvm3"]
    lists["kvm1"] = [{"vendor_id": "10de", "address": "0000:19:*.*"}]
    assert place(of_pools(1, 2, 3), [ONE], device_spec=lists)["left_to_claim"] == ["device_spec: address"]


def test_whoever_may_have_devices_elsewhere_is_told(monkeypatch):
    told = []
    monkeypatch.setattr(Display, "warning", lambda _display, text: told.append(text))
    known = {**of_pools(1), "down": {"unreachable": True, "msg": "no route"}}
    known["kvm0"]["hostdev"]["claims"] = []
    assert place(known, [ONE], owner="web1")["claims_unknown"] == ["down"]
    assert told == ["place: whether web1 has devices on down is not known; if it has, a claim on kvm0 gives it others"]
    assert place(known, [ONE])["claims_unknown"] == []
    assert len(told) == 1


def test_claims_in_local_facts_count_beside_gathered_pools_and_uuids_in_any_case():
    known = of_pools(1, 1)
    known["kvm1"]["ansible_local"] = {"hostdev": claims_of("web1")}
    assert place(known, [ONE], owner="4DEA22B3-UUID")["order"] == ["kvm1"]


@pytest.mark.parametrize("count", [None, -1, "two"])
def test_a_host_of_which_the_facts_are_none_is_left_and_the_others_are_not(count):
    known = of_pools(1)
    known["junk"] = {"hostdev": {"pools": [{**GPU, "count": count}]}}
    known["text"] = "not gathered"
    chosen = place(known, [ONE])
    assert (chosen["order"], {why["code"] for why in chosen["not"].values()}) == (["kvm0"], {"no_facts"})
    assert "count: found" in chosen["not"]["junk"]["msg"]


@pytest.mark.parametrize(("field", "value"), [("address", []), ("parent", {}), ("children", [None]), ("bars", [None])])
def test_a_host_whose_devices_have_another_form_is_left_and_the_others_are_not(hosts, field, value):
    facts = hosts["kvm2"]["ansible_facts"]["hostdev"]
    devices = [{**device, field: value} for device in facts["devices"]]
    known = {**hosts, "kvm2": {"ansible_facts": {"hostdev": {"devices": devices}}}}
    chosen = place(known, [A100])
    assert (chosen["host"], chosen["not"]["kvm2"]["code"]) == ("kvm3", "no_facts")
    assert chosen["not"]["kvm2"]["msg"]


@pytest.mark.parametrize("node", [[], {}, "x"])
def test_a_node_that_is_none_is_not_known(node):
    known = {**of_pools(1), "kvm1": {"hostdev": {"pools": [{**GPU, "count": 1, "numa_node": None}]}}}
    known["kvm1"]["hostdev"]["host"] = {"numa_nodes": [{"id": node}]}
    assert place(known, [ONE], [{"requests": ["gpu"], "match": "numa_node"}])["order"] == ["kvm0"]


def test_anti_affinity_knows_hosts_of_groups_that_are_not_looked_at_and_takes_host_and_group_of_one_name():
    groups = {"all": ["kvm0", "kvm1", "kvm2", "other"], "kvm1": ["kvm2"]}
    chosen = place(of_pools(1, 1, 1), [ONE], anti_affinity=["other", "kvm1"], groups=groups)
    assert chosen["order"] == ["kvm0"]
    with pytest.raises(AnsibleFilterError, match="groups"):
        place(of_pools(1), [ONE], anti_affinity=["kvm1"], groups={"kvm1": "kvm0"})


@pytest.mark.parametrize(("nodes", "order"), [([0], ["kvm0"]), ([0, 1], [])])
def test_on_one_node_are_all_devices_of_a_host_that_has_one(nodes, order):
    pools = [{**GPU, "count": 1}, {**GPU, "count": 1, "numa_node": None}]
    known = {"kvm0": {"hostdev": {"pools": pools, "host": {"numa_nodes": [{"id": node} for node in nodes]}}}}
    together = [{"requests": ["gpu"], "match": "numa_node"}]
    assert place(known, [{**ONE, "count": 2}], together)["order"] == order
