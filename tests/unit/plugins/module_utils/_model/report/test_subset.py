# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.subset import (
    PARTS,
    check_fields,
    parse_subset,
    pick,
)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["all"], set(PARTS)),
        ([], set(PARTS)),
        (["devices", "host"], {"devices", "host"}),
        (["!tree"], set(PARTS) - {"tree"}),
        (["all", "!tree", "!pools"], set(PARTS) - {"tree", "pools"}),
        (["devices", "tree", "!tree"], {"devices"}),
        (["!all"], set()),
        (["!all", "claims"], {"claims"}),
        (["!all", "claims", "host", "!host"], {"claims"}),
    ],
)
def test_a_subset_names_parts_or_leaves_them_out(values, wanted):
    assert parse_subset(values) == wanted


WORDS = (
    "use some of all, devices, node_devices, iommu_groups, tree, pools, claims, drift, host, "
    "each with a ! before it to leave it out"
)


@pytest.mark.parametrize(
    ("value", "remedy"),
    [("device", "did you mean devices?"), ("!pool", "did you mean pools?"), ("xyz", WORDS), ("!nonsense", WORDS)],
)
def test_an_unknown_part_is_refused_with_the_nearest_one(value, remedy):
    with pytest.raises(HostdevError) as caught:
        parse_subset(["host", value])
    assert (caught.value.code, caught.value.subject) == ("unknown_subset", f"gather_subset: {value}")
    assert caught.value.wanted.startswith("one of all, devices, node_devices")
    assert caught.value.remedy == remedy


def test_an_unknown_field_is_refused_with_the_nearest_one():
    check_fields(["driver", "iommu_group"], {"driver", "iommu_group", "name"})
    with pytest.raises(HostdevError) as caught:
        check_fields(["driver", "iommu_grp"], {"driver", "iommu_group", "name"})
    assert (caught.value.code, caught.value.subject, caught.value.remedy) == (
        "unknown_field",
        "fields: iommu_grp",
        "did you mean iommu_group?",
    )


def test_the_nearest_fields_are_named_first_whether_or_not_one_is_near_enough():
    known = {"address", "bars", "driver", "iommu_group", "numa_node", "zone"}
    with pytest.raises(HostdevError) as caught:
        check_fields(["iommu_grp"], known)
    assert caught.value.wanted.startswith("one of iommu_group, ")
    with pytest.raises(HostdevError) as caught:
        check_fields(["node"], known)
    assert caught.value.wanted.startswith("one of numa_node, zone, ")
    with pytest.raises(HostdevError) as caught:
        check_fields(["xxxx"], known)
    assert caught.value.remedy == "see the fields with kvm.hostdev.pci_facts without fields"


def test_picking_fields_keeps_what_tells_devices_apart_and_their_order():
    device = {"address": "0000:01:00.0", "name": "n", "capability": "pci", "driver": "igb", "bars": []}
    assert pick(device, ["bars", "absent"]) == {
        "address": "0000:01:00.0",
        "name": "n",
        "capability": "pci",
        "bars": [],
    }
