# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run is given as options, by the record and by libvirt it parses once."""

from __future__ import annotations

import pytest

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
