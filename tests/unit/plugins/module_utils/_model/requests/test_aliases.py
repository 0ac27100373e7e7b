# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases

IDS = {"vendor_id": "8086", "product_id": "10fb"}


def test_an_alias_has_specs_and_a_numa_policy():
    aliases = parse_aliases(
        [
            {"name": " nic ", **IDS, "device_type": "type-VF", "live_migratable": "YES", "numa_policy": "socket"},
            {"name": "gpu", "class": "0302", "numa_node": 1, "capability_type": "pci", "traits": ["A"]},
        ]
    )
    assert {name: (alias.numa_policy, [spec.as_dict() for spec in alias.specs]) for name, alias in aliases.items()} == {
        "nic": ("socket", [{**IDS, "device_type": "type-VF", "live_migratable": "true"}]),
        "gpu": ("legacy", [{"class": "0302", "numa_node": 1, "traits": ["A"]}]),
    }


def test_a_json_text_is_an_alias_as_in_novas_configuration():
    assert parse_aliases(['{"name": "nic", "vendor_id": "8086", "product_id": "10fb"}']) == parse_aliases(
        [{"name": "nic", **IDS}]
    )


@pytest.mark.parametrize("common", [{}, {"device_type": "type-PF"}, {"numa_policy": "required"}])
def test_a_repeated_alias_adds_an_alternative(common):
    aliases = parse_aliases(
        [{"name": "n", **IDS, **common}, {"name": "n", "vendor_id": "8086", "product_id": "10ca", **common}]
    )
    assert [spec.product_id for spec in aliases["n"].specs] == ["10fb", "10ca"]


@pytest.mark.parametrize(
    ("first", "second", "subject"),
    [
        ({"numa_policy": "required"}, {}, "aliases[1].numa_policy"),
        ({"numa_policy": "required"}, {"numa_policy": "socket"}, "aliases[1].numa_policy"),
        ({"device_type": "type-PF"}, {"device_type": "type-PCI"}, "aliases[1].device_type"),
        ({"device_type": "type-PF"}, {}, "aliases[1].device_type"),
        ({}, {"device_type": "type-PF"}, "aliases[1].device_type"),
    ],
)
def test_alternatives_agree_on_numa_policy_and_device_type(first, second, subject):
    with pytest.raises(HostdevError) as caught:
        parse_aliases([{"name": "n", **IDS, **first}, {"name": "n", **IDS, **second}])
    assert (caught.value.code, caught.value.subject) == ("invalid_alias", subject)


def test_the_default_policy_agrees_with_the_same_one_written_out():
    assert len(parse_aliases([{"name": "n", **IDS}, {"name": "n", **IDS, "numa_policy": "legacy"}])["n"].specs) == 2


@pytest.mark.parametrize(
    "criterion",
    [
        {"class": "03"},
        {"subsystem_vendor_id": "1028"},
        {"serial": "S1"},
        {"driver": None},
        {"iommu_group_size": 1},
        {"tags": {"a": "b"}},
    ],
)
def test_criteria_of_ours_say_enough_without_ids(criterion):
    assert list(parse_aliases([{"name": "n", "vendor_id": "8086", **criterion}])) == ["n"]


@pytest.mark.parametrize(
    ("entry", "subject", "wanted"),
    [
        ("{", "aliases[0]", "a mapping with a name and criteria of a device spec"),
        ("[]", "aliases[0]", "a mapping with a name and criteria of a device spec"),
        (1, "aliases[0]", "a mapping with a name and criteria of a device spec"),
        (IDS, "aliases[0].name", "a name of 1 to 256 characters"),
        ({"name": " ", **IDS}, "aliases[0].name", "a name of 1 to 256 characters"),
        ({"name": "n" * 257, **IDS}, "aliases[0].name", "a name of 1 to 256 characters"),
        ({"name": "n"}, "aliases[0]", "vendor_id and product_id, or one of class"),
        ({"name": "n", "vendor_id": "8086"}, "aliases[0]", "vendor_id and product_id, or one of class"),
        ({"name": "n", "product_id": "8086"}, "aliases[0]", "vendor_id and product_id, or one of class"),
        ({"name": "n", "traits": ["A"]}, "aliases[0]", "vendor_id and product_id, or one of class"),
        ({"name": "n", "resource_class": "GPU"}, "aliases[0]", "vendor_id and product_id, or one of class"),
        ({"name": "n", "vendor_id": "8086", "tags": {}}, "aliases[0]", "vendor_id and product_id, or one of class"),
        ({"name": "n", **IDS, "vendor_id": "*"}, "aliases[0].vendor_id", "exactly four hexadecimal digits"),
        ({"name": "n", **IDS, "vendor_id": "0x8086"}, "aliases[0].vendor_id", "exactly four hexadecimal digits"),
        ({"name": "n", **IDS, "product_id": "fb"}, "aliases[0].product_id", "exactly four hexadecimal digits"),
        ({"name": "n", **IDS, "product_id": 1000}, "aliases[0].product_id", "exactly four hexadecimal digits"),
        ({"name": "n", **IDS, "vendor_id": 4318}, "aliases[0].vendor_id", "exactly four hexadecimal digits"),
        ({"name": "n", **IDS, "device_type": "vdpa"}, "aliases[0].device_type", "type-PCI, type-PF or type-VF"),
        ({"name": "n", **IDS, "numa_policy": "strict"}, "aliases[0].numa_policy", "one of "),
        ({"name": "n", **IDS, "capability_type": "usb"}, "aliases[0].capability_type", "pci"),
        ({"name": "n", **IDS, "address": "*"}, "aliases[0].address", "one of name, numa_policy"),
        ({"name": "n", **IDS, "vendor": "8086"}, "aliases[0].vendor", "one of name, numa_policy"),
    ],
)
def test_a_wrong_alias_is_named_with_its_path_and_what_is_allowed(entry, subject, wanted):
    with pytest.raises(HostdevError) as caught:
        parse_aliases([entry])
    assert (caught.value.code, caught.value.subject) == ("invalid_alias", subject)
    assert caught.value.wanted.startswith(wanted)


@pytest.mark.parametrize(
    ("value", "remedy"), [(4318, 'put the digits into quotes: "10de" or "4318"'), ("10dg", "give that instead")]
)
def test_an_id_that_yaml_read_as_a_number_is_shown(value, remedy):
    with pytest.raises(HostdevError) as caught:
        parse_aliases([{"name": "n", **IDS, "vendor_id": value}])
    assert caught.value.remedy == remedy


def test_aliases_that_are_no_list_are_refused():
    with pytest.raises(HostdevError) as caught:
        parse_aliases({"name": "n", **IDS})
    assert (caught.value.subject, caught.value.wanted) == ("aliases", "a list of aliases")


@pytest.mark.parametrize(
    ("criterion", "subject"),
    [
        ({"live_migratable": "maybe"}, "aliases[0].live_migratable"),
        ({"device_type": "PF"}, "aliases[0].device_type"),
        ({"class": "2"}, "aliases[0].class"),
    ],
)
def test_a_wrong_value_of_a_criterion_is_named_as_in_a_device_spec(criterion, subject):
    with pytest.raises(HostdevError) as caught:
        parse_aliases([{"name": "n", **IDS, **criterion}])
    assert (caught.value.code, caught.value.subject) == ("invalid_spec", subject)
