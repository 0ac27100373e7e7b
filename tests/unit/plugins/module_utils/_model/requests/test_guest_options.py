# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.guest_options import (
    NO_OPTIONS,
    GuestOptions,
    Network,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, holding

A = "0000:01:10.0"
ALL = {
    "guest_address": "0000:05:00.0",
    "rom": {"bar": False, "file": "/usr/share/rom.bin"},
    "boot_order": 2,
    "driver": "mlx5_vfio_pci",
    "managed": False,
    "network": {"mac": "52:54:00:12:34:56", "vlan": 42, "trust": True, "spoof_check": False},
}


def read(**keys):
    (request,) = parse_requests([{"name": "nic", "specs": [{"vendor_id": "8086"}], **keys}], {})
    return request


@pytest.mark.parametrize(
    ("keys", "found", "remedy"),
    [
        (
            {"network": {"mac": 41135085296}},
            "found 41135085296, which is 52:54:00:12:34:56 without quotes",
            'put the address into quotes: "52:54:00:12:34:56"',
        ),
        ({"network": {"mac": 525400123456}}, "found 525400123456", "give that instead"),
        (
            {"guest_address": 300.0},
            "found 300.0, which is 0000:05:00.0 without quotes",
            'put the address into quotes: "0000:05:00.0"',
        ),
    ],
)
def test_an_address_that_yaml_read_as_a_number_is_shown(keys, found, remedy):
    error = refused(**keys)
    assert (error.found, error.remedy) == (found, remedy)


def refused(**keys):
    with pytest.raises(HostdevError) as caught:
        read(**keys)
    assert caught.value.code == "invalid_request"
    return caught.value


def test_all_options_are_read():
    network = Network("52:54:00:12:34:56", 42, True, False)
    assert read(**ALL).guest == GuestOptions(
        "0000:05:00.0", False, "/usr/share/rom.bin", 2, "mlx5_vfio_pci", False, network
    )


def test_a_request_without_any_has_none():
    assert read().guest == NO_OPTIONS
    assert set(read().as_dict()) == {"name", "count", "specs"}


def test_what_the_record_keeps_is_read_again_as_it_was():
    request = read(**ALL)
    assert {key: request.as_dict()[key] for key in ALL} == ALL
    claim = Claim(WEB, {"nic": request}, {A: holding(A)})
    assert claim.options(A) == request.guest
    assert Claim.from_dict(claim.as_dict()) == claim


def test_a_group_member_has_no_options():
    assert Claim(WEB, {"nic": read(**ALL)}, {A: holding(A, None)}).options(A) == NO_OPTIONS


def test_each_way_of_asking_takes_them():
    aliased = parse_requests(
        [{"name": "nic", "address": A, "boot_order": 1}],
        {},
    )
    assert aliased[0].guest == GuestOptions(boot_order=1)


def test_texts_from_templates_are_read():
    request = read(boot_order="3", managed="no", network={"vlan": "7", "trust": "yes", "mac": "52:54:00:AA:BB:CC"})
    assert request.guest == GuestOptions(
        boot_order=3, managed=False, network=Network("52:54:00:aa:bb:cc", 7, True, None)
    )


def test_an_empty_network_still_asks_for_an_interface():
    assert read(network={}).guest == GuestOptions(network=Network())
    assert read(network={}).as_dict()["network"] == {}


@pytest.mark.parametrize(
    ("keys", "subject"),
    [
        ({"guest_address": "5"}, "requests[0].guest_address"),
        ({"guest_address": 5}, "requests[0].guest_address"),
        ({"guest_address": "0000:05:00.1"}, "requests[0].guest_address"),
        ({"guest_address": "0001:05:00.0"}, "requests[0].guest_address"),
        ({"rom": "off"}, "requests[0].rom"),
        ({"rom": {"bar": "maybe"}}, "requests[0].rom.bar"),
        ({"rom": {"path": "/x"}}, "requests[0].rom.path"),
        ({"rom": {"file": "rom.bin"}}, "requests[0].rom.file"),
        ({"rom": {"file": "/rom\n.bin"}}, "requests[0].rom.file"),
        ({"boot_order": 0}, "requests[0].boot_order"),
        ({"boot_order": True}, "requests[0].boot_order"),
        ({"driver": "igb"}, "requests[0].driver"),
        ({"driver": "../vfio-pci"}, "requests[0].driver"),
        ({"managed": "perhaps"}, "requests[0].managed"),
        ({"network": "trusted"}, "requests[0].network"),
        ({"network": {"macaddress": "x"}}, "requests[0].network.macaddress"),
        ({"network": {"mac": "52:54:00:12:34"}}, "requests[0].network.mac"),
        ({"network": {"mac": "01:00:5e:00:00:01"}}, "requests[0].network.mac"),
        ({"network": {"mac": "00:00:00:00:00:00"}}, "requests[0].network.mac"),
        ({"network": {"mac": 525400123456}}, "requests[0].network.mac"),
        ({"network": {"vlan": 0}}, "requests[0].network.vlan"),
        ({"network": {"vlan": 4095}}, "requests[0].network.vlan"),
        ({"network": {"trust": 2}}, "requests[0].network.trust"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(keys, subject):
    assert refused(**keys).subject == subject


@pytest.mark.parametrize(
    ("keys", "subject"),
    [
        ({"guest_address": "0000:05:00.0"}, "requests[0].guest_address"),
        ({"boot_order": 1}, "requests[0].boot_order"),
        ({"network": {"mac": "52:54:00:12:34:56"}}, "requests[0].network.mac"),
    ],
)
def test_what_only_one_device_can_have_is_refused_for_several(keys, subject):
    error = refused(count=2, **keys)
    assert (error.subject, error.wanted) == (
        subject,
        "a request for one device, this one is for 2: only one can have it",
    )
