# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import datetime
import sys

import pytest
from ansible.errors import AnsibleFilterError
from jmespath.functions import Functions

from ansible_collections.kvm.hostdev.plugins.filter.pci_query import FilterModule
from ansible_collections.kvm.hostdev.tests.unit.helpers.fleet import gathered, made
from ansible_collections.kvm.hostdev.tests.unit.helpers.playing import Site

query = FilterModule().filters()["pci_query"]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return gathered(made(tmp_path_factory.mktemp("host"), "kvm2"))


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("devices[?fits(@, '10de:20b2') && numa_node == `1`].address", ["0000:af:00.0"]),
        ("fits(devices, ['10de:20b2', '8086:10c9'])[].address | length(@)", 5),
        ('fits(devices, `{"parent_ifname": "enp1s0"}`)[].address | [0]', "0000:01:10.0"),
        ('fits(devices, `{"iommu_group_size": 3}`)[].iommu_group', [12, 17, 17, 17, 12, 12]),
        ('fits(devices, `{"address": "*:3b:*.*"}`)[].owner.label', ["train1"]),
        ("free(fits(devices, '10de:20b2'))[].address", ["0000:5e:00.0", "0000:60:00.0", "0000:af:00.0"]),
        ("free(device('3b:00.0'))", False),
        ("device('pci_0000_5e_00_0') | [free(@), fits(@, '10de:20b2'), fits(@, '10de:20b3')]", [True, True, False]),
        ("devices[].numa_node | max(@)", 1),
        ("devices[?owner].owner.label | sort(@)", ["dpdk0", "train1"]),
        ("devices[?blockers[?code=='boot_vga']].address | [0]", "0000:00:01.0"),
        ("devices[?contains(blockers[].code, 'root_disk')].children[].name", ["vda"]),
        ("max_by(devices, &iommu_group).address", "0000:af:00.0"),
        ("sort_by(devices, &iommu_group)[-1].address", "0000:af:00.0"),
        ("map(&address, free(devices))[0]", "0000:01:10.2"),
        ("device(var('which')).owner.label", "train1"),
        ("iommu_groups[?length(devices) > `2`].id", [12, 17]),
        ("[host.iommu, claims[0].owner.kind, drift]", [True, "name", []]),
        ("devices[?vendor_id != '8086' && header_type == `0`].vendor_id | [0]", "1234"),
        ("devices[].{a: address, b: numa_node} | [?b == `1`].a", ["0000:80:00.0", "0000:81:00.0", "0000:af:00.0"]),
        ("devices[].children[?kind == 'net'][].name | [-1]", "ens1"),
        ("devices[*].virtual_functions[]", ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"]),
        ("(devices[?!claimable] || devices)[0].address", "0000:00:00.0"),
        ("devices[:2].address", ["0000:00:00.0", "0000:00:01.0"]),
        ("host.* | length(@) > `3`", True),
        ("claims[].declared[]", []),
        ("claims[].devices[?role == 'requested'][].address", ["0000:01:10.0", "0000:3b:00.0"]),
        ("not_null(devices[0].owner, devices[0].driver, 'none')", "none"),
        ("claims[].requests[].specs[].tags.whatever", []),
        ("tree[?name == 'pci_0000_00_00_0'].children", [[]]),
        ("devices[?starts_with(address, '0000:3b:') && ends_with(address, '.0')].address", ["0000:3b:00.0"]),
        ("devices[?contains(address, '3b')].address", ["0000:3b:00.0"]),
        ('devices[?contains(`[null, "type-VF"]`, device_type)].address | length(@)', 4),
        ("devices[?driver && starts_with(driver, 'vfio')].address", ["0000:01:10.0", "0000:3b:00.0"]),
        ("devices[?starts_with(device_type, 'type-V')].address | length(@)", 4),
    ],
)
def test_what_is_asked_is_answered(facts, expression, answer):
    assert query(facts, expression, which="0000:3B:00.0") == answer


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("devcies[].address", "devcies in the query: there is no such field; .*did you mean devices"),
        ("devices[].adress", "adress in the query.*did you mean address"),
        ("devices[?!claimable].adress", "adress in the query"),
        ("devices[?claimable].{where: adress}", "adress in the query"),
        ("devices[].[address, drivr]", "drivr in the query.*did you mean driver"),
        ("sort_by(devices, &adress)", "adress in the query"),
        ("map(&adress, devices)", "adress in the query"),
        ("devices[].blockers[].cod", "cod in the query.*did you mean code"),
        ("devices[?owner.lable == 'x']", "lable in the query.*did you mean label"),
        ("max_by(devices, &iommu_group).adress", "adress in the query"),
        ("devices[].{a: address} | [0].b", "b in the query"),
        ("device('3b:00.0').adress", "adress in the query"),
        ("devices.address", r"address in the query: found a list.*write \[\].address"),
        ("devices[].driver.name", "name in the query: what stands before it has no fields"),
        ("host[].kernel", "found something with the fields .*; wanted: a list"),
        ("devices[].address[0]", r"\[0\] in the query: found a value; wanted: a list"),
        ("devices[].owner[0].label", r"\[0\] in the query: found something with the fields id, kind, label"),
        ("devices[0].address[:4]", r"\[:\] in the query: found a value; wanted: a list"),
        ("devices[0].owner[]", r"\[\] in the query: found something with the fields id, kind, label"),
        ("not_null(devices[0].owner, devices[1].owner).lable", "lable in the query.*did you mean label"),
        ("to_array(devices[0])[].adress", "adress in the query.*did you mean address"),
        ("devices[?contains(keys(@), `1`)]", r"contains\(\) in the query: found 1, which it never is"),
        ("devices[?fre(@)]", r"fre\(\) in the query.*did you mean free"),
        ("devices[?device_type == 'type-vf']", "device_type == in the query: found 'type-vf'.*did you mean type-VF"),
        ("devices[?status == 'claimd']", "did you mean claimed"),
        ("devices[?capability == 'pic']", "did you mean"),
        ("devices[?blockers[?code == 'root_dsk']]", "did you mean root_disk"),
        ('devices[?vendor_id == "10de"]', "or '10de' in single quotes"),
        ("devices[?vendor_id == `8086`]", "found 8086, which it never is.*write '8086'"),
        ("devices[?'10DE' == vendor_id]", "found '10DE', which it never is.*write '10de'"),
        ("devices[?vendor_id == '0x10de']", "write '10de'"),
        ("devices[?class == '0302']", "starts_with"),
        ("devices[?address == '3b:00.0']", "write '0000:3b:00.0'"),
        ("devices[?numa_node == '0']", "write `0` in backticks"),
        ("devices[?claimable == 'true']", "write `true` in backticks"),
        ("devices[?claimable == true]", "write `true` in backticks"),
        ("devices[?owner.label == train]", "train in the query.*or 'train' in single quotes if a text is meant"),
        ("devices[?address > '0000:3b:00.0']", "address > in the query: that compares numbers alone"),
        ("device('0000:3c:00.0')", "no device is '0000:3c:00.0'.*did you mean 0000:3b:00.0"),
        ("device('pci_0000_3b_00_1')", "did you mean pci_0000_3b_00_0|did you mean"),
        ("var('whihc')", "did you mean which"),
        ('fits(devices, `{"vendr_id": "10de"}`)', "did you mean vendor_id"),
        ("fits(devices, '10de')", r"specs\[0\]: found '10de'"),
        ("fits(pools, '10de:20b2')", "something else in place of a device"),
        ("free(pools)", "something else in place of a device"),
        ("fits(devices[].{capability: capability}, '10de:20b2')", "devices with their address"),
        ("devices[].{a: address}.a", r"a in the query: found a list.*write \[\].a"),
        ("devices[].link[?max_speed]", "found something with the fields .*; wanted: a list"),
        ("sort_addresses(devices[].driver)", r"sort_addresses\(\) in the query: found 'bochs-drm'"),
        ("devices[?owner == 'train1']", "owner == in the query: found 'train1'.*a point and kind, id, label"),
        ("devices[?blockers[].code == 'root_disk']", r"it is a list.*contains\(LIST, VALUE\)"),
        ("devices[?children == 'enp1s0']", "children == in the query.*it is a list"),
        ("devices[?owner.kind == 'Domain']", "kind == in the query.*write 'domain'"),
        ("devices[?contains(blockers[].code, 'root_dsk')]", r"contains\(\) in the query.*did you mean root_disk"),
        ("devices[?address == var('which')]", "found '3b:00.0', which it never is"),
        ("devices.*.address", r"\* in the query"),
        ("claims[].devices[].adress", "adress in the query.*did you mean address"),
        ("claims[].node_devices[].nme", "nme in the query.*did you mean name"),
        ("devices[].children[].nmae", "nmae in the query.*did you mean name"),
        ("devices[?children[?kind == 'nett']]", "kind == in the query.*did you mean net"),
        ("devices[?children[?operstate == 'UP']]", "operstate == in the query.*write 'up'"),
        ("devices[?children[?size > `1`]]", "size > in the query: that compares numbers.*to_number"),
        ("devices[?used_by[?via == 'hostdv']]", "did you mean hostdev"),
        ("tree[].childern", "childern in the query.*did you mean children"),
        ("tree[].children[].children[].nam", "nam in the query.*did you mean name"),
        ("claims[].requests[].cuont", "cuont in the query.*did you mean count"),
        ("claims[].requests[].specs[].vendr_id", "vendr_id in the query.*did you mean vendor_id"),
        ("claims[].devices[].identity.seriel", "seriel in the query.*did you mean serial"),
        ("claims[].devices[].original.drivr", "drivr in the query.*did you mean driver"),
        ("claims[].devices[?role == 'request']", "role == in the query.*did you mean requested"),
        ("claims[].node_devices[].identity.vendr", "vendr in the query.*did you mean vendor"),
        ("drift[?code == 'orphaned']", "code == in the query.*did you mean orphan"),
        ("devices[].interface", "interface in the query: it is not in these facts.*node_devices in the gather_subset"),
        ("(devices[0].owner && devices[0].owner).lable", "lable in the query.*did you mean label"),
        ("(devices[0].owner || devices[1].owner).lable", "lable in the query.*did you mean label"),
        ("fits(devices[0], '10de:20b2').address", "what stands before it has no fields"),
        ("devices[?starts_with(address, '3b:00')]", r"starts_with\(\) in the query.*write '0000:3b:00'"),
        ("devices[?contains(address, '3B:00')]", r"contains\(\) in the query.*write '3b:00'"),
        ("devices[?ends_with(address, '.8')]", r"ends_with\(\) in the query: found '.8', which it never does"),
        ("devices[?starts_with(class, '0x03')]", "write '03'"),
        ("devices[?starts_with(device_type, 'VF')]", r"starts_with\(\) in the query.*one of type-PCI, type-PF"),
        ("devices[?contains(device_type, 'vf')]", r"contains\(\) in the query.*one of type-PCI, type-PF"),
        ("devices[?starts_with(numa_node, '0')]", r"starts_with\(\) in the query.*write `0` in backticks"),
        ("devices[?contains(owner, 'train1')]", r"contains\(\) in the query.*a point and kind, id, label"),
        ("devices[?starts_with(blockers[].code, 'root')]", r"starts_with\(\) in the query.*it is a list"),
        ('devices[?contains(`["type-PF", "type-vf"]`, device_type)]', "found 'type-vf'.*did you mean type-VF"),
        ("devices[?contains(var('addresses'), address)]", "found '3B:00.0'.*write '0000:3b:00.0'"),
        ("devices[?type(driver) == 'text']", "found 'text', which it never is; wanted: one of string"),
        ("devices[?starts_with(driver, 'vfio')]", r"found null; wanted: string; what to do: ask first whether it is"),
        ("devices[?!address && fits(@, '10de')]", r"specs\[0\]: found '10de'"),
        ("devices[?!address && starts_with(class)]", r"starts_with\(\) in the query: found 1 arguments; wanted: 2"),
        ("not_null()", r"not_null\(\) in the query: found 0 arguments"),
        ("fits(devices, `[]`)", "an empty list, which nothing fits"),
        ("devices[::0]", "slice step cannot be zero"),
        ("!" * 3000 + "devices", "recursion"),
        ("devices[", "Incomplete expression; wanted"),
        ("devices[?numa_node == 1]", r"token .1. \(NUMBER\); wanted.*write a number in backticks \(`1`\)"),
        ("devices[?vendor_id == 10de]", "ids and other texts in single quotes"),
        ("devices[?class = '030200']", "write == in place of ="),
        ("devices[?claimable and address]", "write && in place of and"),
        ("devices[?claimable or address]", r"write \|\| in place of or"),
        ("devices[?claimable == True]", "write `true` in backticks"),
        ("devices[?driver == None]", "write `null` in backticks"),
        ("hostdev.devices[].address", "leave hostdev out: an expression begins with devices, "),
        ("ansible_facts.hostdev.devices", "leave ansible_facts out"),
        ("device('enp1s0')", r"'enp1s0' is no device, but what one carries.*write device\('0000:01:00.0'\)"),
        ("devices[].starts_with(numa_node, 'x')", "starts_with"),
        ("length(devices, devices)", "length"),
        ("", "found the text ''; wanted: an expression"),
    ],
)
def test_a_mistake_is_an_error_that_says_what_is_meant(facts, expression, told):
    with pytest.raises(AnsibleFilterError, match=f"^pci_query: .*{told}"):
        query(facts, expression, which="3b:00.0", addresses=["0000:3b:00.0", "3B:00.0"])


