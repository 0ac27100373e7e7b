# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules, filters and tests say they return: samples have the documented form, and all modules say it alike.

That results have it, every unit test of a module shows: its runner holds each result against RETURN.
"""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.filter.place import place
from ansible_collections.kvm.hostdev.tests.unit.helpers import documented

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = "ansible_collections.kvm.hostdev.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
OF_DATA = {
    "host_events": set(),
    "iommu_info": {"group_types"},
    "kernel_arguments": set(),
    "memory_lock": set(),
    "pci_adopt": {"claims[].requests", "vfs[].settings"},
    "pci_facts": {
        "ansible_facts.hostdev.claims[].constraints",
        "ansible_facts.hostdev.claims[].labels",
        "ansible_facts.hostdev.claims[].prefer",
        "ansible_facts.hostdev.claims[].requests",
        "ansible_facts.hostdev.devices[].vpd",
        "ansible_facts.hostdev.tree[].children",
    },
    "pci_passthrough": {
        "error.constraints",
        "error.record",
        "error.refused",
        "error.undo_failed",
        "error.unserved",
        "owners[].alternative",
    },
    "pci_passthrough_claim": {
        "claim.constraints",
        "claim.labels",
        "claim.prefer",
        "claim.requests",
        "alternative",
        "devices[].stood_before",
        "devices[].vf_settings",
        "error.constraints",
        "error.record",
        "error.refused",
        "error.undo_failed",
        "node_devices[].identity",
        "node_devices[].stood_before",
    },
    "pci_passthrough_release": {
        "claims[].constraints",
        "claims[].labels",
        "claims[].prefer",
        "claims[].requests",
        "error.failed",
        "error.record",
        "error.undo_failed",
    },
    "pci_reconcile": {"moved", "error.record", "error.undo_failed"},
    "pci_recording": set(),
    "pci_report": set(),
    "pci_sriov": {"pfs[].settings", "error.record", "error.undo_failed", "error.vfs_in_use"},
    "vfio_modules": {"kernels"},
}
"""Mappings whose keys are data, a user's own input, or an error once more: of all others each key is described."""


@pytest.mark.parametrize("module", MODULES)
def test_samples_have_the_form_that_is_returned(module):
    keys = documented.returns(module)
    result = {key: documented.sample(said) for key, said in keys.items() if said["returned"] != "failure"}
    failure = {key: documented.sample(said) for key, said in keys.items() if said["returned"] in ("always", "failure")}
    assert documented.faults(module, result) == []
    assert documented.faults(module, {**failure, "failed": True}) == []


@pytest.mark.parametrize("module", MODULES)
def test_each_mapping_is_described_key_by_key(module):
    undescribed = {
        path
        for path, said in documented.paths(documented.returns(module))
        if "dict" in (said["type"], said.get("elements")) and documented.keys_of(module, said) is None
    }
    assert undescribed == OF_DATA[module]


def test_the_first_sample_of_a_device_is_a_whole_pci_function():
    hostdev = documented.returns("pci_facts")["ansible_facts"]["contains"]["hostdev"]["contains"]
    fields = {key for key, said in hostdev["devices"]["contains"].items() if _of_every_function(said["returned"])}
    assert set(hostdev["devices"]["sample"][0]) == fields


def _of_every_function(returned: str) -> bool:
    return returned in ("always", "for all, unless O(fields) leaves it out") or (
        returned.startswith("for PCI functions") and "could read" not in returned
    )


def test_what_every_error_has_is_described_alike():
    described = {
        module: [(key, said["description"]) for key, said in keys["contains"].items()][:5]
        for module, keys in ((module, documented.returns(module).get("error")) for module in MODULES)
        if keys is not None
    }
    assert set(MODULES) - set(described) == {"pci_report"}
    assert [key for key, _text in described["iommu_info"]] == ["code", "subject", "found", "wanted", "remedy"]
    assert len({str(texts) for texts in described.values()}) == 1


def _plugins(kind: str) -> list[tuple[str, str]]:
    return [(kind, path.stem) for path in sorted((ROOT / "plugins" / kind).glob("*.py"))]


@pytest.mark.parametrize(("kind", "name"), [*_plugins("filter"), *_plugins("test")])
def test_a_filter_or_test_shows_what_it_returns(kind, name):
    value = _value(kind, name)
    assert "sample" in value or "contains" in value
    assert _lacking(value, "_value") == []


def _value(kind: str, name: str) -> dict[str, t.Any]:
    value: dict[str, t.Any] = yaml.safe_load(importlib.import_module(f"{PLUGINS}.{kind}.{name}").RETURN)["_value"]
    return value


def _lacking(value: t.Mapping[str, t.Any], path: str) -> list[str]:
    """The parts without description, type or sample."""
    below = value.get("contains", {})
    lacking = [f"{path}: {key}" for key in ("description", "type") if key not in value]
    if not below and "sample" not in value:
        lacking.append(f"{path}: sample")
    return lacking + [fault for key, said in below.items() for fault in _lacking(said, f"{path}.{key}")]


GPU = {"vendor_id": "10de", "product_id": "2330", "class": "030200", "device_type": "type-PCI", "numa_node": 0}


@pytest.mark.parametrize(("count", "there"), [(1, set()), (9, {"code"})], ids=["a host", "no host"])
def test_a_placement_has_the_keys_that_are_documented(count, there):
    requests = [{"name": "gpu", "specs": ["10de:2330"], "count": count}]
    told = place({"kvm1": {"pools": [{**GPU, "count": 4}], "claims": []}}, requests)
    documented_keys = _value("filter", "place")["contains"]
    always = {key for key, said in documented_keys.items() if said.get("returned", "always") == "always"}
    assert set(told) == always | there
    assert set(documented_keys) == always | {"code"}
