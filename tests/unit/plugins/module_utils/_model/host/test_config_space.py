# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.config_space import ConfigSpace
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PcieLink


def space(**at):
    """256 bytes of config space: a status with a capability list that starts at 0x40, and these bytes."""
    data = bytearray(256)
    data[0x06], data[0x34] = 0x10, 0x40
    for place, value in at.items():
        data[int(place[1:], 16)] = value
    return bytes(data)


ENDPOINT = {"x40": 0x10, "x42": 0x02, "x4c": 0x44, "x4d": 0x01, "x52": 0x13, "x53": 0x00}


def test_an_express_endpoint_tells_its_link():
    config = ConfigSpace(space(**ENDPOINT))
    assert config.link == PcieLink("8.0 GT/s PCIe", 1, "16.0 GT/s PCIe", 20)


def test_a_link_that_is_down_has_no_values_and_what_sits_in_the_root_complex_has_no_link():
    assert ConfigSpace(space(**{**ENDPOINT, "x52": 0, "x4c": 0, "x4d": 0})).link == PcieLink(None, None, None, None)
    assert ConfigSpace(space(**{**ENDPOINT, "x42": 0x92})).link == PcieLink(None, None, None, None)


def test_a_conventional_function_has_no_link():
    config = ConfigSpace(space(x40=0x01, x41=0x50, x50=0x05))
    assert config.link is None


def test_a_capability_behind_others_is_found_and_a_list_in_a_circle_ends():
    assert ConfigSpace(space(x40=0x01, x41=0x50, x50=0x10)).link is not None
    assert ConfigSpace(space(x40=0x01, x41=0x40)).link is None


def test_a_bridge_tells_its_secondary_bus_and_header_type_without_the_multifunction_bit():
    config = ConfigSpace(space(x0e=0x81, x19=0x3B))
    assert (config.header_type, config.secondary_bus) == (1, 0x3B)


@pytest.mark.parametrize(("size", "known"), [(0, False), (64, False), (256, True)])
def test_less_than_256_bytes_say_nothing_of_capabilities(size, known):
    config = ConfigSpace(space(x08=0x07, x40=0x10)[:size])
    assert config.capabilities_known is known
    assert (config.link is not None) is known
    assert config.revision == ("07" if size else None)


@pytest.mark.parametrize("size", [64, 256, 4096])
def test_what_reads_all_ones_does_not_respond_and_tells_nothing(size):
    config = ConfigSpace(b"\xff" * size)
    assert not config.responds
    assert (config.header_type, config.revision, config.secondary_bus, config.link) == (0, None, 0, None)
    assert not config.capabilities_known


@pytest.mark.parametrize(
    "data",
    [
        b"",  # could not be read at all
        b"\xff\xff\xff\xff" + bytes(60),  # a VF: its ids are its PF's to tell
        b"\xff" * 62 + b"\x01\xff",
        bytes(64),
    ],
)
def test_whatever_has_anything_else_responds(data):
    assert ConfigSpace(data).responds
