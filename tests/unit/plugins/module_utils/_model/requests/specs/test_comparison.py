# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_spec

GIB = 1 << 30


def comparison(key, value):
    return getattr(parse_device_spec({key: value}, "specs[0]"), key)


@pytest.mark.parametrize(
    ("key", "value", "fit", "unfit"),
    [
        ("memory", "64 GiB", [64 * GIB], [64 * GIB - 1, 128 * GIB]),
        ("memory", ">= 64 GiB", [64 * GIB, 128 * GIB], [64 * GIB - 1]),
        ("memory", "<= 512 KiB", [0, 512 << 10], [(512 << 10) + 1]),
        ("memory", ">= 16 GiB, <= 32GiB", [16 * GIB, 32 * GIB], [16 * GIB - 1, 32 * GIB + 1]),
        ("memory", "1TiB", [1 << 40], [1 << 30]),
        ("memory", "256 MiB", [256 << 20], [256 << 10]),
        ("memory", "34359738368 B", [32 * GIB], [32]),
        ("link_speed", "16", [16], [8, 32]),
        ("link_speed", 2.5, [2.5], [2, 5]),
        ("link_speed", ">= 2.5 GT/s", [2.5, 64], [2.4]),
        ("link_width", ">= 4, <= 8", [4, 8], [2, 16]),
        ("link_width", 16, [16], [8]),
        ("total_vfs", 0, [0], [1]),
        ("total_vfs", ">= 8", [8, 256], [7, 0]),
        ("iommu_group_size", "<= 2", [1, 2], [3]),
    ],
)
def test_all_bounds_must_hold(key, value, fit, unfit):
    read = comparison(key, value)
    assert [number for number in [*fit, *unfit] if read.fits(number)] == fit
    assert not read.fits(None)


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("memory", ">=16GiB,<= 32  GiB", ">= 16 GiB, <= 32 GiB"),
        ("memory", "1024 MiB", "1024 MiB"),
        ("link_speed", 16, "16 GT/s"),
        ("link_speed", "16.0", "16 GT/s"),
        ("link_speed", "<=2.5GT/s", "<= 2.5 GT/s"),
        ("link_width", "16", 16),
        ("iommu_group_size", 1, 1),
        ("total_vfs", "<=8", "<= 8"),
    ],
)
def test_the_record_keeps_one_spelling_of_it_and_reads_that_again(key, value, kept):
    spec = parse_device_spec({key: value}, "spec")
    assert spec.as_dict() == {key: kept}
    written = {"name": "gpu", "count": 1, "specs": [spec.as_dict()]}
    assert Request.from_dict(written).specs == (spec,)


def refused(key, value):
    with pytest.raises(HostdevError) as caught:
        comparison(key, value)
    assert (caught.value.code, caught.value.subject) == ("invalid_spec", f"specs[0].{key}")
    assert caught.value.found == f"found {value!r}"
    return caught.value


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("memory", ">= 64 GB", ">= 64 GiB"),
        ("memory", "64G", "64 GiB"),
        ("memory", "64Gi", "64 GiB"),
        ("memory", "64 gib", "64 GiB"),
        ("memory", "64", "64 GiB"),
        ("memory", 64, "64 GiB"),
        ("memory", 34359738368, "32 GiB"),
        ("memory", "=> 16 GiB", ">= 16 GiB"),
        ("memory", ">16 GiB", ">= 16 GiB"),
        ("memory", "=< 16 GiB", "<= 16 GiB"),
        ("memory", "≥ 16 GiB", ">= 16 GiB"),
        ("memory", "== 16 GiB", "16 GiB"),
        ("memory", "at least 16 GiB", ">= 16 GiB"),
        ("memory", "up to 16 GiB", "<= 16 GiB"),
        ("memory", "16 GiB+", ">= 16 GiB"),
        ("memory", "16 GiB or more", ">= 16 GiB"),
        ("memory", "0.5 GiB", "512 MiB"),
        ("memory", "1.5 TB", "1536 GiB"),
        ("memory", ">= 16 GiB <= 32 GiB", ">= 16 GiB, <= 32 GiB"),
        ("memory", ">= 16 and <= 32 GiB", ">= 16 GiB, <= 32 GiB"),
        ("memory", "16-32 GiB", ">= 16 GiB, <= 32 GiB"),
        ("memory", ">= 32 GiB, <= 16 GiB", ">= 16 GiB, <= 32 GiB"),
        ("memory", ">= 16 GiB,", ">= 16 GiB"),
        ("link_speed", "> 16", ">= 16 GT/s"),
        ("link_speed", "16GT", "16 GT/s"),
        ("link_speed", "16 gt/s", "16 GT/s"),
        ("link_speed", "16.0 GT/s PCIe", "16 GT/s"),
        ("link_speed", "x16", "16 GT/s"),
        ("link_speed", ">= Gen4", ">= 16 GT/s"),
        ("link_speed", "PCIe 1.0", "2.5 GT/s"),
        ("link_width", "x16", "16"),
        ("link_width", ">= 16x", ">= 16"),
        ("link_width", "16 lanes", "16"),
        ("link_width", 16.0, "16"),
        ("total_vfs", "> 0", ">= 1"),
        ("iommu_group_size", "< 3", "<= 2"),
        ("iommu_group_size", "1..4", ">= 1, <= 4"),
    ],
)
def test_a_text_that_is_nearly_a_comparison_says_what_to_write(key, value, meant):
    assert refused(key, value).remedy == f'did you mean "{meant}"?'
    assert str(comparison(key, meant).written) == meant


