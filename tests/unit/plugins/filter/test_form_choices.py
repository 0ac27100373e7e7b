# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.filter.form_choices import form_choices
from ansible_collections.kvm.hostdev.plugins.filter.form_survey import form_survey
from ansible_collections.kvm.hostdev.plugins.plugin_utils.choices import NAME
from ansible_collections.kvm.hostdev.tests.unit.helpers import fleet

A100, VF = "10de:20b2", "8086:10ca@type-VF"
HOSTILE = (
    "web1\nweb2",
    "{{ lookup('pipe', 'id') }}",
    "web1; reboot",
    "all:!kvm1 kvm2",
    "$encrypted$",
    "wéb",
    "",
    "x" * 129,
)
SURVEY = {
    "name": "Claim",
    "description": "",
    "spec": [
        {"variable": "form_domain", "type": "multiplechoice", "choices": [], "default": ""},
        {"variable": "form_host", "type": "multiplechoice", "choices": ["any"], "default": "any"},
        {"variable": "form_count", "type": "integer", "default": 1},
    ],
}


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    facts = fleet.fleet(tmp_path_factory.mktemp("fleet"))
    return {name: {"ansible_facts": {"hostdev": of_host}} for name, of_host in facts.items()}


@pytest.fixture
def hosts(gathered):
    return copy.deepcopy(gathered)


def hostdev(hosts, name):
    return hosts[name]["ansible_facts"]["hostdev"]


def ids(choices):
    return [choice.partition("@")[0] for choice in choices["form_device"]]


def test_devices_are_models_that_some_host_has_free_or_held(hosts):
    offered = form_choices(hosts)
    assert A100 in ids(offered)
    assert [choice for choice in offered["form_device"] if choice.startswith(VF)] != []
    kept = {f"{d['vendor_id']}:{d['product_id']}" for d in hostdev(hosts, "kvm1")["devices"] if not d["claimable"]}
    free = {f"{d['vendor_id']}:{d['product_id']}" for d in hostdev(hosts, "kvm1")["devices"] if d["claimable"]}
    assert "1af4:1000" in kept - free
    assert (kept - free).isdisjoint(ids(offered))


def test_only_hosts_that_are_asked_for_count(hosts):
    assert A100 not in ids(form_choices(hosts, hosts=["kvm1"]))
    assert form_choices(hosts, hosts=["kvm1"])["form_host"] == ["kvm1"]
    assert form_choices(hosts)["form_host"] == ["kvm1", "kvm2", "kvm3"]


def test_aliases_come_first_once_each(hosts):
    offered = form_choices(hosts, aliases=[{"name": "nic"}, {"name": "a100"}, {"name": "nic"}])
    assert offered["form_device"][:2] == ["a100", "nic"]


@pytest.mark.parametrize(
    "aliases", ['[{"name": "gpu"}]', ['{"name": "gpu"}'], ['[{"name": "gpu"}]'], [{"name": " gpu"}, {}, "no JSON", 5]]
)
def test_an_alias_may_be_a_text(aliases):
    assert form_choices({"kvm1": {}}, aliases=aliases)["form_device"] == ["gpu"]


def test_an_alias_that_reads_as_a_model_is_left_out_and_told():
    offered = form_choices({"kvm1": {}}, aliases=[{"name": A100}, {"name": f"{VF}@Name"}, {"name": "gpu"}])
    assert offered["form_device"] == ["gpu"]
    assert [A100 in told or VF in told for told in offered["left_out"]] == [True, True]


@pytest.mark.parametrize(
    "damaged",
    [5, {"devices": 5}, {"devices": [{"used_by": 5}]}, {"claims": [1]}, {"host": {"domains": 5}}, {"host": [1]}],
)
def test_facts_of_another_form_leave_out_their_host_alone(hosts, damaged):
    wanted = form_choices(hosts)
    hosts["broken"] = {"ansible_facts": {"hostdev": damaged}}
    offered = form_choices(hosts)
    assert (offered["form_device"], offered["form_domain"]) == (wanted["form_device"], wanted["form_domain"])
    assert ["broken" in told for told in offered["left_out"]] == [True]


def test_domains_are_those_that_libvirt_knows_and_those_that_hold_devices(hosts):
    hostdev(hosts, "kvm1")["host"]["domains"] = ["web1", "db1"]
    hostdev(hosts, "kvm2")["claims"].append({"owner": {"kind": "domain", "id": "1", "label": "train2"}})
    hostdev(hosts, "kvm3")["devices"][0]["used_by"] = [{"domain": "by-hand"}]
    assert form_choices(hosts)["form_domain"] == ["by-hand", "db1", "train2", "web1"]


