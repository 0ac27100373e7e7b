# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a form's answers become, and what is refused of them."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.answers import ANY, read_answers
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.choices import Known, hosts_of
from ansible_collections.kvm.hostdev.plugins.plugin_utils.form.tenant import EVERYTHING, read_tenant

ASKED = {"form_domain": "web1", "form_device": "gpu"}
EVERYBODY = {"HOSTDEV_TENANT": EVERYTHING}


def facts(*domains: str, model: str = "10de:20b2") -> dict:
    vendor, product = model.split(":")
    device = {"capability": "pci", "address": "0000:3b:00.0", "vendor_id": vendor, "product_id": product}
    return {"ansible_facts": {"hostdev": {"host": {"domains": list(domains)}, "devices": [device]}}}


KNOWN = {
    "kvm1": {**facts("web1", "db1"), "hostdev_aliases": [{"name": "gpu", "vendor_id": "10de", "product_id": "20b2"}]},
    "kvm2": {**facts("train1"), "hostdev_aliases": [{"name": "other", "vendor_id": "10de", "product_id": "20b2"}]},
    "kvm3": {},
}


def tenant(may: object, name: str = "blue"):
    return read_tenant({"HOSTDEV_TENANT": name, "HOSTDEV_TENANT_MAY": json.dumps(may)})


def hosts(purpose: str, answers: dict, *, of=None, placed: str | None = None, play=tuple(KNOWN)) -> list[str]:
    return hosts_of(purpose, read_answers(purpose, answers), of or read_tenant(EVERYBODY), Known(KNOWN, play), placed)


def refused(work) -> str:
    with pytest.raises(HostdevError) as caught:
        work()
    return caught.value.message


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        ("gpu", {"alias": "gpu"}),
        ("10de:20b2", {"specs": [{"vendor_id": "10de", "product_id": "20b2"}]}),
        ("10de:20b2@A100", {"specs": [{"vendor_id": "10de", "product_id": "20b2"}]}),
        (
            "8086:154c@type-VF@Intel-XL710-VF",
            {"specs": [{"vendor_id": "8086", "product_id": "154c", "device_type": "type-VF"}]},
        ),
    ],
)
def test_a_choice_becomes_a_request(device, wanted):
    answers = read_answers("claim", {**ASKED, "form_device": device, "form_count": "3"})
    assert answers.wanted() == {"name": "device", "count": 3, **wanted}


@pytest.mark.parametrize("word", ["type-FV", "Type-VF", "TYPE_VF", "typeVF", "type", "VF", "pf", "VDPA", "type-PFs"])
def test_a_misspelt_type_is_no_name(word):
    told = refused(lambda: read_answers("place", {**ASKED, "form_device": f"8086:10ca@{word}"}))
    assert f"8086:10ca@{word}, whose {word} is no type; wanted: one of type-PCI, type-PF, type-VF, vdpa" in told


@pytest.mark.parametrize("word", ["typewriter", "A100", "82576-VF", "VF-of-82576", "Type4-Card.2"])
def test_names_for_people_stay(word):
    assert (
        "device_type" not in read_answers("place", {**ASKED, "form_device": f"8086:10ca@{word}"}).wanted()["specs"][0]
    )


def test_what_is_not_answered_has_its_default():
    answers = read_answers("release", {"form_domain": "web1", "awx_job_id": 7})
    assert (answers.count, answers.host, answers.request, answers.device) == (1, ANY, "device", "")


@pytest.mark.parametrize(
    "text", ["{{ 7 }}", "web1\n", "\nweb1", "web\0", "all:!x", "a,b", "", " web1", "ü", "a" * 254, ["web1"], None, True]
)
def test_an_answer_has_the_characters_of_a_choice(text):
    assert "letters, digits and" in refused(lambda: read_answers("claim", {**ASKED, "form_domain": text}))


@pytest.mark.parametrize("name", ["hostdev_allow", "HOSTDEV_TENANT", "ansible_connection", "{{ 7 }}", "awxx", ""])
def test_a_variable_that_is_no_answer_is_refused(name):
    assert "set it in the inventory" in refused(lambda: read_answers("claim", {**ASKED, name: 1}))


def test_an_answer_to_no_question_is_refused_with_the_one_that_is_meant():
    assert "did you mean form_host?" in refused(lambda: read_answers("claim", {**ASKED, "form_hots": "kvm1"}))


@pytest.mark.parametrize("count", ["0", "17", "-1", "1.5", "٣", 0, 17])
def test_a_count_has_bounds(count):
    assert "form_count" in refused(lambda: read_answers("claim", {**ASKED, "form_count": count}))


