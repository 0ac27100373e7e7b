# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.kvm.hostdev.plugins.filter.rank_hosts import FilterModule
from ansible_collections.kvm.hostdev.tests.unit.helpers import fleet

rank = FilterModule().filters()["rank_hosts"]

A100 = {"vendor_id": "10de", "product_id": "20b2", "device_type": "type-PF"}
VFS = "8086:10ca"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """kvm1 has no A100 free, kvm2 three, two of them on one node, and kvm3 two on two nodes."""
    facts = fleet.fleet(tmp_path_factory.mktemp("fleet"))
    return {name: {"ansible_facts": {"hostdev": of_host}} for name, of_host in facts.items()}


@pytest.fixture
def warnings(monkeypatch):
    told = []
    monkeypatch.setattr(Display, "warning", lambda _display, text: told.append(text))
    return told


@pytest.mark.parametrize(
    ("specs", "options", "ranked"),
    [
        (A100, {}, ["kvm3", "kvm2"]),
        ([A100], {"strategy": "spread"}, ["kvm2", "kvm3"]),
        (A100, {"count": 2}, ["kvm3", "kvm2"]),
        (A100, {"count": "3"}, ["kvm2"]),
        (A100, {"count": 2, "per": "numa_node"}, ["kvm2"]),
        (A100, {"per": "numa_node", "hosts": ["kvm3", "kvm1"]}, ["kvm3"]),
        (VFS, {"count": 3, "per": "numa_node"}, ["kvm1", "kvm2", "kvm3"]),
        ({"parent_ifname": "enp1s0"}, {"count": 3}, ["kvm1", "kvm2", "kvm3"]),
        ((), {"count": 6}, ["kvm3", "kvm2"]),
        ((), {"count": 6, "strategy": "spread"}, ["kvm2", "kvm3"]),
        ({**A100, "numa_node": 0}, {"count": 2}, ["kvm2"]),
        (A100, {"device_spec": [{"address": "*:af:*.*"}]}, ["kvm2", "kvm3"]),
        (
            {**A100, "tags": {"pool": "ai"}},
            {"device_spec": [{"class": "0302", "tags": {"pool": "ai"}}]},
            ["kvm3", "kvm2"],
        ),
        ({**A100, "tags": {"pool": "ai"}}, {"device_spec": [{"class": "0302", "tags": {"pool": "web"}}]}, []),
        (A100, {"count": 9}, []),
        ({**A100, "total_vfs": ">= 16", "pcie_root": "pci0000:3b"}, {}, ["kvm3"]),
    ],
)
def test_hosts_are_ranked_by_what_a_claim_could_take_on_them(hosts, warnings, specs, options, ranked):
    assert rank(hosts, specs, **options) == ranked


@pytest.mark.parametrize(
    "form",
    [
        lambda facts: facts,
        lambda facts: {"hostdev": facts},
        lambda facts: {"pools": facts["pools"]},
        lambda facts: facts["pools"],
        lambda facts: {"ansible_facts": {"ansible_local": {"hostdev": {"pools": facts["pools"], "claims": []}}}},
    ],
)
def test_facts_and_pools_of_hosts_give_the_same(hosts, form):
    given = {name: form(of_host["ansible_facts"]["hostdev"]) for name, of_host in hosts.items()}
    assert rank(given, A100, count=2, per="numa_node") == ["kvm2"]
    assert rank(given, VFS) == ["kvm1", "kvm2", "kvm3"]
    # Both ids take PFs without VFs, which an A100 here is.
    assert rank(given, "10de:20b2", count=2) == ["kvm3", "kvm2"]
    assert rank(given, {"vendor_id": "10de", "product_id": "20b2"}, count=3) == ["kvm2"]
    assert rank(given, "8086:10c9") == []


