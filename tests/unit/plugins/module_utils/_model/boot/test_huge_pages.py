# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.huge_pages import (
    numbers_by_size,
    pages_against,
    pages_in_force,
)

G, M2 = str(1 << 30), str(2 << 20)


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("quiet", {}),
        ("hugepages=512", {None: "512"}),
        ("hugepages=512 hugepagesz=1G hugepages=4", {None: "512", G: "4"}),
        ("hugepagesz=1024M quiet hugepages=4 hugepagesz=1g hugepages=8", {G: "4"}),
        ("hugepagesz=1G hugepages=4 hugepages=512", {G: "4"}),
        ("default_hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=8", {G: "4", M2: "8"}),
        ("hugepagesz=much hugepages=4", {"much": "4"}),
    ],
)
def test_the_first_number_of_a_size_counts(line, numbers):
    assert numbers_by_size(line.split()) == numbers


@pytest.mark.parametrize(
    ("asked", "line", "against"),
    [
        ("default_hugepagesz=1G", "hugepages=512", ["hugepages=512"]),
        ("default_hugepagesz=1G", "default_hugepagesz=2M hugepages=8", ["default_hugepagesz=2M", "hugepages=8"]),
        ("default_hugepagesz=1G", "default_hugepagesz=2M hugepagesz=2M hugepages=8", ["default_hugepagesz=2M"]),
        ("default_hugepagesz=1G", "default_hugepagesz=1024M hugepagesz=2M hugepages=8", []),
        ("hugepagesz=1G hugepages=16", "hugepagesz=1G hugepages=4", ["hugepagesz=1G hugepages=4"]),
        ("hugepagesz=1G hugepages=16", "hugepagesz=1G quiet hugepages=4", ["hugepages=4"]),
        ("hugepagesz=1G hugepages=16", "default_hugepagesz=1G hugepages=4", ["hugepages=4"]),
        ("hugepagesz=1G hugepages=16", "hugepagesz=2M hugepages=4", []),
        ("hugepagesz=1G hugepages=16", "hugepages=512", []),
        ("hugepagesz=2M hugepages=16", "hugepages=512", ["hugepages=512"]),
        ("hugepagesz=2M hugepages=16", "hugepages=512 default_hugepagesz=1G", []),
        ("hugepages=16", "hugepages=512", ["hugepages=512"]),
        ("hugepages=16", "hugepagesz=1G hugepages=4", ["hugepagesz=1G hugepages=4"]),
        ("hugepages=16", "default_hugepagesz=1G", []),
        ("quiet", "hugepages=512", []),
    ],
)
def test_what_a_number_or_a_size_can_t_stand_behind(asked, line, against):
    assert pages_against(asked, line.split()) == against


@pytest.mark.parametrize(
    ("asked", "line", "expected"),
    [
        ("quiet", "hugepages=512", True),
        ("default_hugepagesz=1G", "default_hugepagesz=1G default_hugepagesz=2M", True),
        ("default_hugepagesz=1G", "default_hugepagesz=2M default_hugepagesz=1G", False),
        ("hugepagesz=1G hugepages=16", "hugepagesz=1G hugepages=16", True),
        ("hugepagesz=1G hugepages=16", "hugepagesz=1G hugepages=4 hugepagesz=1G hugepages=16", False),
        ("hugepagesz=2M hugepages=16", "hugepages=512 hugepagesz=2M hugepages=16", False),
        ("hugepagesz=2M hugepages=16", "hugepages=16 hugepagesz=2M hugepages=16", True),
        ("hugepages=16", "default_hugepagesz=1G hugepages=16", True),
        ("hugepages=16", "hugepagesz=1G hugepages=4 hugepages=16", False),
    ],
)
def test_whether_a_kernel_goes_by_it(asked, line, expected):
    assert pages_in_force(asked, line.split()) is expected