def test_a_placed_host_counts_for_the_answers_that_it_was_chosen_for():
    placed = {f"form_placed_{key}": value for key, value in (("domain", "web1"), ("device", "gpu"), ("count", 1))}
    chosen = {**placed, "form_placed_host": "kvm1"}
    assert hosts("claim", {**ASKED, **chosen}) == []  # what is chosen is handed over by the lookup
    assert read_answers("claim", {**ASKED, **chosen}).placed == "kvm1"
    assert read_answers("claim", {**ASKED, **chosen, "form_count": 2}).placed is None
    assert read_answers("claim", {**ASKED, **chosen, "form_domain": "db1"}).placed is None


def test_hosts_by_purpose():
    # Of kvm3 nobody knows its domains; the alias is known on kvm1 alone.
    assert hosts("place", {**ASKED, "form_device": "10de:20b2"}) == ["kvm1", "kvm3"]
    assert hosts("place", ASKED) == ["kvm1"]
    assert hosts("claim", ASKED) == []
    assert hosts("claim", ASKED, placed="kvm1") == ["kvm1"]
    assert hosts("release", ASKED) == ["kvm1", "kvm2", "kvm3"]
    assert hosts("verify", {**ASKED, "form_host": "kvm2"}) == ["kvm2"]
    assert hosts("release", ASKED, of=tenant({"domains": ["web1"], "hosts": ["kvm2"]})) == ["kvm2"]


def test_a_stale_choice_is_named_with_what_there_is():
    assert "kvm1, kvm2, kvm3" in refused(lambda: hosts("claim", {**ASKED, "form_host": "kvm9"}))
    assert "db1, web1" in refused(lambda: hosts("claim", {**ASKED, "form_domain": "gone", "form_host": "kvm1"}))
    gone = {**ASKED, "form_host": "kvm1", "form_device": "10de:ffff@Gone"}
    assert "10de:20b2" in refused(lambda: hosts("claim", gone))
    assert "other" in refused(lambda: hosts("claim", {**ASKED, "form_domain": "train1", "form_host": "kvm2"}))


def test_what_there_is_says_nothing_of_other_tenants():
    blue = tenant({"domains": ["web1", "gone"], "hosts": ["kvm1"]})
    told = refused(lambda: hosts("claim", {**ASKED, "form_domain": "gone", "form_host": "kvm1"}, of=blue))
    assert "web1" in told
    assert "db1" not in told


@pytest.mark.parametrize("damaged", [5, "web1", {"web1": 1}])
def test_domains_of_another_form_are_not_known(damaged):
    known = {"kvm1": {"ansible_facts": {"hostdev": {"host": {"domains": damaged}}}}, "kvm2": facts("web1")}
    of, answers = read_tenant(EVERYBODY), read_answers("place", {**ASKED, "form_device": "10de:20b2"})
    assert hosts_of("place", answers, of, Known(known, tuple(known)), None) == ["kvm1", "kvm2"]


GPU_ALIAS = {"name": "gpu", "vendor_id": "10de", "product_id": "20b2"}


def place_among(aliases: dict, may: object = None) -> list[str]:
    known = {name: {**facts("web1"), "hostdev_aliases": told} for name, told in aliases.items()}
    of = read_tenant(EVERYBODY) if may is None else tenant(may)
    return hosts_of("place", read_answers("place", ASKED), of, Known(known, tuple(known)), None)


def test_hosts_are_compared_by_an_alias_that_they_have_alike():
    other = [GPU_ALIAS, {"name": "of-red"}]
    assert place_among({"kvm1": [{"name": "of-red"}], "kvm2": other, "kvm3": [GPU_ALIAS]}) == ["kvm2", "kvm3"]
    told = refused(lambda: place_among({"kvm1": [GPU_ALIAS], "kvm2": [{**GPU_ALIAS, "product_id": "20b5"}]}))
    assert "the alias gpu: hostdev_aliases of kvm2 and of kvm1 have it with different fields" in told


def test_what_an_alias_is_on_a_host_of_another_tenant_is_not_asked():
    may = {"domains": ["web1"], "hosts": ["kvm2"], "devices": ["gpu"]}
    other = {"kvm1": [{**GPU_ALIAS, "product_id": "20b5"}, {"name": "of-red"}]}
    assert place_among({**other, "kvm2": [GPU_ALIAS]}, may) == ["kvm2"]
    told = refused(lambda: place_among({**other, "kvm2": [{"name": "of-red"}]}, may))
    assert "which is no alias in hostdev_aliases of kvm2" in told
    assert "of-red" not in told