def test_nodes_that_are_not_known_are_one_only_where_that_is_true_of_all():
    pool = {"vendor_id": "8086", "product_id": "10ca", "class": "020000", "device_type": "type-VF"}
    unknown, known = {**pool, "numa_node": None, "count": 2}, {**pool, "numa_node": 0, "count": 1}
    given = {"mixed": [unknown, known], "unknown": [unknown], "known": [known, {**known, "numa_node": 1}]}
    assert rank(given, VFS, count=2, per="numa_node") == ["unknown"]
    assert rank(given, VFS, count=2) == ["known", "unknown", "mixed"]


def test_hosts_without_facts_are_named_or_left_out(hosts, warnings):
    more = {**hosts, "kvm4": {"ansible_facts": {}}, "kvm5": {}, "kvm6": None, "kvm7": {"ansible_local": {}}}
    with pytest.raises(
        AnsibleFilterError, match="rank_hosts: kvm4, kvm5, kvm6, kvm7: there are no facts.*missing='skip'"
    ):
        rank(more, A100)
    assert rank(more, A100, missing="skip") == ["kvm3", "kvm2"]
    assert warnings == ["rank_hosts: skipped, since there are no facts of devices: kvm4, kvm5, kvm6, kvm7"]
    assert rank(more, A100, hosts=["kvm2"]) == ["kvm2"]


def test_hosts_with_other_facts_than_devices_and_pools_are_left_out_too(hosts, warnings):
    more = {
        **hosts,
        "part": {"ansible_facts": {"hostdev": {"host": {}, "tree": []}}},
        "other": {"ansible_facts": {"hostdev": "a fact of another collection"}},
        "broken": {"ansible_facts": {"ansible_local": {"hostdev": "error loading facts as JSON or ini"}}},
        "odd": {"ansible_facts": None, "ansible_local": "x"},
        "local": {"ansible_facts": {"ansible_local": ["x"]}},
    }
    told = (
        "part (host, tree alone), other (the text 'a fact of another collection'), "
        "broken (the text 'error loading facts as JSON or ini'), odd, local"
    )
    with pytest.raises(AnsibleFilterError) as caught:
        rank(more, A100)
    assert str(caught.value).startswith(f"rank_hosts: {told}: there are no facts of devices; wanted: ")
    assert rank(more, A100, missing="skip") == ["kvm3", "kvm2"]
    assert warnings == [f"rank_hosts: skipped, since there are no facts of devices: {told}"]


def test_the_pools_of_the_record_do_where_neither_devices_nor_pools_were_gathered(hosts):
    pools = hosts["kvm2"]["ansible_facts"]["hostdev"]["pools"]
    facts = {"hostdev": {"host": {}}, "ansible_local": {"hostdev": {"pools": pools}}}
    assert rank({"kvm2": {"ansible_facts": facts}}, A100, count=3) == ["kvm2"]


def test_what_can_not_be_told_says_of_which_host(hosts):
    facts = hosts["kvm2"]["ansible_facts"]["hostdev"]
    bare = {"devices": [{"capability": "pci", "address": device["address"]} for device in facts["devices"]]}
    with pytest.raises(
        AnsibleFilterError, match="^rank_hosts: kvm9: 0000:00:00.0: the facts do not have its vendor_id"
    ):
        rank({**hosts, "kvm9": bare}, A100)


@pytest.mark.parametrize(
    ("specs", "told"),
    [
        (
            {"vendor_id": "10de"},
            "no host has enough, but free devices fit (3 on kvm2, 2 on kvm3)",
        ),
        ("10de:20b3", "no device fits, free or not, on kvm1, kvm2, kvm3: are the specs right"),
    ],
)
def test_no_list_is_empty_in_silence(hosts, warnings, specs, told):
    assert rank(hosts, specs) == []
    (warning,) = warnings
    assert warning.startswith("rank_hosts: ")
    assert told in warning


def test_ids_that_no_pool_has_are_told_too(hosts, warnings):
    pools = {name: of_host["ansible_facts"]["hostdev"]["pools"] for name, of_host in hosts.items()}
    assert rank(pools, "10de:20b3") == []
    assert rank({**hosts, "kvm1": pools["kvm1"]}, "10de:20b3") == []
    assert warnings == [
        "rank_hosts: in no pool a device fits, on kvm1, kvm2, kvm3: are the specs right?",
        "rank_hosts: no device fits, free or not, on kvm1, kvm2, kvm3: are the specs right?",
    ]


