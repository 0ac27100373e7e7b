# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run is given as options, by the record and by libvirt it parses once."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.elements import parse_element
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests import request

THREE = {
    "name": "nic",
    "specs": [{"vendor_id": "8086", "product_id": "10ca"}],
    "count": 3,
    "network": {"vlan": 42, "trust": True},
    "rom": {"bar": False},
}


@pytest.fixture
def options_parsed(monkeypatch):
    """The paths of the requests whose options were parsed."""
    paths, parse = [], request.parse_guest_options

    def counted(entry, path, count):
        paths.append(path)
        return parse(entry, path, count)

    monkeypatch.setattr(request, "parse_guest_options", counted)
    return paths


def test_the_options_of_a_request_are_parsed_once_for_all_its_devices(lab_host, options_parsed):
    assert lab_host.claim(THREE).changed
    assert options_parsed == ["requests[0]"]


def test_those_on_record_are_parsed_once_too(lab_host, options_parsed):
    lab_host.claim(THREE)
    options_parsed.clear()
    assert not lab_host.claim(THREE).changed
    assert options_parsed == ["requests[0]", "claims[0].requests[0]"]
    options_parsed.clear()
    assert lab_host.release().changed
    assert options_parsed == ["claims[0].requests[0]"]


@pytest.fixture
def xml_parsed(monkeypatch):
    """How often the module utils parsed each text as XML."""
    texts, parse = Counter(), ET.fromstring

    def counted(text, *arguments):
        if "/plugins/module_utils/" in sys._getframe(1).f_code.co_filename:
            texts[text] += 1
        return parse(text, *arguments)

    monkeypatch.setattr(ET, "fromstring", counted)
    parse_layout.cache_clear()
    parse_element.cache_clear()
    return texts


def test_no_xml_is_parsed_twice_by_a_claim_or_a_release(lab_host, xml_parsed):
    bound = "<numatune><memory mode='strict' nodeset='0'/></numatune><devices>"
    for place, text in lab_host.domain.xml.items():
        lab_host.domain.xml[place] = text.replace("<devices>", bound, 1)
    placed = {"name": "disk", "address": "0000:04:00.0", "guest_address": "0000:03:00.0", "rom": {"bar": False}}
    again = {**placed, "rom": {"bar": True}}
    for run in (
        lambda: lab_host.claim(THREE, placed, free_root_ports=1),
        lambda: lab_host.claim(THREE, again, free_root_ports=1),
        lab_host.release,
    ):
        xml_parsed.clear()
        assert run().changed
        assert xml_parsed
        assert {text: times for text, times in xml_parsed.items() if times > 1} == {}
