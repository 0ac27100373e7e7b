# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.iommu_arguments import (
    names_intel_switch,
    remapping_off_by,
    switched_off_by,
    words_of,
)


@pytest.mark.parametrize(
    ("platform", "line", "word"),
    [
        ("intel", "quiet", None),
        ("intel", "intel_iommu=off", "intel_iommu=off"),
        ("intel", "intel_iommu=off intel_iommu=on", None),
        ("intel", "intel_iommu=on intel_iommu=off", "intel_iommu=off"),
        ("intel", "intel_iommu=on,off", "intel_iommu=on,off"),
        ("intel", "intel_iommu=off,on", None),
        ("intel", "intel_iommu=off intel_iommu=sm_on", "intel_iommu=off"),
        ("intel", "intel-iommu=off", "intel-iommu=off"),
        ("intel", "iommu=off intel_iommu=on iommu=pt", "iommu=off"),
        ("intel", "iommu=pt,off", "iommu=pt,off"),
        ("intel", "amd_iommu=off iommu.passthrough=0 iommu=nopt", None),
        ("amd", "amd_iommu=off", "amd_iommu=off"),
        ("amd", "amd_iommu=off amd_iommu=on", "amd_iommu=off"),
        ("amd", "intel_iommu=off", None),
        ("amd", "iommu=off", "iommu=off"),
        ("arm64", "iommu=off intel_iommu=off", None),
        ("other", "iommu=off", None),
    ],
)
def test_what_keeps_the_iommu_of_a_platform_off(platform, line, word):
    assert switched_off_by(words_of(line), platform) == word


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("intremap=off", "intremap=off"),
        ("intremap=off intremap=on", None),
        ("intremap=nosid", None),
        ("intremap=off,nosid", "intremap=off,nosid"),
        ("nointremap intremap=on", "nointremap"),
        ("quiet", None),
    ],
)
def test_what_keeps_interrupt_remapping_off(line, word):
    assert remapping_off_by(words_of(line)) == word


def test_what_follows_two_dashes_is_for_init():
    assert words_of("ro quiet -- intel_iommu=off") == ("ro", "quiet")


@pytest.mark.parametrize(
    ("line", "named"),
    [("intel_iommu=on", True), ("intel_iommu=sm_on,off", True), ("intel_iommu=sm_on", False), ("iommu=on", False)],
)
def test_whether_intels_switch_is_named(line, named):
    assert names_intel_switch(words_of(line)) is named