def test_a_free_owner_is_no_domain(hosts):
    assert form_choices(hosts)["form_domain"] == []


def test_a_tenant_is_offered_what_it_may(hosts):
    tenant = {"domains": ["web2", "web1"], "hosts": ["kvm3", "kvm8"], "devices": [A100, "nic"]}
    offered = form_choices(hosts, tenant=tenant, aliases=[{"name": "nic"}, {"name": "other"}])
    assert offered["form_domain"] == ["web1", "web2"]
    assert offered["form_host"] == ["kvm3"]
    assert ids(offered) == ["nic", A100]


def test_a_tenant_with_no_host_of_these_is_offered_no_device(hosts):
    assert form_choices(hosts, tenant={"hosts": ["kvm8"], "domains": ["web1"]})["form_device"] == []


def test_a_type_that_the_tenant_names_is_the_type_that_it_is_offered(hosts):
    offered = form_choices(hosts, tenant={"devices": ["8086:10ca@type-VF"]})["form_device"]
    assert offered != []
    assert all(choice.startswith(VF) for choice in offered)
    assert form_choices(hosts, tenant={"devices": ["8086:10ca@type-PF"]})["form_device"] == []


def test_before_anything_is_known_a_tenant_is_offered_what_it_may():
    tenant = {"domains": ["web1"], "hosts": ["kvm1"], "devices": ["nic", A100]}
    assert form_choices({}, tenant=tenant) == {
        "form_domain": ["web1"],
        "form_device": [A100, "nic"],
        "form_host": ["kvm1"],
        "left_out": [],
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_more_than_a_name_is_left_out_and_told(hosts, name):
    hostdev(hosts, "kvm1")["host"]["domains"] = [name, "web1"]
    offered = form_choices(hosts, aliases=[{"name": name}])
    assert offered["form_domain"] == ["web1"]
    assert name not in offered["form_device"]
    assert [told.split(" ")[:2] for told in offered["left_out"] if told.startswith("kvm1: ")] == [["kvm1:", "domain"]]
    assert all(NAME.fullmatch(choice) for key, some in offered.items() if key != "left_out" for choice in some)


def test_ids_and_names_of_devices_are_no_better(hosts):
    devices = [device for device in hostdev(hosts, "kvm2")["devices"] if device.get("product_id") == "20b2"]
    devices[0]["vendor_id"] = "10de\n"
    devices[1]["product_name"] = "GA100 [A100 {{ x }}\n; reboot]"
    offered = form_choices(hosts, hosts=["kvm2"])
    assert f"{A100}@A100-x-reboot" in offered["form_device"]
    assert offered["left_out"] == ["kvm2: ids '10de\\n:20b2'"]


def test_a_host_called_any_would_be_mistaken_for_all(hosts):
    offered = form_choices({**hosts, "any": hosts["kvm1"]})
    assert "any" not in offered["form_host"]
    assert len(offered["left_out"]) == 1


def test_hosts_that_were_not_gathered_are_hosts_all_the_same(hosts):
    offered = form_choices({**hosts, "kvm4": {}, "kvm5": {"ansible_facts": {"hostdev": {}}}})
    assert offered["form_host"][-2:] == ["kvm4", "kvm5"]


@pytest.mark.parametrize(
    ("known", "tenant", "told"),
    [
        (["kvm1"], None, "what is known of hosts: found a list of 1"),
        ({}, ["web1"], "the tenant: found a list of 1"),
        ({}, {"domains": "web1"}, "the tenant: its domains: found the text 'web1'"),
    ],
)
def test_what_is_no_such_thing_is_refused(known, tenant, told):
    with pytest.raises(AnsibleFilterError) as error:
        form_choices(known, tenant=tenant)
    assert told in str(error.value)


def test_a_survey_offers_its_own_choices_and_then_what_there_is():
    filled = form_survey(SURVEY, {"form_domain": ["web1", "web2"], "form_host": ["kvm1", "any"]})
    domain, host, count = filled["spec"]
    assert (domain["choices"], domain["default"]) == (["web1", "web2"], "web1")
    assert (host["choices"], host["default"]) == (["any", "kvm1"], "any")
    assert count == SURVEY["spec"][2]
    assert SURVEY["spec"][0]["choices"] == []


def test_a_question_without_choices_offers_a_word_that_names_nothing():
    domain = form_survey(SURVEY)["spec"][0]
    assert (domain["choices"], domain["default"]) == (["nothing-known-yet"], "nothing-known-yet")


def test_a_survey_without_a_spec_is_refused():
    with pytest.raises(AnsibleFilterError, match="the survey: found a mapping with name"):
        form_survey({"name": "Claim"})