def test_addresses_are_sorted_by_their_numbers(facts):
    addresses = ["10000:00:01.0", "0000:af:00.0", "0001:00:00.0"]
    expression = "sort_addresses(var('addresses'))"
    assert query(facts, expression, addresses=addresses) == ["0000:af:00.0", "0001:00:00.0", "10000:00:01.0"]
    assert query(facts["devices"][::-1], "sort_addresses(@)") == facts["devices"]


def test_a_value_is_none_of_the_expression(facts):
    hostile = "x' || '1' == '1"
    assert query(facts, "claims[?owner.label == var('who')]", who=hostile) == []


def test_what_is_no_data_is_no_value_for_an_expression(facts):
    class _AnsibleTaggedDate(datetime.date):
        """As ansible-core makes them of dates in YAML."""

    with pytest.raises(AnsibleFilterError, match="the values: found a value of type date; .*with the filter string"):
        query(facts, "devices", day=_AnsibleTaggedDate(2026, 1, 2))


def test_a_device_is_found_by_its_address_where_it_has_no_name():
    device = {"capability": "pci", "address": "0000:01:00.0"}
    assert query([device], "device('1:0.0')") == device
    with pytest.raises(AnsibleFilterError, match="no device is '01:00.1'; .*did you mean 0000:01:00.0"):
        query([device], "device('01:00.1')")