def test_enough_for_fewer_is_told_by_the_empty_list_alone(hosts, warnings):
    assert rank(hosts, A100, count=9) == []
    assert warnings == []


@pytest.mark.parametrize(("given", "options"), [({}, {}), ({"kvm1": []}, {"hosts": []})])
def test_that_there_was_no_host_to_look_at_is_told(warnings, given, options):
    assert rank(given, A100, **options) == []
    assert warnings == ["rank_hosts: there is no host to look at: is the group right, or empty?"]


@pytest.mark.parametrize(
    ("given", "specs", "options", "told"),
    [
        ([], (), {}, "the hosts: found an empty list; wanted: what is known of each host"),
        ({"host": {}, "devices": []}, (), {}, "the hosts: found a mapping with devices, host; .*give hostvars"),
        ({"ansible_facts": {}}, (), {}, "the hosts: found a mapping with ansible_facts; .*give hostvars"),
        ({"kvm1": []}, (), {"cuont": 2}, "an option: found 'cuont'; .*did you mean count"),
        ({"kvm1": "no"}, (), {}, "kvm1: the facts: found the text 'no'; wanted: .*gather devices or pools"),
        ({"kvm1": ["x"]}, (), {}, "kvm1: the facts: found a list of 1"),
        ({"kvm1": [{"vendor_id": "8086"}]}, (), {}, "kvm1: the facts: found a list of 1"),
        ({"kvm1": {"pools": {}}}, (), {}, "kvm1: the facts: found a mapping with nothing in it"),
        ({"kvm1": {"devices": None}}, (), {}, "kvm1: ansible_facts.hostdev.devices: found null"),
        (
            {"kvm1": [{"count": "7"}]},
            (),
            {},
            r"kvm1: the facts: its pools\[0\].count: found the text '7'; wanted: a whole number",
        ),
        ({"kvm1": []}, (), {"count": "many"}, "count: found 'many'; wanted: a number of devices"),
        ({"kvm1": []}, (), {"count": 0}, "count: found 0"),
        ({"kvm1": []}, (), {"per": "node"}, "per: found 'node'; .*did you mean numa_node"),
        ({"kvm1": []}, (), {"strategy": "spraed"}, "strategy: found 'spraed'; .*did you mean spread"),
        ({"kvm1": []}, (), {"missing": "skipp"}, "missing: found 'skipp'; .*did you mean skip"),
        ({"kvm1": []}, (), {"hosts": ["kmv1"]}, "hosts: found 'kmv1'; .*did you mean kvm1"),
        ({"kvm1": []}, (), {"hosts": [["kvm1"]]}, r"hosts: found \['kvm1'\]"),
        ({"kvm1": []}, (), {"hosts": "kvm1"}, "hosts: found the text 'kvm1'; wanted: a list of names"),
        ({"kvm1": []}, {"vendr_id": "8086"}, {}, r"specs\[0\].vendr_id: .*did you mean vendor_id"),
        ({"kvm1": []}, {"physical_network": "x"}, {}, r"specs\[0\].physical_network: found a tag.*give device_spec"),
        ({"kvm1": []}, (), {"device_spec": [{"vendr_id": "8086"}]}, r"device_spec\[0\].vendr_id: "),
        ({"kvm1": []}, {"driver": "igb"}, {}, "kvm1: driver: found pools alone"),
        ({"kvm1": []}, {"address": "3b:"}, {}, "kvm1: address: found pools alone"),
        ({"kvm1": []}, (), {"device_spec": [{"devname": "eth0"}]}, "kvm1: devname: found pools alone"),
    ],
)
def test_what_can_not_be_answered_is_an_error(given, specs, options, told):
    with pytest.raises(AnsibleFilterError, match=f"^rank_hosts: {told}"):
        rank(given, specs, **options)
