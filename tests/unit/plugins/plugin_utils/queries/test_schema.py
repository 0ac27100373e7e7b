# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What queries are held against is what the module tells, and what is documented."""

from __future__ import annotations

import importlib
import re
import types
import typing as t
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability import states
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_fields import FIELDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import parse_record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.subset import PARTS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.guest_options import GUEST_KEYS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import KEYS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs import device_spec
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import Libvirt
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.kinds import STATUS, Kind
from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.schema import (
    FACTS,
    FUNCTION,
    HELD,
    NODE,
    OPEN,
    accepts,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fleet import gathered, made
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA

ROOT = Path(__file__).resolve().parents[5]
RETURN = yaml.safe_load(importlib.import_module("ansible_collections.kvm.hostdev.plugins.modules.pci_facts").RETURN)
DOCUMENTED = RETURN["ansible_facts"]["contains"]["hostdev"]["contains"]
REQUEST = FACTS["claims"][0]["requests"][0]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return gathered(made(tmp_path_factory.mktemp("host"), "kvm2"))


class NodeHandle(t.NamedTuple):
    """A node device of libvirt, by its XML."""

    xml: str

    def name(self):
        return ET.fromstring(self.xml).findtext("name")

    def XMLDesc(self, _flags):  # noqa: N802 - libvirt's name
        return self.xml


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """The facts of the lab host with libvirt's devices, claims of a domain and of a name, and drift."""
    host = FakeHost(tmp_path_factory.mktemp("busy"))
    nodes = ET.parse(DATA / "lab-trixie.nodedevs.xml").getroot().findall("device")
    host.libvirt.listAllDevices = lambda _flags: [NodeHandle(ET.tostring(node, encoding="unicode")) for node in nodes]
    network = {"mac": "52:54:00:12:34:56", "vlan": 42, "trust": True}
    host.claim({"name": "nic", "specs": [{"product_id": "10ca", "tags": {}}], "network": network}, persist=True)
    host.claim({"name": "port", "address": "0000:01:10.4"}, owner="dpdk0", attach=(), allow=["ip_configured"])
    host.reboot()
    return gathered(host, libvirt=Libvirt(host.libvirt, types.SimpleNamespace(libvirtError=LibvirtError), ""))


@pytest.fixture(scope="module")
def recorded_claims():
    """Claims with every option, of the record that older releases are held against."""
    record = parse_record((DATA / "record-schema-2-full.json").read_bytes())
    return [claim.as_dict() for claim in record.tracker]


def misfits(shape, value, where):
    """Where a value has fields that its shape has not, or is of another kind."""
    if value is None or shape is OPEN:
        return []
    if isinstance(shape, list):
        return [text for item in value for text in misfits(shape[0], item, f"{where}[]")]
    if isinstance(shape, Kind):
        return [] if shape.fits(value) else [f"{where}: {value!r}"]
    unknown = [f"{where}.{key}" for key in value.keys() - shape.keys()]
    known = value.keys() & shape.keys()
    return unknown + [text for key in known for text in misfits(shape[key], value[key], f"{where}.{key}")]


def test_all_that_is_gathered_fits(facts):
    assert misfits([FUNCTION], facts["devices"], "devices") == []
    assert misfits(FACTS, {part: facts[part] for part in FACTS}, "facts") == []
    assert accepts(FACTS, {part: facts[part] for part in FACTS})


def test_all_that_is_gathered_with_libvirt_claims_and_drift_fits(busy):
    functions = [device for device in busy["devices"] if device["capability"] == "pci"]
    others = [device for device in busy["devices"] if device["capability"] != "pci"]
    assert misfits([FUNCTION], functions, "functions") == []
    assert misfits([NODE], others, "others") == []
    assert misfits(FACTS, {part: busy[part] for part in FACTS}, "facts") == []
    assert min(map(len, (functions, others, busy["tree"], busy["claims"], busy["drift"]))) > 0
    assert {"net", "usb_device", "scsi", "storage"} <= {device["capability"] for device in others}


def test_all_that_claims_can_have_fits(recorded_claims):
    assert misfits(FACTS["claims"], recorded_claims, "claims") == []


def test_what_pci_facts_documents_fits():
    samples = DOCUMENTED["devices"]["sample"]
    assert misfits([FUNCTION], [device for device in samples if device["capability"] == "pci"], "functions") == []
    assert misfits([NODE], [device for device in samples if device["capability"] != "pci"], "others") == []
    parts = {part: told["sample"] for part, told in DOCUMENTED.items() if part != "devices" and "sample" in told}
    assert parts.keys() == {"iommu_groups", "tree", "pools", "claims", "drift"}
    assert misfits(FACTS, parts, "facts") == []


def open_paths(shape, where, seen=()):
    """Where a shape is open."""
    if shape is OPEN:
        return {where}
    if any(shape is above for above in seen):
        return set()
    if isinstance(shape, list):
        return open_paths(shape[0], f"{where}[]", (*seen, shape))
    if isinstance(shape, Kind):
        return set()
    return {path for key, value in shape.items() for path in open_paths(value, f"{where}.{key}", (*seen, shape))}


def test_open_is_only_what_others_choose_the_names_in():
    specs = ("claims[].requests[].specs[]", "claims[].requests[].first_available[][]")
    assert open_paths(FUNCTION, "function") == set()
    of_specs = {f".{spec}.{key}" for spec in specs for key in ("tags", "address")}
    assert open_paths(FACTS, "") == {*of_specs, ".claims[].labels"}
    assert open_paths(NODE, "node") == {
        "node.attributes",
        "node.members",
        "node.vpd.readonly.vendor_fields",
        "node.vpd.readwrite.vendor_fields",
        "node.vpd.readwrite.system_fields",
    }


def test_the_fields_of_a_function_are_those_that_are_gathered_and_documented(facts):
    text = (ROOT / "docs/docsite/rst/guide_fields.rst").read_text(encoding="utf-8")
    firsts = re.findall(r"\n   \* - (``.*)", text)
    documented = {name for first in firsts for name in re.findall("``([a-z0-9_]+)``", first)}
    assert FUNCTION.keys() == documented
    assert {key for device in facts["devices"] for key in device} == documented


def test_the_fields_of_other_devices_are_those_that_are_read_of_them():
    assert NODE.keys() == {*FIELDS, "used_by", "blockers"}


def test_the_keys_of_requests_and_specs_are_the_modules_own():
    assert REQUEST.keys() == {*KEYS} - {"alias"}
    assert REQUEST.keys() >= {*GUEST_KEYS}
    assert REQUEST["specs"][0].keys() == {*device_spec.KEYS}


def test_the_parts_are_those_that_can_be_gathered():
    assert {"devices", "node_devices", *FACTS} == set(PARTS)
    assert {"devices", *FACTS} == DOCUMENTED.keys()
    assert FACTS["host"].keys() == DOCUMENTED["host"]["contains"].keys()
    assert FACTS["pools"][0].keys() == DOCUMENTED["pools"]["sample"][0].keys()


def test_each_status_is_known():
    words = {states.AVAILABLE, states.CLAIMED, states.ALLOCATED, states.UNCLAIMABLE, states.UNAVAILABLE}
    assert {*words, "needs_cleaning"} == set(STATUS.forms)


def test_each_kind_of_drift_is_documented():
    text = (ROOT / "docs/docsite/rst/guide_record.rst").read_text(encoding="utf-8")
    rows = text.split("\n   * - Code\n", 1)[1].split("\nA claim that names", 1)[0]
    assert set(FACTS["drift"][0]["code"].forms) == set(re.findall(r"\n   \* - ``([a-z_]+)``", rows))


def test_what_a_claim_has_of_a_device_is_its_own(busy):
    (nic,) = [device for claim in busy["claims"] for device in claim["devices"] if device["request"] == "nic"]
    assert {"guest_address", "vf_settings", "identity"} <= nic.keys() <= HELD.keys()