def test_a_host_outside_of_the_job_is_none():
    assert "no host of this job" in refused(lambda: hosts("claim", {**ASKED, "form_host": "kvm1"}, play=["kvm2"]))


def test_a_placed_host_must_be_the_tenants():
    blue = tenant({"domains": ["web1"], "hosts": ["kvm2"]})
    assert "no host of this job" in refused(lambda: hosts("claim", ASKED, of=blue, placed="kvm1"))


@pytest.mark.parametrize(
    ("may", "answers"),
    [
        ({}, {}),
        ({"domains": ["db1"]}, {}),
        ({"domains": ["web1"], "hosts": ["kvm2"]}, {"form_host": "kvm1"}),
        ({"domains": ["web1"], "devices": []}, {}),
        ({"domains": ["web1"], "devices": ["10de:20b2@type-PF"]}, {"form_device": "10de:20b2@type-VF"}),
        ({"domains": ["WEB1"]}, {}),
        ({"domains": ["*"]}, {}),
    ],
)
def test_what_is_not_the_tenants_is_refused(may, answers):
    blue = tenant(may)
    assert "of tenant blue" in refused(lambda: blue.check(read_answers("claim", {**ASKED, **answers})))


@pytest.mark.parametrize("device", ["gpu", "10de:20b2", "10de:20b2@A100", "10de:20b2@type-PF@A100"])
def test_what_is_the_tenants_is_not(device):
    blue = tenant({"domains": ["web1"], "hosts": ["kvm1"], "devices": ["gpu", "10de:20b2"]})
    blue.check(read_answers("claim", {**ASKED, "form_host": "kvm1", "form_device": device}))


@pytest.mark.parametrize("device", ["8086:10ca@type-FV", "8086:10ca@82576", "8086:10ca@type-VF@82576"])
def test_a_device_that_no_answer_is_compared_with_is_refused(device):
    told = refused(lambda: tenant({"devices": ["gpu", "8086:10ca@type-VF", device]}))
    assert f"found the device {device}; wanted: an alias, 8086:10ca, or with a type 8086:10ca@type-VF" in told


def test_a_misspelt_key_of_a_tenant_is_named():
    assert "found the key domain; did you mean domains?" in refused(lambda: tenant({"domain": ["web1"]}))


@pytest.mark.parametrize(
    ("device", "devices", "own"),
    [
        ("gone", ["gpu", "gone", "10de:20b2"], "gpu"),
        ("10de:ffff", ["gpu", "10de:ffff", "10de:20b2@type-PF"], "10de:20b2"),
        ("10de:ffff", ["10de:ffff"], "nothing that is known"),
    ],
)
def test_what_there_is_says_nothing_of_devices_of_other_tenants(device, devices, own):
    known = {"kvm1": {**facts("web1"), "hostdev_aliases": [{"name": "gpu"}, {"name": "of-red"}]}}
    may = tenant({"domains": ["web1"], "hosts": ["kvm1"], "devices": devices})
    answers = read_answers("claim", {**ASKED, "form_device": device, "form_host": "kvm1"})
    told = refused(lambda: hosts_of("claim", answers, may, Known(known, ["kvm1"]), None))
    assert f"wanted: {own};" in told


@pytest.mark.parametrize("key", ["domains", "hosts", "devices"])
def test_a_key_without_a_value_permits_nothing(key):
    may = {"domains": ["web1"], "hosts": ["kvm1"], "devices": ["gpu"], key: None}
    assert f"as {key}" in refused(lambda: tenant(may))


@pytest.mark.parametrize("name", [" *", "*\n", "**", "blue ", "blue\n", "bl\u00fce", "\uff0a", "a b"])
def test_a_tenant_has_a_plain_name_or_none(name):
    assert "the name of a tenant" in refused(lambda: tenant({"domains": ["web1"], "hosts": ["kvm1"]}, name))


@pytest.mark.parametrize("may", ["", "{", "[]", '{"domains": "web1"}', '{"domains": [1]}', '{"domain": ["web1"]}', "3"])
def test_lists_that_nobody_can_read_permit_nothing(may):
    told = refused(lambda: read_tenant({"HOSTDEV_TENANT": "blue", "HOSTDEV_TENANT_MAY": may}))
    assert "HOSTDEV_TENANT_MAY" in told


@pytest.mark.parametrize("environment", [{}, {"HOSTDEV_TENANT": ""}, {"HOSTDEV_TENANT": " \n"}])
def test_without_a_tenant_there_is_nothing(environment):
    assert "it is empty" in refused(lambda: read_tenant(environment))