def test_what_was_not_gathered_is_an_error(facts):
    without = {**facts, "devices": [{**device} for device in facts["devices"]]}
    del without["pools"]
    for device in without["devices"]:
        del device["driver"]
    assert query(without, "devices[0].address") == "0000:00:00.0"
    with pytest.raises(AnsibleFilterError, match="driver in the query: it is not in these facts.*option fields"):
        query(without, "devices[?driver]")
    with pytest.raises(AnsibleFilterError, match="pools in the query: it is not in these facts.*gather_subset"):
        query(without, "pools")


def test_fields_of_other_devices_are_known_too(facts):
    nodes = [
        {"capability": "net", "name": "net_a", "address": "52:54:00:12:34:56", "interface": "a", "odd": 1},
        {"capability": "usb_device", "name": "usb_1", "class": 9, "blockers": []},
        {"capability": "net", "name": "net_b", "interface": "b", "link": {"speed": 1000, "state": "up", "odd": 2}},
    ]
    wider = {**facts, "devices": [*facts["devices"], *nodes]}
    assert query(wider, "devices[?odd == `1`].interface") == ["a"]
    assert query(wider, "devices[?class == `9`].name") == ["usb_1"]
    assert query(wider, "devices[?address == '52:54:00:12:34:56'].name") == ["net_a"]
    assert query(wider, "devices[?link.state == 'up' && link.odd == `2`].name") == ["net_b"]
    for expression, told in [
        ("devices[].blockers[].cod", "cod in the query"),
        ("devices[].interfce", "interfce in the query.*did you mean interface"),
        ("devices[].link.stat", "stat in the query.*did you mean state"),
        ("devices[].vpd.readonly.serial_numbr", "serial_numbr in the query.*did you mean serial_number"),
        ("devices[].mdev_types[].available_instance", "did you mean available_instances"),
    ]:
        with pytest.raises(AnsibleFilterError, match=told):
            query(wider, expression)
    with pytest.raises(
        AnsibleFilterError, match="claimable in the query: it is not in these facts.*only PCI functions"
    ):
        query(nodes, "[].claimable")
    assert query([*nodes, {"capability": "pci", "address": "0000:01:00.0", "vpd": {"name": "X"}}], "[].vpd.name") == [
        "X"
    ]


