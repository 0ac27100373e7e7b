# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of a damaged cache: whatever is missing or of another kind, what reads them says so in its own words."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.filter import (
    form_choices,
    form_survey,
    pci_distances,
    pci_fits,
    pci_query,
    place,
    rank_hosts,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.answers import read_answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.choices import Known, hosts_of
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.tenant import EVERYTHING, read_tenant
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.facts_of_hosts import facts_of
from ansible_collections.kvm.hostdev.plugins.test import pci_claimable, pci_claimed
from ansible_collections.kvm.hostdev.tests.unit.helpers.fleet import gathered, made

_PLUGINS = (form_choices, form_survey, pci_distances, pci_fits, pci_query, place, rank_hosts)
FILTERS = {name: function for plugin in _PLUGINS for name, function in plugin.FilterModule().filters().items()}
TESTS = {**pci_claimable.TestModule().tests(), **pci_claimed.TestModule().tests()}

GONE = object()
KINDS = (GONE, None, "junk", -1, [None], {"junk": [1]})
A100 = {"name": "gpu", "specs": ["10de:20b2"]}
BESIDE = {"requests": ["gpu"], "match": "numa_node"}
GPU, USER = "0000:3b:00.0", {"domain": "web1", "via": "hostdev", "live": True}
SURVEY = {
    "spec": [
        {"type": "multiplechoice", "variable": "form_device", "choices": ["gpu"], "default": "gpu"},
        {"type": "integer", "variable": "form_count", "default": 1},
    ]
}


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Of one host, with a function that has a bit of everything, and a USB device."""
    facts = gathered(made(tmp_path_factory.mktemp("host"), "kvm2"))
    gpu = next(device for device in facts["devices"] if device["address"] == GPU)
    gpu["children"] = [{"kind": "net", "name": "ens1", "address": "52:54:00:12:34:56"}]
    gpu["bars"] = [{"index": 0, "size": 4096, "io": False, "is_64bit": True, "prefetchable": False}]
    gpu["link"] = {"current_speed": "16.0 GT/s PCIe", "max_speed": "16.0 GT/s PCIe", "max_width": 16}
    gpu["used_by"] = [USER]
    gpu["blockers"] = [{"code": "in_domain_xml", "address": GPU, "detail": "d", "override": None, "remedy": "r"}]
    disk = {"capability": "usb_device", "name": "usb_1", "used_by": [USER], "blockers": [{"code": "driver_missing"}]}
    group = next(group for group in facts["iommu_groups"] if GPU in group["devices"])
    claim = next(claim for claim in facts["claims"] if claim["owner"]["label"] == "train1")
    claim["devices"][0]["identity"] = {}
    host = {**facts["host"], "domains": ["web1"], "numa_nodes": [{"id": 0, "socket": 0}]}
    small = {"devices": [gpu, disk], "iommu_groups": [group], "claims": [claim], "pools": facts["pools"][:1]}
    return {**small, "tree": [], "drift": [{"code": "moved", "address": GPU}], "host": host}


def damaged(value):
    """The value with each part of it at each depth gone, or replaced by another kind of value; and where that is."""
    inner = ()
    if isinstance(value, dict):
        inner = [(key, lambda part, key=key: {**value, key: part}) for key in value]
    elif isinstance(value, list):
        inner = [(n, lambda part, n=n: [*value[:n], part, *value[n + 1 :]]) for n in range(len(value))]
    for key, put in inner:
        for kind in KINDS:
            if kind is not GONE:
                yield (key, kind), put(kind)
            elif isinstance(value, dict):
                yield (key, "gone"), {other: value[other] for other in value if other != key}
        for where, part in damaged(value[key]):
            yield (key, *where), put(part)


def of_host(facts):
    return {"kvm1": {"ansible_facts": {"hostdev": facts}}}


def devices_of(facts):
    """What a play loops over; of what is no list of devices it has nothing to ask."""
    devices = facts.get("devices")
    return devices if isinstance(devices, list) else []


def asked(facts, purpose="claim"):
    answers = read_answers(purpose, {"form_domain": "web1", "form_device": "10de:20b2", "form_host": "kvm1"})
    known = Known(of_host(facts), ["kvm1"])
    return hosts_of(purpose, answers, read_tenant({"HOSTDEV_TENANT": EVERYTHING}), known, None)


LOOKS = {
    "rank_hosts": lambda facts: FILTERS["rank_hosts"](of_host(facts), "10de:20b2", per="numa_node", missing="skip"),
    "pci_fits": lambda facts: FILTERS["pci_fits"](facts, {"memory": ">= 1 KiB", "iommu_group_size": 1, "numa_node": 0}),
    "pci_query": lambda facts: FILTERS["pci_query"](facts, "sort_addresses(free(devices[?capability=='pci']))[].owner"),
    "pci_claimable": lambda facts: list(map(TESTS["pci_claimable"], devices_of(facts))),
    "pci_claimed": lambda facts: [TESTS["pci_claimed"](device, "train1") for device in devices_of(facts)],
    "form": asked,
    "pci_report": lambda facts: facts_of({"ansible_facts": {"hostdev": facts}}),
}


@pytest.mark.parametrize("name", LOOKS)
def test_damaged_facts_are_refused_with_what_is_wrong_with_them(facts, name):
    LOOKS[name](facts)
    refused = 0
    for where, value in damaged(facts):
        try:
            LOOKS[name](value)
        except (AnsibleFilterError, HostdevError) as error:
            refused += 1
            said = str(error)
            assert any(word in said for word in ("wanted: ", "what to do: ")), (where, said)
            assert name != "rank_hosts" or "kvm1: " in said, (where, said)
    assert refused > 10


@pytest.mark.parametrize("part", ["devices", "pools"])
def test_a_host_with_damaged_facts_is_no_place_and_the_reason_is_told(facts, part):
    whole = {name: value for name, value in facts.items() if name in (part, "claims", "host", "iommu_groups")}
    told = set()
    for where, value in damaged(whole):
        chosen = FILTERS["place"](of_host(value), [A100], [BESIDE], owner="web1")
        code, message = (chosen["not"].get("kvm1") or {"code": "", "msg": ""}).values()
        told.add(code)
        assert code != "no_facts" or "are known: found" in message or "wanted: " in message, (where, message)
    assert "no_facts" in told


def test_damaged_facts_take_no_choice_from_other_hosts(facts):
    good = {"kvm2": of_host(facts)["kvm1"]}
    assert FILTERS["form_choices"](good)["form_device"] == ["10de:20b2"]
    for where, value in damaged(facts):
        offered = FILTERS["form_choices"]({**of_host(value), **good})
        assert any(choice.startswith("10de:20b2") for choice in offered["form_device"]), where
        assert "web1" in offered["form_domain"], where
        assert all(told.startswith("kvm1: ") for told in offered["left_out"]), where


def test_a_damaged_survey_is_refused():
    told = []
    for _where, survey in damaged(SURVEY):
        try:
            FILTERS["form_survey"](survey, {"form_device": ["a100"]})
        except AnsibleFilterError as error:
            told.append(str(error))
    assert len(told) > 10
    assert all("the survey: " in words for words in told)
    for choices in (5, [1], {"form_device": 5}, {"form_device": [None]}):
        with pytest.raises(AnsibleFilterError, match="the choices"):
            FILTERS["form_survey"](SURVEY, choices)


def test_the_part_to_blame_is_named_with_what_was_found_and_wanted(facts):
    spoilt = json.loads(json.dumps(facts))
    spoilt["devices"][0]["bars"][0] = None
    with pytest.raises(AnsibleFilterError) as caught:
        LOOKS["rank_hosts"](spoilt)
    assert str(caught.value) == (
        "rank_hosts: kvm1: 0000:3b:00.0: its bars[0]: found null; wanted: a mapping; "
        "what to do: give the facts as kvm.hostdev.pci_facts returns them."
    )


@pytest.mark.parametrize(("arguments", "options"), [((), {}), (({}, {}, {}, {}), {}), (({}, [A100]), {"requests": []})])
def test_a_call_with_too_few_or_too_many_options_is_told_as_such(arguments, options):
    with pytest.raises(AnsibleFilterError, match=r"pci_distances: the options: found|pci_distances: an option: found"):
        FILTERS["pci_distances"](*arguments, **options)
