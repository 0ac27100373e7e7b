# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.address_pattern import read_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.comparison import Comparison
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import (
    KEYS,
    DeviceSpec,
    parse_device_spec,
    parse_device_specs,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow, device, inventory, pf, requests, vf

DEVICE = device(
    "0000:81:00.0",
    vendor_id="10de",
    product_id="20b5",
    class_id="030200",
    numa_node=1,
    subsystem_vendor_id="1028",
    subsystem_product_id="1533",
    serial="S1",
)
PF, VF1, VF2 = "0000:06:00.0", "0000:06:10.0", "0000:06:10.2"
ETH0 = Child("net", "eth0")


def test_all_keys_are_read():
    spec = parse_device_spec(
        {
            "address": "0000:81:00.0",
            "vendor_id": " 10DE",
            "product_id": "0x20b5",
            "subsystem_vendor_id": "1028",
            "subsystem_product_id": "*",
            "class": "0302",
            "device_type": "type-PCI",
            "numa_node": "1",
            "pcie_root": "pci0000:80",
            "pcie_switch": "80:00.0",
            "slot": "0000:81:00",
            "iommu_group_size": 2,
            "total_vfs": ">=8",
            "memory": ">= 16 GiB, <= 32GiB",
            "link_speed": 2.5,
            "link_width": "16",
            "serial": "S1",
            "stable_path": "0000_00_01.0-00_00.0",
            "driver": "nouveau",
            "resource_class": "CUSTOM_GPU",
            "traits": "CUSTOM_A, CUSTOM_B",
            "physical_network": "physnet1",
            "managed": "NO",
            "live_migratable": True,
            "tags": {"pool": "training", 1: True},
        },
        "spec",
    )
    assert spec == DeviceSpec(
        address=read_address("0000:81:00.0", ""),
        vendor_id="10de",
        product_id="20b5",
        subsystem_vendor_id="1028",
        class_prefix="0302",
        device_type="type-PCI",
        numa_node=1,
        pcie_root="pci0000:80",
        pcie_switch="0000:80:00.0",
        slot="0000:81:00",
        iommu_group_size=Comparison((("", 2),), 2),
        total_vfs=Comparison(((">=", 8),), ">= 8"),
        memory=Comparison(((">=", 16 << 30), ("<=", 32 << 30)), ">= 16 GiB, <= 32 GiB"),
        link_speed=Comparison((("", 2.5),), "2.5 GT/s"),
        link_width=Comparison((("", 16),), 16),
        serial="S1",
        stable_path="0000_00_01.0-00_00.0",
        driver="nouveau",
        resource_class="CUSTOM_GPU",
        traits=("CUSTOM_A", "CUSTOM_B"),
        tags={
            "physical_network": "physnet1",
            "managed": "false",
            "live_migratable": "true",
            "pool": "training",
            "1": True,
        },
    )


def test_an_empty_spec_matches_every_device():
    assert parse_device_spec({}, "spec").matches(DEVICE)


def test_a_key_without_a_value_is_left_open():
    left = parse_device_spec({"vendor_id": None, "tags": None, "product_id": "*", "devname": "", "address": ""}, "spec")
    assert left == DeviceSpec()


@pytest.mark.parametrize(
    "spec",
    [
        {"vendor_id": "10de"},
        {"product_id": "20b5"},
        {"address": "0000:81:00.0"},
        {"class": "03"},
        {"class": "0302"},
        {"class": "030200"},
        {"device_type": "type-PCI"},
        {"numa_node": 1},
        {"subsystem_vendor_id": "1028"},
        {"subsystem_product_id": "1533"},
        {"serial": "S1"},
        {"stable_path": "stable-0000:81:00.0"},
        {"driver": "e1000e"},
        {"vendor_id": "10de", "product_id": "20b5", "class": "03", "numa_node": 1},
    ],
)
def test_each_criterion_that_fits_lets_the_device_through(spec):
    assert parse_device_spec(spec, "spec").matches(DEVICE)


@pytest.mark.parametrize(
    "spec",
    [
        {"vendor_id": "8086"},
        {"product_id": "20b6"},
        {"address": "0000:81:00.1"},
        {"class": "02"},
        {"class": "0300"},
        {"class": "030201"},
        {"device_type": "type-PF"},
        {"device_type": "type-VF"},
        {"numa_node": 0},
        {"subsystem_vendor_id": "1029"},
        {"subsystem_product_id": "1534"},
        {"serial": "S2"},
        {"stable_path": "stable-0000:81:00.1"},
        {"driver": "igb"},
        {"driver": "none"},
        {"driver": None},
        {"vendor_id": "10de", "numa_node": 0},
    ],
)
def test_one_criterion_that_does_not_fit_keeps_the_device_out(spec):
    assert not parse_device_spec(spec, "spec").matches(DEVICE)


def test_a_numa_node_is_not_met_by_a_device_without_one():
    assert not parse_device_spec({"numa_node": 0}, "spec").matches(device("0000:01:00.0", numa_node=None))


def test_device_types_tell_pf_vf_and_plain_functions_apart():
    kinds = {
        "pf": pf("0000:01:00.0", "0000:01:10.0"),
        "pf without vfs": pf("0000:01:00.0"),
        "vf": vf("0000:01:10.0", "0000:01:00.0"),
        "vdpa": vf("0000:01:10.2", "0000:01:00.0", children=(Child("vdpa", "vdpa0"),)),
        "plain": DEVICE,
    }
    assert {
        name: [
            kind
            for kind in ("type-PCI", "type-PF", "type-VF", "vdpa")
            if parse_device_spec({"device_type": kind}, "spec").matches(function)
        ]
        for name, function in kinds.items()
    } == {"pf": ["type-PF"], "pf without vfs": ["type-PF"], "vf": ["type-VF"], "vdpa": ["vdpa"], "plain": ["type-PCI"]}


def refused(spec):
    with pytest.raises(HostdevError) as caught:
        parse_device_specs([{}, spec], "device_spec")
    assert caught.value.code == "invalid_spec"
    return caught.value


@pytest.mark.parametrize(
    ("spec", "subject", "found", "wanted"),
    [
        ({"vendor_id": "80860"}, "device_spec[1].vendor_id", "found '80860'", "four hexadecimal digits in quotes"),
        ({"product_id": "10g9"}, "device_spec[1].product_id", "found '10g9'", "four hexadecimal digits in quotes"),
        ({"vendor_id": ""}, "device_spec[1].vendor_id", "found ''", "four hexadecimal digits in quotes"),
        ({"class": "020"}, "device_spec[1].class", "found '020'", "two, four or six hexadecimal digits in quotes"),
        ({"address": "81:00.8"}, "device_spec[1].address", "found '81:00.8'", "function as * or a hexadecimal number"),
        ({"device_type": "PF"}, "device_spec[1].device_type", "found 'PF'", "one of type-PCI, type-PF, type-VF, vdpa"),
        ({"iommu_group_size": 0}, "device_spec[1].iommu_group_size", "found 0", "a number of functions, 1 or more"),
        ({"serial": 17}, "device_spec[1].serial", "found 17", "a text"),
        ({"driver": " "}, "device_spec[1].driver", "found ' '", "a text"),
        ({"devname": ["eth0"]}, "device_spec[1].devname", "found ['eth0']", "a text"),
        ({"devname": "eth0", "address": "*:*:*.*"}, "device_spec[1].devname", "found 'eth0'", "either devname or"),
        ({"managed": "sometimes"}, "device_spec[1].managed", "found 'sometimes'", "true or false"),
        ({"remote_managed": "maybe"}, "device_spec[1].remote_managed", "found 'maybe'", "true or false"),
        ({"one_time_use": []}, "device_spec[1].one_time_use", "found []", "true or false"),
        ({"physical_network": 1}, "device_spec[1].physical_network", "found 1", "a text"),
        ({"traits": ["A", 1]}, "device_spec[1].traits", "found ['A', 1]", "a list of names"),
        ({"tags": {"managed": True}}, "device_spec[1].tags.managed", "found True", "a name that is no key"),
        (
            {"tags": {"a": {}}},
            "device_spec[1].tags.a",
            "found {}",
            "a text, a number of at most 17 digits, true or false, null",
        ),
        (
            {"tags": {"a": 10**17}},
            "device_spec[1].tags.a",
            "found 100000000000000000",
            "a text, a number of at most 17 digits",
        ),
        (
            {"tags": {"a": [float("nan")]}},
            "device_spec[1].tags.a",
            "found [nan]",
            "a text, a number of at most 17 digits",
        ),
        ({"tags": {"a": "\ud800"}}, "device_spec[1].tags.a", "found '\\ud800'", "a text"),
        ("{", "device_spec[1]", "found '{'", "both ids as lspci -nn prints them"),
        ('[{"class": "2"}]', "device_spec[1][0].class", "found '2'", "two, four or six hexadecimal digits in quotes"),
        ({"numa_node": -1}, "device_spec[1].numa_node", "found -1", "a NUMA node's number, 0 or more"),
        ({"numa_node": "one"}, "device_spec[1].numa_node", "found 'one'", "a NUMA node's number, 0 or more"),
        ({"numa_node": True}, "device_spec[1].numa_node", "found True", "a NUMA node's number, 0 or more"),
        ({"tags": ["a"]}, "device_spec[1].tags", "found ['a']", "a mapping of tag names to values"),
        ("8086", "device_spec[1]", "found '8086'", "both ids as lspci -nn prints them"),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_what_is_allowed(spec, subject, found, wanted):
    error = refused(spec)
    assert (error.subject, error.found) == (subject, found)
    assert error.wanted.startswith(wanted)


@pytest.mark.parametrize("number", [8086, 0x10DE, 10.0])
@pytest.mark.parametrize("key", ["vendor_id", "product_id", "class"])
def test_ids_that_yaml_read_as_numbers_are_refused_with_a_hint_at_quotes(key, number):
    error = refused({key: number})
    assert error.subject == f"device_spec[1].{key}"
    assert error.remedy.startswith("put the digits into quotes")


@pytest.mark.parametrize(
    ("key", "number", "found", "digits"),
    [
        ("vendor_id", 4318, "found 4318, which is 0x10de without quotes, or 4318", '"10de" or "4318"'),
        ("vendor_id", 8086, "found 8086, which is 0x1f96 without quotes, or 8086", '"1f96" or "8086"'),
        ("vendor_id", 32902, "found 32902, which is 0x8086 without quotes", '"8086"'),
        ("product_id", 0o1017, "found 527, which is 0x020f without quotes", '"020f"'),
        ("product_id", 0o744, "found 484, which is 0x01e4 without quotes, or 0744", '"01e4" or "0744"'),
        ("product_id", 1e10, "found 10000000000.0, which is 10e9 without quotes, or 1e10", '"10e9" or "1e10"'),
        ("product_id", 15e3, "found 15000.0, which is 15e3 without quotes", '"15e3"'),
        ("class", 0o200, "found 128, which is 0200 without quotes, or 0x80", '"0200" or "80"'),
        ("class", 0x0200, "found 512, which is 0x0200 without quotes", '"0200"'),
        ("class", 0x010802, "found 67586, which is 0x010802 without quotes", '"010802"'),
        ("class", 2, "found 2, which is 02 without quotes, or 0x02", '"02"'),
        ("class", 12, "found 12, which is 0x0c without quotes, or 12", '"0c" or "12"'),
    ],
)
def test_what_stood_in_yaml_is_shown(key, number, found, digits):
    error = refused({key: number})
    assert (error.found, error.remedy) == (found, f"put the digits into quotes: {digits}")


@pytest.mark.parametrize("value", [True, -1, 123456789, 0.5, float("inf"), float("nan"), 1e400, [4318]])
def test_what_no_digits_can_have_been_is_only_told_to_be_quoted(value):
    error = refused({"vendor_id": value})
    assert (error.found, error.remedy) == (f"found {value!r}", "put the digits into quotes")


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("vendor", "did you mean vendor_id?"),
        ("adress", "did you mean address?"),
        ("product-id", "did you mean product_id?"),
        ("dev_type", "did you mean device_type?"),
        ("colour", "use one of pcie_root, slot, class, memory, resource_class, and 25 more"),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(key, remedy):
    error = refused({key: "x"})
    assert (error.subject, error.remedy) == (f"device_spec[1].{key}", remedy)
    assert error.wanted == "one of " + ", ".join(KEYS)


def test_specs_that_are_no_list_are_refused():
    with pytest.raises(HostdevError) as caught:
        parse_device_specs({"vendor_id": "8086"}, "requests[0].specs")
    assert (caught.value.subject, caught.value.wanted) == ("requests[0].specs", "a list of device specs")


@pytest.mark.parametrize(
    "written",
    [
        {"vendor_id": "8086", "class": "02", "numa_node": 0, "tags": {"net": "blue"}},
        {"address": "0000:81:00.0", "driver": "none", "physical_network": None},
        {"address": "*:81:*.0", "managed": "false", "tags": {"n": 1, "l": ["a", "b"], "none": None}},
        {"address": {"bus": "3[ab]", "function": "0"}, "traits": ["A", "B"], "resource_class": "GPU"},
        {"devname": "eth0", "iommu_group_size": 1, "serial": "S1", "stable_path": "x", "remote_managed": "true"},
        {"parent_ifname": "eth0", "trusted": "true"},
        {"pcie_root": "pci0000:80", "pcie_switch": "0000:80:00.0", "slot": "0000:81:00"},
        {"iommu_group_size": ">= 2", "total_vfs": 0, "memory": ">= 16 GiB, <= 32 GiB"},
        {"link_speed": ">= 2.5 GT/s", "link_width": 16},
    ],
)
def test_a_spec_is_written_as_a_user_would_write_it_and_read_again(written):
    spec = parse_device_spec(written, "spec")
    assert spec.as_dict() == written
    assert parse_device_spec(spec.as_dict(), "spec") == spec


def test_json_texts_of_one_spec_and_of_several_are_read_in_order():
    specs = parse_device_specs(['{"class": "02"}', {"class": "03"}, '[{"class": "04"}, {"class": "05"}]'], "specs")
    assert [spec.class_prefix for spec in specs] == ["02", "03", "04", "05"]


@pytest.mark.parametrize("key", KEYS)
def test_only_what_each_device_of_a_kind_must_be_looked_at_for_picks(key):
    values = {
        "address": "*",
        "numa_node": 0,
        "iommu_group_size": 1,
        "pcie_root": "pci0000:80",
        "pcie_switch": "0000:80:00.0",
        "slot": "0000:81:00",
        "memory": "1 GiB",
        "class": "02",
        "device_type": "type-PF",
        "managed": True,
        "live_migratable": True,
        "one_time_use": True,
        "trusted": True,
        "remote_managed": True,
        "tags": {"a": "b"},
    }
    kind = {"vendor_id", "product_id", "class", "device_type", "numa_node"}
    labels = {*"managed live_migratable one_time_use trusted physical_network resource_class traits tags".split()}
    spec = parse_device_spec({key: values.get(key, "1234")}, "spec")
    assert spec.picks is (key not in kind | labels)


def resolved(spec, *devices, held=()):
    """Addresses of the devices that fit on a host with these."""
    resolved_spec = parse_device_spec(spec, "spec").resolved(inventory(*devices), held)
    return [function.address for function in devices if resolved_spec.matches(function)]


def test_an_interface_stands_for_its_function_and_a_pfs_for_its_vfs_too():
    devices = [pf(PF, VF1, VF2, children=(ETH0,)), vf(VF1, PF), vf(VF2, PF, children=(Child("net", "eth1"),)), DEVICE]
    assert resolved({"devname": "eth0"}, *devices) == [PF, VF1, VF2]
    assert resolved({"devname": "eth0", "product_id": "10ca"}, *devices) == [VF1, VF2]
    assert resolved({"devname": "eth1"}, *devices) == [VF2]
    assert resolved({"devname": "eth9"}, *devices) == []


def test_an_interface_of_a_pf_is_the_parent_of_its_vfs_alone():
    devices = [pf(PF, VF1, VF2, children=(ETH0,)), vf(VF1, PF), vf(VF2, PF, children=(Child("net", "eth1"),)), DEVICE]
    assert resolved({"parent_ifname": "eth0"}, *devices) == [VF1, VF2]
    assert resolved({"parent_ifname": "eth0", "devname": "eth1"}, *devices) == [VF2]
    assert resolved({"parent_ifname": "eth1"}, *devices) == []


def test_the_interface_of_a_held_vfs_pf_may_be_gone_with_its_driver():
    devices = [
        pf(PF, VF1, VF2, driver=None),
        vf(VF1, PF, driver="vfio-pci"),
        vf(VF2, PF, driver="vfio-pci"),
        device("0000:07:00.0", driver="vfio-pci"),
    ]
    assert resolved({"parent_ifname": "eth0"}, *devices, held=[VF1, "0000:07:00.0"]) == [VF1]


def test_only_interfaces_have_a_devname():
    assert resolved({"devname": "eth0"}, device(VF1, children=(Child("block", "eth0"),))) == []


def test_the_interface_of_a_held_device_may_be_gone_with_its_driver():
    held, other = device(VF1, driver="vfio-pci"), device(VF2, driver="vfio-pci")
    assert resolved({"devname": "eth0"}, held, other, held=[VF1]) == [VF1]
    assert resolved({"devname": "eth0"}, held, other, device(PF, children=(ETH0,)), held=[VF1]) == [PF]


def test_a_group_is_as_large_as_it_has_functions():
    devices = [device("0000:01:00.0"), device("0000:01:00.1"), device("0000:02:00.0"), device(VF1, iommu_group=None)]
    assert resolved({"iommu_group_size": 2}, *devices) == ["0000:01:00.0", "0000:01:00.1"]
    assert resolved({"iommu_group_size": 1}, *devices) == ["0000:02:00.0"]
    assert resolved({"iommu_group_size": "<= 4"}, *devices) == ["0000:01:00.0", "0000:01:00.1", "0000:02:00.0"]


def test_remote_managed_fits_only_with_a_serial_of_the_device_or_its_pf():
    devices = [pf(PF, VF1, serial="S1"), vf(VF1, PF), device("0000:07:00.0"), device("0000:08:00.0", serial="S2")]
    assert resolved({"remote_managed": True}, *devices) == [PF, VF1, "0000:08:00.0"]
    assert resolved({"remote_managed": False}, *devices) == [function.address for function in devices]


def test_what_needs_a_look_around_fits_nothing_before_it():
    assert not parse_device_spec({"devname": "eth0"}, "spec").matches(device(PF, children=(ETH0,)))


@pytest.mark.parametrize(
    ("spec", "subject"),
    [
        ({"address": PF}, "device_spec[0].remote_managed"),
        ({"devname": "eth0"}, "device_spec[0].remote_managed"),
        ({"address": PF, "vendor_id": "8086", "product_id": "10c9"}, "device_spec[0].remote_managed"),
        ({"address": PF, "product_id": "1111"}, "device_spec[0].product_id"),
        ({"address": PF, "vendor_id": "15b3", "product_id": "10ca"}, "device_spec[0].product_id"),
        ({"devname": "gone0"}, "device_spec[0].devname"),
        ({"address": PF, "product_id": "10ca"}, None),
        ({"address": PF, "device_type": "type-VF"}, None),
        ({"address": VF1}, None),
        ({"address": "0000:99:00.0"}, None),
        ({"product_id": "10c9"}, None),
    ],
)
def test_remote_managed_is_refused_on_a_pf_and_where_the_interface_is_missing(spec, subject):
    host = inventory(pf(PF, VF1, children=(ETH0,)), vf(VF1, PF))
    allow({**spec, "remote_managed": False}).check(host)
    remote = allow({**spec, "remote_managed": True})
    if subject is None:
        remote.check(host)
        return
    with pytest.raises(HostdevError) as caught:
        remote.check(host)
    assert (caught.value.code, caught.value.subject) == ("invalid_spec", subject)


def test_tags_are_compared_as_text_in_any_case():
    demand = parse_device_spec({"tags": {"net": "Blue"}}, "spec")
    assert demand.demands({"net": "blue", "rack": "4"})
    assert not demand.demands({"net": "red"})
    assert not demand.demands({})


@pytest.mark.parametrize("device_type", ["type-PF", "type-VF", "vdpa"])
def test_what_may_be_remote_managed_is_not_where_no_tag_says_so(device_type):
    refused, asked = (parse_device_spec({"remote_managed": value}, "spec") for value in ("False", "True"))
    assert refused.demands({}, device_type)
    assert not asked.demands({}, device_type)
    assert not refused.demands({"remote_managed": "true"}, device_type)
    assert asked.demands({"remote_managed": "true"}, device_type)


def test_a_plain_function_has_no_word_on_who_manages_it():
    assert not parse_device_spec({"remote_managed": False}, "spec").demands({}, "type-PCI")


def test_a_request_for_a_vf_that_no_smartnic_manages_takes_an_untagged_one():
    host = inventory(pf(PF, VF1), vf(VF1, PF))
    (request,) = requests({"name": "nic", "specs": [{"device_type": "type-VF", "remote_managed": False}]})
    assert request.resolved(host).wants(host.devices[VF1], AllowList(None))


@pytest.mark.parametrize(
    ("wanted", "given", "met"),
    [
        (["rx", "tso"], ["tso", "rx", "tx"], True),
        (["RX"], ["rx", "TSO"], True),
        (["rx", "1"], ["rx", 1], False),
        ("STRASSE", "straße", True),
        (["rx", "lro"], ["tso", "rx", "tx"], False),
        ("tso", ["tso"], False),
        (None, None, True),
        (None, "blue", False),
        ("blue", None, False),
        (1, 1, True),
        (1, "1", False),
    ],
)
def test_lists_nulls_and_numbers_are_demanded_as_in_nova(wanted, given, met):
    assert parse_device_spec({"tags": {"net": wanted}}, "spec").demands({"net": given}) is met


def test_a_null_demand_is_met_by_a_missing_tag():
    assert parse_device_spec({"physical_network": None}, "spec").demands({})
    assert not parse_device_spec({"physical_network": None}, "spec").demands({"physical_network": "physnet1"})


def test_known_tags_are_demanded_like_free_ones():
    demand = parse_device_spec({"live_migratable": "yes", "physical_network": "PhysNet1"}, "spec")
    permitted = parse_device_spec({"live_migratable": True, "physical_network": "physnet1"}, "spec")
    assert demand.demands(permitted.tags)
    assert not demand.demands({"physical_network": "physnet1"})


def test_resource_class_and_traits_are_no_tags():
    assert parse_device_spec({"resource_class": "GPU", "traits": ["A"]}, "spec").tags == {}


def test_without_an_allow_list_every_device_is_permitted_without_tags():
    assert AllowList(None).tags_of(DEVICE) == {}


def test_an_empty_allow_list_permits_nothing():
    assert AllowList(()).tags_of(DEVICE) is None


def test_the_first_matching_entry_of_the_allow_list_gives_the_tags():
    permitted = allow(
        {"vendor_id": "8086", "tags": {"n": "1"}}, {"class": "03", "tags": {"n": "2"}}, {"tags": {"n": "3"}}
    )
    assert permitted.tags_of(DEVICE) == {"n": "2"}
    assert permitted.tags_of(device("0000:01:00.0")) == {"n": "1"}


def test_a_device_that_no_entry_fits_is_not_permitted():
    assert allow({"vendor_id": "8086"}).tags_of(DEVICE) is None


def test_the_allow_list_tells_the_number_of_the_entry():
    permitted = allow({"class": "03"}, {"address": VF1}, {"vendor_id": "8086"})
    assert permitted.entry_of(device(VF1)) == (1, {})
    assert permitted.entry_of(device(VF2)) == (2, {})
    assert permitted.entry_of(device(VF2, vendor_id="15b3")) is None
    assert AllowList(None).entry_of(device(VF2)) == (0, {})


def test_entries_that_count_for_nothing_are_named_with_the_reason():
    specs = [{"class": "03"}, {"vendor_id": "10de", "numa_node": 1}, {"serial": "S9"}, {"class": "02"}, {}]
    permitted = allow(*specs)
    assert permitted.idle([DEVICE, device(VF1)]) == [
        "device_spec[1] (vendor_id 10de, numa_node 1) never counts on this host: all that it fits is taken by "
        "device_spec[0] before it",
        "device_spec[2] (serial S9) fits no device of this host",
        "device_spec[4] (any device) never counts on this host: all that it fits is taken by device_spec[0], "
        "device_spec[3] before it",
    ]
    assert AllowList(None).idle([DEVICE]) == []


def test_an_entry_by_interface_is_looked_up_with_the_list():
    host = inventory(pf(PF, VF1, children=(ETH0,)), vf(VF1, PF), DEVICE)
    permitted = allow({"devname": "eth0", "tags": {"net": "blue"}}).resolved(host)
    assert [address for address, function in host.devices.items() if permitted.tags_of(function)] == [PF, VF1]


def test_both_ids_in_short_are_the_spec_that_is_written_out():
    specs = parse_device_specs(["10de:20b2", '["8086:10ca", {"class": "02"}]', "8086:1016", "1e10:0000"], "specs")
    assert [spec.as_dict() for spec in specs] == [
        {"vendor_id": "10de", "product_id": "20b2"},
        {"vendor_id": "8086", "product_id": "10ca"},
        {"class": "02"},
        {"vendor_id": "8086", "product_id": "1016"},
        {"vendor_id": "1e10", "product_id": "0000"},
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10DE:20B2", '"10de:20b2"'),
        ("0x10de:0x20b2", '"10de:20b2"'),
        ("[10de:20b2]", '"10de:20b2"'),
        (" 10de:20b2", '"10de:20b2"'),
        ("10de: 20b2", '"10de:20b2"'),
        ("10de:2b2", '"10de:02b2"'),
        ("10de:20b2@node1", '{vendor_id: "10de", product_id: "20b2", numa_node: 1}'),
        ("10DE:20b2@0", '{vendor_id: "10de", product_id: "20b2", numa_node: 0}'),
        ("10de", '{vendor_id: "10de"} for all devices of a vendor'),
        ("10de:", '{vendor_id: "10de"} for all devices of a vendor'),
        ("10de:*", '{vendor_id: "10de"} for all devices of a vendor'),
        ("0302", '{class: "0302"} for all devices of a class'),
        ("0C0330", '{class: "0c0330"} for all devices of a class'),
        ("10de:20b2,10de:20b0", 'a list: ["10de:20b2", "10de:20b0"]'),
        ("10DE:20B2 8086:10ca", 'a list: ["10de:20b2", "8086:10ca"]'),
        ("10de:20b2\n10de:20b5", 'a list: ["10de:20b2", "10de:20b5"]'),
        ("3b:00.0 3D controller [0302]: NVIDIA Corporation GA100 [10de:20b2] (rev a1)", '"10de:20b2"'),
        ("pci_0000_3b_00_0", '{address: "pci_0000_3b_00_0"}'),
        ("0000:3b:00.0", '{address: "0000:3b:00.0"}'),
        ("3b:00.0", '{address: "3b:00.0"}'),
    ],
)
def test_a_text_that_is_nearly_both_ids_says_what_to_write(text, meant):
    error = refused(text)
    assert (error.subject, error.found) == ("device_spec[1]", f"found {text!r}")
    assert error.wanted.startswith('both ids as lspci -nn prints them, such as "10de:20b2", or a mapping')
    assert error.remedy == f"write {meant}"


@pytest.mark.parametrize("text", ["10de:20b20", "10de:20g2", "10de-20b2", "10de:20b2,nic", "nic", ":20b2", ""])
def test_a_text_that_is_like_nothing_is_refused_without_a_guess(text):
    assert refused(text).remedy == "give that instead"


def test_ids_that_yaml_read_as_a_number_of_base_60_are_shown():
    assert yaml.safe_load("[10:20, 8086:1016, 10de:20b2]") == [620, "8086:1016", "10de:20b2"]
    error = refused(620)
    assert error.found == "found 620, which is 0x026c or 10:20 without quotes"
    assert error.remedy == 'put what is meant into quotes: {vendor_id: "026c"} or "0010:0020"'


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("0x10de", '{vendor_id: "10de"} or {vendor_id: "4318"} or "0071:0058"'),
        ("1000", '{vendor_id: "03e8"} or {vendor_id: "1000"} or "0016:0040"'),
        ("0x10de20b2", '"10de:20b2"'),
        ("8086:10", '"0007:6732" or "8086:0010"'),
    ],
)
def test_ids_that_yaml_read_as_another_number_say_what_to_write(text, remedy):
    assert refused(yaml.safe_load(text)).remedy == f"put what is meant into quotes: {remedy}"


def test_only_a_misspelt_key_is_answered_with_all_keys():
    assert "iommu_group_size" not in refused("10de:20b2@node1").message
    assert "iommu_group_size" in refused({"vendor": "10de"}).message


@pytest.mark.parametrize("value", [True, -8, 1 << 40, None, 10.5, ["10de:20b2"]])
def test_what_is_no_text_and_no_mapping_is_refused(value):
    assert (refused(value).found, refused(value).remedy) == (f"found {value!r}", "give that instead")


def test_json_with_brackets_without_end_is_refused():
    with pytest.raises(HostdevError) as caught:
        parse_device_specs(["[" * 100_000], "device_spec")
    assert (caught.value.code, caught.value.subject) == ("invalid_spec", "device_spec[0]")


def test_a_number_of_more_digits_than_python_reads_is_refused():
    with pytest.raises(HostdevError) as caught:
        parse_device_specs([{"numa_node": "9" * 5000}], "device_spec")
    assert caught.value.subject == "device_spec[0].numa_node"