def test_a_missing_library_is_named(facts, monkeypatch):
    monkeypatch.setitem(sys.modules, "jmespath", None)
    with pytest.raises(
        AnsibleFilterError, match="library jmespath: the controller's .* lacks it; .*pip install jmespath"
    ):
        query(facts, "devices")


def test_facts_are_left_as_they_are(facts):
    before = copy.deepcopy(facts)
    query(facts, "sort_addresses(free(fits(devices, '10de:20b2')))")
    assert facts == before


OF_EACH_FUNCTION = {
    "abs": ("abs(devices[0].iommu_group)", 0),
    "avg": ("avg([`1`, `3`])", 2),
    "ceil": ("ceil(`1.5`)", 2),
    "contains": ("contains(devices[0].address, '00')", True),
    "device": ("device('3b:00.0').owner.label", "train1"),
    "ends_with": ("ends_with(devices[0].address, '.0')", True),
    "fits": ("fits(devices, '10de:20b2')[0].address", "0000:3b:00.0"),
    "floor": ("floor(`1.5`)", 1),
    "free": ("free(devices)[0].address", "0000:01:10.2"),
    "join": ("join('-', devices[:2].vendor_id)", "8086-1234"),
    "keys": ("keys(host) | contains(@, 'iommu')", True),
    "length": ("length(devices[0].address)", 12),
    "map": ("map(&address, devices)[0]", "0000:00:00.0"),
    "max": ("max(devices[].vendor_id)", "8086"),
    "max_by": ("max_by(devices, &address).address", "0000:af:00.0"),
    "merge": ("merge(host, claims[0].owner).label", "dpdk0"),
    "min": ("min(devices[].iommu_group)", 0),
    "min_by": ("min_by(devices, &iommu_group).address", "0000:00:00.0"),
    "not_null": ("not_null(devices[0].owner, devices[0].address)", "0000:00:00.0"),
    "reverse": ("reverse(devices)[0].address", "0000:af:00.0"),
    "sort": ("sort(devices[].address)[0]", "0000:00:00.0"),
    "sort_addresses": ("sort_addresses(devices[].address)[0]", "0000:00:00.0"),
    "sort_by": ("sort_by(devices, &address)[0].address", "0000:00:00.0"),
    "starts_with": ("devices[?starts_with(class, '0302')].address | [0]", "0000:3b:00.0"),
    "sum": ("sum(pools[].count)", 8),
    "to_array": ("to_array(devices[0].address)", ["0000:00:00.0"]),
    "to_number": ("to_number(devices[0].vendor_id)", 8086),
    "to_string": ("to_string(devices[0].address)", "0000:00:00.0"),
    "type": ("type(devices[0].address)", "string"),
    "values": ("length(values(claims[0].owner))", 3),
    "var": ("var('which')", "3b:00.0"),
}
"""Of each function a query over facts that a template hands over, with the answer."""


def test_each_function_works_with_what_ansible_hands_over(facts, tmp_path):
    domain = {"device", "fits", "free", "sort_addresses", "var"}
    assert OF_EACH_FUNCTION.keys() - domain == Functions.FUNCTION_TABLE.keys()
    site = Site(tmp_path)
    site.write("inventory/hosts.yml", {"all": {"hosts": {"kvm2": {"given": facts}}}})
    # One task for all, since each is a process of its own, and one template: one value is a text on ansible-core 2.18.
    answers = ", ".join(
        f"'{name}': given | kvm.hostdev.pci_query(asked['{name}'], which='3b:00.0')" for name in OF_EACH_FUNCTION
    )
    asked = {name: expression for name, (expression, _answer) in OF_EACH_FUNCTION.items()}
    tasks = [{"ansible.builtin.debug": {"msg": f"{{{{ {{{answers}}} }}}}"}, "vars": {"asked": asked}}]
    (come,) = site.play([{"hosts": "all", "gather_facts": False, "tasks": tasks}])
    assert come["result"]["msg"] == {name: answer for name, (_expression, answer) in OF_EACH_FUNCTION.items()}
