# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.numa import numa_cells
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import NumaNode, parse_set

NODES = {0: NumaNode(frozenset({0, 1, 2, 3}), 0), 1: NumaNode(frozenset({4, 5, 6, 7}), 1)}


@pytest.mark.parametrize(
    ("inside", "cells"),
    [
        ("", set()),
        ("<vcpu>4</vcpu>", set()),
        ("<vcpu cpuset='4-7'>4</vcpu>", {1}),
        ("<vcpu cpuset='0-7,^0-3'>4</vcpu>", {1}),
        ("<vcpu>2</vcpu><cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='1' cpuset='2'/></cputune>", {0}),
        ("<vcpu>2</vcpu><cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='1' cpuset='6'/></cputune>", {0, 1}),
        ("<vcpu cpuset='0-7'>1</vcpu><cputune><vcpupin vcpu='0' cpuset='5'/></cputune>", {1}),
        ("<numatune><memory mode='strict' nodeset='1'/></numatune>", {1}),
        ("<vcpu cpuset='0'>1</vcpu><numatune><memory mode='preferred' nodeset='1'/></numatune>", {1}),
        ("<numatune><memory mode='strict' placement='auto'/></numatune><vcpu cpuset='0'>1</vcpu>", {0}),
        (
            "<numatune><memory mode='strict' nodeset='0'/><memnode cellid='1' mode='strict' nodeset='1'/></numatune>",
            {0, 1},
        ),
    ],
)
def test_a_domain_is_bound_to_the_nodes_of_its_memory_else_of_its_cpus(inside, cells):
    assert numa_cells(parse_layout(f"<domain><name>web1</name>{inside}</domain>"), NODES) == cells


def test_memory_says_where_a_domain_runs_also_where_the_host_tells_of_no_nodes():
    layout = parse_layout("<domain><numatune><memory nodeset='0-1'/></numatune></domain>")
    assert numa_cells(layout, {}) == {0, 1}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (None, set()),
        ("", set()),
        ("3", {3}),
        ("0-2,5", {0, 1, 2, 5}),
        (" 0-3 , ^1 ", {0, 2, 3}),
        ("^1,0-2", {0, 1, 2}),
        ("5-3", set()),
        ("all,x-y,-,1", {1}),
    ],
)
def test_sets_of_numbers(text, numbers):
    assert parse_set(text) == numbers


def test_a_range_without_reason_is_cut():
    assert len(parse_set("0-999999999999")) == 65537


def test_a_number_of_more_digits_than_python_reads_counts_for_nothing():
    assert parse_set("1," + "9" * 5000 + ",3-" + "9" * 5000) == {1}