def test_two_numbers_of_which_one_is_meant_are_two_specs():
    assert refused("link_width", "8, 16").remedy == (
        'write a spec for each, "8" and "16": what has commas between it must all hold'
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            (key, value)
            for key in ("memory", "link_speed", "total_vfs")
            for value in ("", "lots", True, [1], {"min": 1})
        ),
        ("memory", "64 Gbit"),
        ("memory", ">= 64 GiB, <="),
        ("memory", "9" * 400),
        ("memory", float("inf")),
        ("link_speed", "16 Gbps"),
        ("link_width", 0),
        ("link_width", "-1"),
        ("iommu_group_size", 0),
    ],
)
def test_what_is_like_no_comparison_is_refused_without_a_guess(key, value):
    error = refused(key, value)
    assert error.remedy == "give that instead"
    assert ">= " in error.wanted


@pytest.mark.parametrize(
    ("key", "value", "code", "remedy"),
    [
        ("pcie_root", "0000:16", "invalid_spec", 'did you mean "pci0000:16"?'),
        ("pcie_root", "PCI0000:3A", "invalid_spec", 'did you mean "pci0000:3a"?'),
        ("pcie_root", "3a", "invalid_spec", 'did you mean "pci0000:3a"?'),
        ("pcie_root", "0000:3a:00.0", "invalid_spec", "give that instead"),
        ("pcie_root", 16, "invalid_spec", "give that instead"),
        ("slot", "0000:3b:00.0", "invalid_address", 'did you mean "0000:3b:00"?'),
        ("slot", "3b:00", "invalid_address", 'did you mean "0000:3b:00"?'),
        ("slot", "*:3b:00", "invalid_address", "give that instead"),
        ("slot", 1234, "invalid_address", "put the slot into quotes"),
        ("pcie_switch", "0000:3b:00", "invalid_address", 'did you mean "0000:3b:00.0"?'),
        ("pcie_switch", "3b:*.*", "invalid_address", "give that instead"),
        # What YAML 1.1 makes of 0000:18:00.0 without quotes.
        ("pcie_switch", 1080.0, "invalid_address", 'put the address into quotes: "0000:18:00.0"'),
    ],
)
def test_a_place_that_is_none_says_what_to_write(key, value, code, remedy):
    with pytest.raises(HostdevError) as caught:
        parse_device_spec({key: value}, "specs[0]")
    error = caught.value
    assert (error.code, error.subject, error.remedy) == (code, f"specs[0].{key}", remedy)


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("pcie_root", "pci10000:e2", "pci10000:e2"),
        ("slot", "0000:3B:1F", "0000:3b:1f"),
        ("pcie_switch", "pci_0000_3b_00_0", "0000:3b:00.0"),
    ],
)
def test_places_are_kept_as_sysfs_spells_them(key, value, kept):
    assert parse_device_spec({key: value}, "spec").as_dict() == {key: kept}
