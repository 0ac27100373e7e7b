# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.arguments import (
    check_arguments,
    contradicts,
    in_force,
    kernels_own,
    place,
    words,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError


@pytest.mark.parametrize(
    "argument",
    [
        "intel_iommu=on",
        "iommu.passthrough=1",
        "vfio-pci.ids=10de:2204,10de:1aef",
        "quiet",
        "root=/dev/x",
        "a=b=c",
        "x=+@",
    ],
)
def test_plain_arguments_are_taken(argument):
    assert check_arguments([argument]) == (argument,)


@pytest.mark.parametrize(
    "argument",
    ["", "a b", "a\tb", "a\n", "a;b", "a=$b", "a=`b`", 'a="b"', "a='b'", "a\\", "=on", "#a", "ä=1", "a&b", "-a", "a|b"],
)
def test_what_a_shell_or_a_loader_would_read_otherwise_is_refused_by_name(argument):
    with pytest.raises(HostdevError) as caught:
        check_arguments(["quiet", argument])
    assert (caught.value.code, caught.value.subject) == ("invalid_argument", "arguments[1]")
    assert repr(argument) in caught.value.found


def test_a_number_of_huge_pages_stays_with_its_size():
    asked = "default_hugepagesz=1G hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=4 quiet quiet".split()
    assert check_arguments(asked) == (
        "default_hugepagesz=1G",
        "hugepagesz=1G hugepages=4",
        "hugepagesz=2M hugepages=4",
        "quiet",
    )


def test_arguments_that_contradict_each_other_are_refused():
    with pytest.raises(HostdevError, match="intel_iommu=off contradicts intel_iommu=on|contradicts"):
        check_arguments(["intel_iommu=on", "intel_iommu=off"])


@pytest.mark.parametrize("words", [("intel_iommu=on", "iommu=off"), ("iommu=off", "intel_iommu=on")])
def test_what_contradicts_is_refused_in_either_order(words):
    with pytest.raises(HostdevError, match="contradicts"):
        check_arguments(words)


@pytest.mark.parametrize(
    ("asked", "other", "expected"),
    [
        ("intel_iommu=on", "intel_iommu=off", True),
        ("intel_iommu=on,sm_on", "intel_iommu=off", True),
        ("intel_iommu=on", "iommu=off", True),
        ("amd_iommu=force_enable", "iommu=off", True),
        ("iommu=pt", "iommu=nopt", True),
        ("iommu=pt", "iommu=off", True),
        ("iommu=pt", "intel_iommu=off", False),
        ("iommu.passthrough=1", "iommu.passthrough=0", True),
        ("vfio-pci.disable_idle_d3=1", "vfio_pci.disable_idle_d3=0", True),
        ("kvm.ignore_msrs=Y", "kvm.ignore_msrs=n", True),
        ("intel_iommu=on", "intel_iommu=igfx_off", False),
        ("intel_iommu=on", "iommu=pt", False),
        ("console=ttyS0", "console=tty0", False),
        ("hugepages=4", "hugepages=0", False),
        ("isolcpus=1-3", "isolcpus=0", False),
        ("intel_iommu=on", "xintel_iommu=off", False),
        ("quiet", "quiet", False),
    ],
)
def test_what_contradicts_what(asked, other, expected):
    assert contradicts(asked, other) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("root=/dev/vda1 intel_iommu=on", True),
        ("intel_iommu=off intel_iommu=on", True),
        ("intel_iommu=on intel_iommu=off", False),
        ("intel_iommu=on intel_iommu=off intel_iommu=on", True),
        ("iommu=off intel_iommu=on", False),
        ("intel_iommu=on,sm_on", False),
        ("xintel_iommu=on", False),
        ("", False),
    ],
)
def test_the_last_of_a_name_is_in_force(line, expected):
    assert in_force("intel_iommu=on", line.split()) is expected


def test_an_argument_of_two_words_stands_only_together():
    asked = "hugepagesz=1G hugepages=4"
    assert place(asked, "a hugepagesz=1G hugepages=4 b".split()) == 1
    assert place(asked, "hugepagesz=1G hugepages=4 hugepagesz=1G hugepages=4".split()) == 2
    assert place(asked, "hugepagesz=2M hugepages=4 hugepagesz=1G hugepages=8".split()) is None


def test_what_follows_two_dashes_is_for_init():
    assert kernels_own("a --b -- c -- d".split()) == ["a", "--b"]
    assert kernels_own(["a"]) == ["a"]


def test_words_of_any_bytes():
    assert words(b"  a=1\tb\xff\r\n\0") == ["a=1", "b\udcff"]
